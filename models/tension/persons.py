"""Whether people differ in how they like surprise and uncertainty: an inverted U for each, and slopes of their own.

After Gold et al. 2019 (The Journal of Neuroscience 39), who fitted a quadratic curve to every listener's ratings and
found an inverted U over surprise in 31 of 43, with a mean R² of .12. Whoever rated few clips fits such a curve well by
chance: what chance gives stands beside every figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric, Report
from models.metrics.intervals import FEW
from models.taste.evaluation.study import DRAWS, Study
from models.tension.evaluation import POWER, Judged, standardised

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST = 6  # ratings of one listener: a quadratic curve has three parameters
SHUFFLES = 400
GOLD = {"inverted_u": 31 / 43, "r2": 0.12}  # over surprise
_FLAT = 1e-9


@dataclass(frozen=True)
class Person:
    """Ratings of one listener in standard deviations around their mean ``(n,)``, and the clips that were rated."""

    rating: Floats
    clip: npt.NDArray[np.int64]


def people(study: Study) -> list[Person]:
    """Everybody who has rated ``LEAST`` clips, not all of them alike; nobody where there are votes only."""
    said = study.judgements
    found = []
    for listener in study.listeners.tolist() if said.rated else ():
        rows = study.rows_of(listener)
        rating = said.value[rows].astype(np.float64)
        if len(rows) >= LEAST and rating.std() > 0:
            found.append(Person(standardised(rating), said.left[rows]))
    return found


def persons(report: Report, study: Study, judged: Judged) -> None:
    """What people have of their own; adds ``tension.liking.persons.*`` where there are ``FEW`` people at least.

    Of surprise and of uncertainty ``inverted_u``, the share of people whose quadratic curve has its peak inside the
    range that they heard, and ``r2``, the mean R² of the curves. Chance is the same with the measure shuffled among
    each person's clips, ``above`` the difference. Of these two and their product ``slope``, the mean of people's own
    linear effects, each measure alone, and ``spread``, the variance of these effects beyond what noise gives; below 0
    it is less than that. Intervals are over listeners; ``smallest`` is what these data would show in four of five
    repetitions. ``p`` is how often a figure is as large (of slopes: as far from 0) where the measure is dealt out to
    other clips, the same for everybody: people agree about clips, and intervals over listeners alone forget that.
    """
    s, u = standardised(judged.surprise), standardised(judged.uncertainty)
    measures = {"surprise": s, "uncertainty": u, "product": standardised(s * u)}
    everybody = people(study)
    rng = np.random.default_rng(report.seed)
    for name, values in measures.items():
        some = [each for each in everybody if _bends(values[each.clip])]
        if len(some) < FEW:
            continue
        key = f"tension.liking.persons.{name}"
        drawn = rng.integers(len(some), size=(DRAWS, len(some)))
        dealt = rng.permuted(np.tile(values, (SHUFFLES, 1)), axis=1)
        if name != "product":
            _add_curves(report, key, some, values, drawn)
            r2, inverted = np.mean([curve(dealt[:, each.clip], each.rating) for each in some], axis=0)
            report.add(f"{key}.r2.p", _share(r2, report.metrics[f"{key}.r2"]))
            report.add(f"{key}.inverted_u.p", _share(inverted, report.metrics[f"{key}.inverted_u"]))
        _add_slopes(report, key, some, values, drawn)
        report.add(f"{key}.slope.p", _share(abs(_slopes(some, dealt).mean), report.metrics[f"{key}.slope"]))


def _add_curves(report: Report, key: str, some: Sequence[Person], values: Floats, drawn: npt.NDArray[np.int64]) -> None:
    rng = np.random.default_rng([report.seed, 1])
    own, by_chance = [], []
    for each in some:
        own.append(curve(values[each.clip], each.rating))
        shuffled = rng.permuted(np.tile(each.rating, (SHUFFLES, 1)), axis=1)
        by_chance.append([part.mean() for part in curve(values[each.clip], shuffled)])
    chance = np.array(by_chance, dtype=np.float64)
    for place, name in enumerate(("r2", "inverted_u")):
        found = np.array([each[place] for each in own], dtype=np.float64)
        reference = GOLD[name] if key.endswith("surprise") else None
        alone = _over(found, drawn, chance=float(chance[:, place].mean()), reference=reference)
        report.add(f"{key}.{name}", alone)
        gap = found - chance[:, place]
        report.add(f"{key}.{name}.above", _over(gap, drawn, chance=0.0))
        report.add(f"{key}.{name}.smallest", Metric(POWER * float(gap[drawn].mean(1).std()), n=len(some)))


def _add_slopes(report: Report, key: str, some: Sequence[Person], values: Floats, drawn: npt.NDArray[np.int64]) -> None:
    found = _slopes(some, values)
    draws = between(found.own[drawn], found.noise[drawn])
    for name, value, each in (("slope", found.mean, draws[0]), ("spread", found.spread, draws[1])):
        low, high = np.quantile(each, [0.025, 0.975])
        report.add(f"{key}.{name}", Metric(float(value), float(low), float(high), len(some), chance=0.0))
    report.add(f"{key}.spread.smallest", Metric(POWER * float(draws[1].std()), n=len(some)))


@dataclass(frozen=True)
class Slopes:
    """People's ``own`` slopes and the variance of the ``noise`` in each ``(..., people)``, their mean and spread."""

    own: Floats
    noise: Floats
    mean: Floats
    spread: Floats


def _slopes(some: Sequence[Person], values: Floats) -> Slopes:
    """Of ratings on ``values`` ``(..., clips)``.

    The noise of a rating is taken to be as large in everybody: few ratings can't tell it for one.
    """
    parts = []
    for each in some:
        x = values[..., each.clip]
        along = x - x.mean(axis=-1, keepdims=True)
        size = np.maximum((along**2).sum(axis=-1), _FLAT)
        slope = along @ each.rating / size
        parts.append((slope, size, each.rating @ each.rating - slope**2 * size))
    own, size, left = np.moveaxis(np.array(parts), 0, -1)
    rest = sum(len(each.clip) for each in some) - 2 * len(some)
    noise = left.sum(axis=-1, keepdims=True) / rest / size
    return Slopes(own, noise, *between(own, noise))


def curve(x: Floats, y: Floats) -> tuple[Floats, Bools]:
    """R² of the quadratic least-squares fit of ``y`` on ``x``, ``(..., n)``, and whether it is an inverted U.

    It is one where it bends down and its peak lies inside the range of ``x``. ``y`` is to have mean 0.
    """
    middle = x.mean(axis=-1, keepdims=True)
    along = x - middle
    length = (along**2).sum(axis=-1)
    tilt = (along**3).sum(axis=-1) / np.maximum(length, _FLAT)
    bent = along**2 - (along**2).mean(axis=-1, keepdims=True) - tilt[..., None] * along
    linear = (along * y).sum(axis=-1) / np.maximum(length, _FLAT)
    size = np.maximum((bent**2).sum(axis=-1), _FLAT)
    square = (bent * y).sum(axis=-1) / size
    r2 = (linear**2 * length + square**2 * size) / np.maximum((y**2).sum(axis=-1), _FLAT)
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = -(linear - square * tilt) / (2 * square)
    inside = (peak > along.min(axis=-1)) & (peak < along.max(axis=-1))
    return np.asarray(r2, dtype=np.float64), np.asarray((square < 0) & inside, dtype=np.bool_)


def between(effects: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Mean of people's effects ``(..., people)``, and their variance beyond the ``noise`` that each has.

    By the method of moments (DerSimonian & Laird 1986), but not cut off at 0.
    """
    weight = 1 / np.maximum(noise, _FLAT)
    total = weight.sum(axis=-1)
    mean = (weight * effects).sum(axis=-1) / total
    scatter = (weight * (effects - mean[..., None]) ** 2).sum(axis=-1)
    spread = (scatter - (effects.shape[-1] - 1)) / (total - (weight**2).sum(axis=-1) / total)
    return np.asarray(mean, dtype=np.float64), np.asarray(spread, dtype=np.float64)


def _bends(x: Floats) -> bool:
    """Whether a quadratic curve can be fitted: three values at least that differ."""
    return len(np.unique(np.round(x, 9))) > 2


def _over(
    values: Floats, drawn: npt.NDArray[np.int64], *, chance: float | None = None, reference: float | None = None
) -> Metric:
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return Metric(float(values.mean()), float(low), float(high), len(values), chance=chance, reference=reference)


def _share(as_dealt: Floats, found: Metric) -> Metric:
    """How often what was dealt out is as large as what was found."""
    return Metric((1 + int((as_dealt >= abs(found.value or 0.0)).sum())) / (1 + len(as_dealt)), n=found.n)

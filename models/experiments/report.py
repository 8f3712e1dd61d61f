"""How evaluations report: a table for people, then one JSON object for programs as the last line.

Every figure has a 95 % interval and stands beside its baseline, chance and reference where there are any.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from models.experiments.provenance import commit
from models.metrics.intervals import finite_mean

SCHEMA = 1
DRAWS = 500


@dataclass(frozen=True)
class Metric:
    """A figure, its 95 % interval and what it stands beside; None where there is nothing to say."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    baseline: float | None = None
    chance: float | None = None
    reference: float | None = None


@dataclass
class Report:
    """The metrics of one command, in the order in which they were added."""

    command: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    seed: int
    metrics: dict[str, Metric] = field(default_factory=dict)

    def add(self, name: str, metric: Metric) -> None:
        """Add one figure under its contract name."""
        self.metrics[name] = metric

    def print(self, words: Mapping[str, str] | None = None, title: str = "") -> None:
        """The table, in which figures are called by ``words``, then the JSON line."""
        called = words or {}
        table = Table("figure", "value", "95 %", "n", "baseline", "chance", "reference", title=title or self.command)
        for name, metric in self.metrics.items():
            interval = f"{_shown(metric.low)} to {_shown(metric.high)}".removeprefix(" to ").removesuffix(" to ")
            beside = (metric.baseline, metric.chance, metric.reference)
            table.add_row(called.get(name, name), _shown(metric.value), interval, str(metric.n), *map(_shown, beside))
        Console(width=120).print(table)
        print(json.dumps(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """The last line as an object; not-a-number becomes null."""
        metrics = {
            name: {key: _finite(value) for key, value in asdict(metric).items()}
            for name, metric in self.metrics.items()
        }
        return {
            "command": self.command,
            "schema": SCHEMA,
            "data": dict(self.data),
            "model": dict(self.model),
            "commit": commit(),
            "seed": self.seed,
            "metrics": metrics,
        }


def over_songs(
    songs: Sequence[str],
    statistic: Callable[[npt.NDArray[np.int64]], float],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """``statistic`` of clip indices, with a bootstrap over songs: all clips of a song are drawn together.

    Without any song the figure is null.
    """
    if len(songs) == 0:
        return Metric(None, baseline=baseline, chance=chance, reference=reference)
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    members = [np.flatnonzero(owner == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    samples = [
        statistic(np.concatenate([members[i] for i in rng.integers(len(names), size=len(names))])) for _ in range(draws)
    ]
    with np.errstate(invalid="ignore"):
        finite = np.array(samples)[np.isfinite(samples)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (math.nan, math.nan)
    value = statistic(np.arange(len(songs)))
    return Metric(value, float(low), float(high), len(songs), baseline, chance, reference)


def mean_over_songs(
    songs: Sequence[str],
    values: npt.ArrayLike,
    *,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """Mean of ``values`` ``(clips,)`` with an interval over songs; not-a-number entries are left out."""
    data = np.asarray(values, dtype=np.float64)

    def mean(rows: npt.NDArray[np.int64]) -> float:
        return finite_mean(data[rows])

    return over_songs(songs, mean, baseline=baseline, chance=chance, reference=reference)


def ratio_over_songs(
    songs: Sequence[str],
    amounts: npt.ArrayLike,
    numbers: npt.ArrayLike,
    *,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """Sum of ``amounts`` over sum of ``numbers`` ``(clips,)``, such as bits over notes, with an interval over songs."""
    amount, number = np.asarray(amounts, dtype=np.float64), np.asarray(numbers, dtype=np.float64)

    def ratio(rows: npt.NDArray[np.int64]) -> float:
        total = float(number[rows].sum())
        return float(amount[rows].sum()) / total if total > 0 else math.nan

    return over_songs(songs, ratio, baseline=baseline, chance=chance, reference=reference)


def over_halves(
    songs: Sequence[str],
    statistics: Callable[[npt.NDArray[np.int64]], Mapping[str, float]],
    *,
    seed: int = 0,
    draws: int = 20,
) -> dict[str, Metric]:
    """Several ``statistics`` of clip indices at once, with intervals from random halves of the songs.

    For estimates that a clip drawn twice would spoil, such as nearest-neighbour information: the spread of a statistic
    over halves drawn without replacement is that of the whole sample (delete-half jackknife: Shao & Wu 1989), and 1.96
    standard deviations to each side are the interval.
    """
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    rng = np.random.default_rng(seed)
    halves = [
        statistics(np.flatnonzero(np.isin(owner, rng.permutation(len(names))[: (len(names) + 1) // 2])))
        for _ in range(draws if len(names) > 3 else 0)
    ]
    found = {}
    for name, value in statistics(np.arange(len(songs))).items():
        drawn = np.array([half[name] for half in halves])
        drawn = drawn[np.isfinite(drawn)]
        spread = 1.96 * float(drawn.std(ddof=1)) if len(drawn) > 1 else math.nan
        found[name] = Metric(value, value - spread, value + spread, len(songs))
    return found


def _shown(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""How many dimensions of taste the votes support (by cross-validation), and what share of utility is common to all.

Populations with more and more taste directions are learned from some listeners and asked how likely the votes of the
others are: a listener's marginal likelihood, with what their votes said as one Gaussian factor, is exact. The number
taken is the smallest one that is not worse than the best by more than a standard error (Breiman et al. 1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.metrics.intervals import NORMAL_95
from models.taste.hierarchy import Evidence, PopulationPrior, learn
from models.taste.likelihood import RESPONSE, FloatArray

MOST_DIRECTIONS = 5
FOLDS = 4
MOST_LISTENERS = 60  # who are asked: the time goes with their number
PEOPLE_A_DIRECTION = 4  # at least; of fewer people nothing can be told that they differ in together
STEPS = 60  # of EM: enough to compare, not to begin from


@dataclass(frozen=True)
class Directions:
    """With ``directions`` taste directions: ``gain`` in held-out log likelihood over none, nats a vote, with its 95 %
    interval over listeners.
    """

    directions: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Dimensionality:
    """The whole curve, the number ``chosen``, and the share of variance that is ``common``, with its 95 % interval.

    ``common``: of the variance of utility over clips and people, what the mean taste explains; the interval is a
    jackknife's over the folds. ``listeners``: who were asked.
    """

    curve: tuple[Directions, ...]
    chosen: int
    common: float
    common_low: float
    common_high: float
    listeners: int

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {**asdict(self), "curve": [asdict(each) for each in self.curve]}


def measure_dimensionality(
    evidence: Sequence[Evidence], fixed: PopulationPrior, clips: FloatArray, *, seed: int = 0
) -> Dimensionality:
    """Measure on these listeners, of whom ``MOST_LISTENERS`` are drawn where there are more.

    ``clips`` ``(F, F)``: covariance of the features of clips. Raises ``ValueError`` on fewer than two listeners.
    """
    if len(evidence) < 2:
        raise ValueError(f"{len(evidence)} listeners were given; what they share takes two at least")
    generator = np.random.default_rng(seed)
    some = [evidence[i] for i in generator.permutation(len(evidence))[:MOST_LISTENERS]]
    folds = min(FOLDS, len(some))
    held = np.arange(len(some)) % folds
    votes = np.array([max(each.votes, 1) for each in some])
    scores, shares = [], []
    for directions in range(min(MOST_DIRECTIONS, len(some) // PEOPLE_A_DIRECTION) + 1):
        score, share = np.zeros(len(some)), []
        for fold in range(folds):
            known = [each for each, out in zip(some, held == fold, strict=True) if not out]
            population = learn(known, fixed, directions=directions, steps=STEPS)
            share.append(common_share(population, clips))
            for place in np.flatnonzero(held == fold):
                score[place] = log_likelihood(some[place], population)
        scores.append(score)
        shares.append(share)
    gains = [(score - scores[0]) / votes for score in scores]
    curve = tuple(_directions(directions, gain) for directions, gain in enumerate(gains))
    best = max(curve, key=lambda each: each.gain).directions
    chosen = next(k for k, gain in enumerate(gains) if not _clearly_better(gains[best], gain))
    spread = math.sqrt((folds - 1) * float(np.var(shares[chosen])))
    whole = common_share(learn(some, fixed, directions=chosen, steps=STEPS), clips)
    low, high = (min(max(whole + sign * NORMAL_95 * spread, 0.0), 1.0) for sign in (-1, 1))
    return Dimensionality(curve, chosen, whole, low, high, len(some))


def log_likelihood(evidence: Evidence, population: PopulationPrior) -> float:
    """Log of how likely a listener's votes are under a population, up to a constant of the listener's own."""
    prior = np.linalg.inv(population.covariance)
    pull = prior @ population.mean
    both = pull + evidence.shift
    _, log_size = np.linalg.slogdet(np.eye(len(prior)) + population.covariance @ evidence.precision)
    reached = float(both @ np.linalg.solve(prior + evidence.precision, both))
    return (reached - float(population.mean @ pull) - float(log_size)) / 2


def common_share(population: PopulationPrior, clips: FloatArray) -> float:
    """Share of the variance of utility, over clips of this covariance ``(F, F)`` and people, that the mean explains."""
    mean, people = population.mean[: -len(RESPONSE)], population.covariance[: -len(RESPONSE), : -len(RESPONSE)]
    common, own = float(mean @ clips @ mean), float(np.sum(people * clips))
    return common / (common + own) if common + own > 0 else 0.0


def _directions(directions: int, gain: FloatArray) -> Directions:
    half = NORMAL_95 * _standard_error(gain)
    mean = float(gain.mean())
    return Directions(directions, mean, mean - half, mean + half)


def _clearly_better(one: FloatArray, other: FloatArray) -> bool:
    return float((one - other).mean()) > _standard_error(one - other)


def _standard_error(values: FloatArray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))

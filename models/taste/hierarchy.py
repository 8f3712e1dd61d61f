"""What the listeners of a study have in common, as the prior from which a newcomer's head begins.

Tastes and manners are drawn from N(mean, factors factors' + diagonal): a mean, a few *taste directions* along which
people differ together, and what is each feature's own. Empirical Bayes by EM (Dempster, Laird & Rubin 1977): each head
is split into its prior and what the votes said (a Gaussian factor), a listener's expectation is exact, and the
covariance is a maximum-likelihood factor analysis of the second moments (Lawley 1940; Joreskog 1967). The fixed prior
counts as so many listeners of its own: with few people everything stays near it, with none it is the fixed prior.

How many directions the votes support is measured by cross-validation, and with it what share of utility is common to
all. Populations with more and more taste directions are learned from some listeners and asked how likely the votes of
the others are: a listener's marginal likelihood, with what their votes said as one Gaussian factor, is exact. The
number taken is the smallest one that is not worse than the best by more than a standard error (Breiman et al. 1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.intervals import NORMAL_95
from models.taste.head import Head
from models.taste.likelihood import RESPONSE, FloatArray

DIRECTIONS = 3
MEAN_COUNTS, SPREAD_COUNTS = 2.0, 10.0  # listeners that the fixed prior stands for
EM_STEPS = 200
FACTOR_STEPS = 20
MOVED = 1e-5  # of a standard deviation: nothing moves any more
SMALLEST = 1e-6  # of the fixed prior's variance: what is left of a feature that the directions explain wholly

MOST_DIRECTIONS = 5
FOLDS = 4
MOST_LISTENERS = 60  # who are asked: the time goes with their number
PEOPLE_A_DIRECTION = 4  # at least; of fewer people nothing can be told that they differ in together
COMPARED_STEPS = 60  # of EM: enough to compare, not to begin from


@dataclass(frozen=True)
class Evidence:
    """What one listener's votes said, as the Gaussian factor between a head's prior and the head.

    ``precision`` ``(F + 3, F + 3)``, positive semi-definite, and ``shift`` ``(F + 3,)`` = precision @ best value.
    """

    precision: FloatArray
    shift: FloatArray
    votes: int

    @classmethod
    def of(cls, head: Head, prior: Head) -> Evidence:
        """What was learned from ``prior`` to ``head``; raises ``ValueError`` where they are of two taste spaces."""
        if head.version != prior.version or head.joint_mean.shape != prior.joint_mean.shape:
            raise ValueError(f"a head of {head.version} did not begin from a prior of {prior.version}")
        now, before = np.linalg.inv(head.joint_covariance), np.linalg.inv(prior.joint_covariance)
        values, vectors = np.linalg.eigh((now - before + (now - before).T) / 2)
        kept = np.maximum(values, 0.0)  # a surprising vote may leave more doubt than there was: then it said nothing
        shift = now @ head.joint_mean - before @ prior.joint_mean
        shift = vectors @ np.where(values > 0, vectors.T @ shift, 0.0)
        return cls((vectors * kept) @ vectors.T, shift, head.votes_seen - prior.votes_seen)


@dataclass(frozen=True)
class PopulationPrior:
    """How people are spread: ``mean`` ``(F + 3,)``, ``factors`` ``(F + 3, K)``, ``diagonal`` ``(F + 3,)``.

    ``listeners`` and their ``votes``: what it was learned from. ``version`` names the taste space.
    """

    mean: FloatArray
    factors: FloatArray
    diagonal: FloatArray
    version: str
    listeners: int = 0
    votes: int = 0

    def __post_init__(self) -> None:
        mean, factors, diagonal = (np.array(x, dtype=np.float64) for x in (self.mean, self.factors, self.diagonal))
        size = len(mean)
        if mean.shape != (size,) or factors.ndim != 2 or len(factors) != size or diagonal.shape != (size,):
            raise ValueError(f"a population of shapes {mean.shape}, {factors.shape} and {diagonal.shape}")
        if not all(np.isfinite(x).all() for x in (mean, factors, diagonal)) or not (diagonal > 0).all():
            raise ValueError("a population's numbers must be finite and its diagonal positive")
        for name, value in (("mean", mean), ("factors", factors), ("diagonal", diagonal)):
            object.__setattr__(self, name, value)

    @classmethod
    def fixed(cls, head: Head) -> PopulationPrior:
        """The prior of somebody about whom, and about whose like, nothing is known: ``head``, a diagonal one."""
        spread = np.diag(head.joint_covariance)
        return cls(head.joint_mean, np.zeros((len(spread), 0)), spread, head.version)

    @property
    def covariance(self) -> FloatArray:
        """Of people around the mean ``(F + 3, F + 3)``."""
        whole: FloatArray = self.factors @ self.factors.T + np.diag(self.diagonal)
        return whole

    def newcomer(self) -> Head:
        """The head of somebody who has not voted yet."""
        return Head(self.mean, self.covariance, self.version)


def learn(
    evidence: Sequence[Evidence], fixed: PopulationPrior, *, directions: int = DIRECTIONS, steps: int = 0
) -> PopulationPrior:
    """The population of these listeners (MAP-EM); ``fixed`` where there are none. O(steps x listeners x F^3).

    At most ``EM_STEPS`` steps, or fewer ``steps`` where a rough answer is enough.
    """
    if not evidence:
        return fixed
    precision, shift = np.stack([each.precision for each in evidence]), np.stack([each.shift for each in evidence])
    scale = np.sqrt(np.diag(fixed.covariance))
    mean, covariance = fixed.mean, fixed.covariance
    factors, diagonal = fixed.factors, fixed.diagonal
    for _ in range(steps or EM_STEPS):
        persons, spreads = _persons(precision, shift, mean, covariance)
        new = (persons.sum(axis=0) + MEAN_COUNTS * fixed.mean) / (len(persons) + MEAN_COUNTS)
        off, away = persons - new, new - fixed.mean
        moments = off.T @ off + spreads.sum(axis=0) + MEAN_COUNTS * np.outer(away, away)
        moments = (moments + SPREAD_COUNTS * fixed.covariance) / (len(persons) + SPREAD_COUNTS)
        factors, diagonal = factor_analysis(moments, directions, floor=SMALLEST * scale**2)
        whole = factors @ factors.T + np.diag(diagonal)
        moved = max(np.abs((new - mean) / scale).max(), np.abs((whole - covariance) / np.outer(scale, scale)).max())
        mean, covariance = new, whole
        if moved < MOVED:
            break
    return PopulationPrior(mean, factors, diagonal, fixed.version, len(evidence), sum(each.votes for each in evidence))


def average(evidence: Sequence[Evidence], population: PopulationPrior, fixed: PopulationPrior) -> Head:
    """The average listener: the mean of people spread as in ``population``, and the doubt about this mean.

    Each listener counts by how much their votes say (generalised least squares); ``fixed`` counts as in ``learn``.
    """
    known = MEAN_COUNTS * np.linalg.inv(population.covariance)
    total, weighted = known, known @ fixed.mean
    unit = np.eye(len(fixed.mean))
    for each in evidence:
        # (covariance + precision^-1)^-1 without inverting a precision that may be singular
        share = np.linalg.solve(unit + each.precision @ population.covariance, np.c_[each.precision, each.shift])
        total, weighted = total + share[:, :-1], weighted + share[:, -1]
    covariance = np.linalg.inv((total + total.T) / 2)
    return Head(
        covariance @ weighted,
        (covariance + covariance.T) / 2,
        fixed.version,
        votes_seen=sum(each.votes for each in evidence),
    )


def factor_analysis(moments: FloatArray, directions: int, *, floor: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Factors ``(n, K)`` and diagonal ``(n,)`` whose covariance is likeliest for ``moments`` ``(n, n)``.

    Given the diagonal the best factors are the leading eigenvectors of what it standardises, as far as they stand out
    (above 1); given the factors the diagonal is what is left, at least ``floor`` ``(n,)``.
    """
    variance = np.diag(moments)
    diagonal = 1 / np.diag(np.linalg.inv(moments)) if directions else variance.copy()  # what no other one tells
    factors = np.zeros((len(variance), directions))
    for _ in range(FACTOR_STEPS if directions else 0):
        root = np.sqrt(diagonal)
        values, vectors = np.linalg.eigh(moments / np.outer(root, root))
        leading = np.sqrt(np.maximum(values[::-1][:directions] - 1, 0.0))
        factors = root[:, None] * vectors[:, ::-1][:, :directions] * leading
        diagonal = np.maximum(variance - (factors**2).sum(axis=1), floor)
    return factors, diagonal


def _persons(
    precision: FloatArray, shift: FloatArray, mean: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Each listener's expectation ``(N, n)`` and covariance ``(N, n, n)`` under this population."""
    prior = np.linalg.inv(covariance)
    spreads = np.linalg.inv(precision + prior)
    persons: FloatArray = np.einsum("nij,nj->ni", spreads, shift + prior @ mean)
    return persons, spreads


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


def measure_dimensionality(evidence: Sequence[Evidence], fixed: PopulationPrior, clips: FloatArray) -> Dimensionality:
    """Measure on these listeners, of whom ``MOST_LISTENERS`` are drawn where there are more.

    ``clips`` ``(F, F)``: covariance of the features of clips. Raises ``ValueError`` on fewer than two listeners.
    """
    if len(evidence) < 2:
        raise ValueError(f"{len(evidence)} listeners were given; what they share takes two at least")
    generator = np.random.default_rng(0)
    some = [evidence[i] for i in generator.permutation(len(evidence))[:MOST_LISTENERS]]
    folds = min(FOLDS, len(some))
    held = np.arange(len(some)) % folds
    votes = np.array([max(each.votes, 1) for each in some])
    scores, shares = [], []
    for directions in range(min(MOST_DIRECTIONS, len(some) // PEOPLE_A_DIRECTION) + 1):
        score, share = np.zeros(len(some)), []
        for fold in range(folds):
            known = [each for each, out in zip(some, held == fold, strict=True) if not out]
            population = learn(known, fixed, directions=directions, steps=COMPARED_STEPS)
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
    whole = common_share(learn(some, fixed, directions=chosen, steps=COMPARED_STEPS), clips)
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

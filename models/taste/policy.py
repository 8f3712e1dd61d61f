"""Which two clips to play next: a stochastic mixture in which every unordered pair has a known probability.

Three components: *information* (softmax over the expected information gain about the listener's weights, BALD of
Houlsby et al. 2011, contrasting pairs first and closer ones later), *control* (uniform over all pairs, the honest
baseline inside the experiment) and *composed* (one clip composed for this listener against a clip of the pool). A
pair that several components can draw has the sum of their probabilities, so any other policy can be judged offline.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.taste.bradley_terry import Head

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SHORTLIST = 300  # clips among which the information component looks; 44,850 pairs take some milliseconds
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class NoPairLeftError(LookupError):
    """Every pair of these clips has been offered already: the pool must be refilled first."""


@dataclass(frozen=True)
class Mixture:
    """Shares of the components and how sharply the information component chooses.

    ``control`` and ``composed`` are shares of all draws, information gets the rest; a component without any pair
    gives its share to the others in proportion. ``sharpness`` is the softmax's inverse temperature over a score in
    which the best information gain counts 1; ``contrast`` and ``closeness`` weigh the distance of the two clips
    (0 = the same, 1 = the farthest pair) in the first ``early`` picks and after ``late`` picks, linear between
    them; ``novelty`` is the score that each clip that was heard before costs.
    """

    control: float = 0.15
    composed: float = 0.3
    sharpness: float = 40.0
    contrast: float = 0.5
    closeness: float = 0.25
    early: int = 4
    late: int = 16
    novelty: float = 0.5

    def __post_init__(self) -> None:
        if min(self.control, self.composed) < 0 or self.control + self.composed > 1:
            raise ValueError("shares of control and composed pairs must not be negative nor exceed 1 together")


@dataclass(frozen=True)
class PairChoice:
    """A pair as drawn: indices into the candidates. ``pair_probability`` is that of the unordered pair under the
    whole mixture, ``order_probability`` that of this order; ``policy`` names the component that drew it.
    """

    left: int
    right: int
    policy: str
    pair_probability: float
    order_probability: float = 0.5


@dataclass(frozen=True)
class PairDistribution:
    """All unordered pairs that may be drawn: ``first < second`` ``(P,)`` and ``probability`` ``(P,)``, summing to 1."""

    first: IntArray
    second: IntArray
    probability: FloatArray


@dataclass(frozen=True)
class _State:
    """What the mixture depends on beside the clips and the head."""

    offered: Collection[tuple[int, int]]
    picks: int
    heard: npt.ArrayLike | None
    composed: npt.ArrayLike | None
    mixture: Mixture
    shortlist_seed: int


def choose(
    features: npt.ArrayLike,
    head: Head,
    *,
    offered: Collection[tuple[int, int]],
    picks: int,
    generator: np.random.Generator,
    heard: npt.ArrayLike | None = None,
    composed: npt.ArrayLike | None = None,
    mixture: Mixture | None = None,
    shortlist_seed: int = 0,
) -> PairChoice:
    """Draw the next pair among the clips with ``features`` ``(clips, F)``.

    ``offered``: unordered pairs of indices that must not come again; ``picks``: votes given so far; ``heard`` and
    ``composed``: bool ``(clips,)``, clips that this listener knows and clips made for them. Of more than
    ``SHORTLIST`` clips the information component sees a shortlist: unheard clips first, in an order fixed by
    ``shortlist_seed`` (one per listener); nothing in it is drawn by ``generator``, so the stated probability is the
    exact one given that order. The other components draw from all clips. Raises ``NoPairLeftError`` when every
    pair has been offered and ``ValueError`` on shapes that don't fit.
    """
    state = _State(offered, picks, heard, composed, mixture or Mixture(), shortlist_seed)
    plan = _Plan(features, head, state)
    kind, a, b = plan.draw(generator)
    probability = plan.pair_probability(a, b)
    left, right = (a, b) if generator.random() < 0.5 else (b, a)
    return PairChoice(left, right, kind, probability)


def distribution(
    features: npt.ArrayLike,
    head: Head,
    *,
    offered: Collection[tuple[int, int]],
    picks: int,
    heard: npt.ArrayLike | None = None,
    composed: npt.ArrayLike | None = None,
    mixture: Mixture | None = None,
    shortlist_seed: int = 0,
) -> PairDistribution:
    """The whole mixture that ``choose`` draws from, pair by pair; for judging policies offline."""
    plan = _Plan(features, head, _State(offered, picks, heard, composed, mixture or Mixture(), shortlist_seed))
    first, second = np.triu_indices(plan.clips, k=1)
    probability = np.array([plan.pair_probability(int(a), int(b)) for a, b in zip(first, second, strict=True)])
    kept = probability > 0
    return PairDistribution(first[kept], second[kept], probability[kept])


def information_gain(centre: npt.ArrayLike, variance: npt.ArrayLike, tie: float) -> npt.NDArray[np.float32]:
    """Nats that a vote tells about the weights (BALD) when the utility difference is N(centre, variance), ``(pairs,)``.

    Mutual information of Davidson's outcome and the difference, by 9-node Gauss-Hermite; ``tie`` is ``log nu``.
    """
    mean, sd = np.asarray(centre, dtype=np.float32), np.sqrt(np.asarray(variance, dtype=np.float32))
    left = np.zeros_like(mean)
    equal = np.zeros_like(mean)
    doubt = np.zeros_like(mean)
    nu = np.float32(math.exp(tie))
    for node, weight in zip(_NODES.astype(np.float32), _WEIGHTS.astype(np.float32), strict=True):
        half = np.clip((mean + sd * node) / 2, -30, 30)
        up = np.exp(half)
        total = up + 1 / up + nu
        p_left, p_equal = up / total, nu / total
        left += weight * p_left
        equal += weight * p_equal
        # Entropy of the outcome where the difference is known: log Z minus the expected exponent.
        doubt += weight * (np.log(total) - half * (2 * p_left + p_equal - 1) - np.float32(tie) * p_equal)
    right = np.maximum(1 - left - equal, 0)
    whole = np.zeros_like(mean)
    for value in (left, equal, right):
        whole -= value * np.log(np.maximum(value, np.float32(1e-30)))
    gain: npt.NDArray[np.float32] = np.maximum(whole - doubt, 0)
    return gain


_KINDS = ("information", "control", "composed")


class _Plan:
    """The mixture for one draw: the information component pair by pair, the uniform ones by their counts."""

    def __init__(self, features: npt.ArrayLike, head: Head, state: _State) -> None:
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(head.mean):
            raise ValueError(f"features have the shape {x.shape}; they must be (clips, {len(head.mean)})")
        self.clips = len(x)
        self.composed = _mask(state.composed, self.clips, "composed")
        heard = _mask(state.heard, self.clips, "heard")
        self.offered = frozenset((min(a, b), max(a, b)) for a, b in state.offered if a != b)
        if any(a < 0 or b >= self.clips for a, b in self.offered):
            raise ValueError(f"offered pairs must be indices below {self.clips}")

        self.short = _shortlist(heard, state.shortlist_seed)
        self.weight = np.zeros(0)
        if len(self.short) > 1:
            score = _scores(x[self.short], head, heard[self.short], state.picks, state.mixture)
            score[_closed_rows(self.short, self.offered)] = -np.inf
            if np.isfinite(best := score.max()):
                self.weight = np.exp(state.mixture.sharpness * (score - best))
                self.weight /= self.weight.sum()

        mixed = sum(bool(self.composed[a] != self.composed[b]) for a, b in self.offered)
        own = int(self.composed.sum())
        self.counts = {
            "control": self.clips * (self.clips - 1) // 2 - len(self.offered),
            "composed": own * (self.clips - own) - mixed,
        }
        if self.counts["control"] <= 0:
            raise NoPairLeftError(f"all pairs of {self.clips} clips have been offered")
        mixture = state.mixture
        shares = {
            "information": 1 - mixture.control - mixture.composed if len(self.weight) else 0.0,
            "control": mixture.control,
            "composed": mixture.composed if self.counts["composed"] > 0 else 0.0,
        }
        total = sum(shares.values())
        # Where no component with a share has a pair left, control has one.
        self.shares = {kind: shares[kind] / total if total > 0 else float(kind == "control") for kind in _KINDS}

    def draw(self, generator: np.random.Generator) -> tuple[str, int, int]:
        """A component and a pair from it."""
        kind = _KINDS[int(generator.choice(len(_KINDS), p=[self.shares[kind] for kind in _KINDS]))]
        if kind != "information":
            return (kind, *self._draw_uniform(kind, generator))
        cumulative = np.cumsum(self.weight)
        row = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
        first, second = _pairs_of(len(self.short))
        return kind, int(self.short[first[row]]), int(self.short[second[row]])

    def pair_probability(self, a: int, b: int) -> float:
        """Probability of the unordered pair under the whole mixture."""
        a, b = min(a, b), max(a, b)
        total = 0.0
        if self.shares["information"] > 0:
            row = _closed_rows(self.short, frozenset({(a, b)}))
            total += self.shares["information"] * float(self.weight[row].sum())
        for kind, count in self.counts.items():
            if self.shares[kind] > 0 and self._allowed(kind, a, b):
                total += self.shares[kind] / count
        return total

    def _allowed(self, kind: str, a: int, b: int) -> bool:
        """Whether the uniform component ``kind`` may draw the pair ``a < b``."""
        return (a, b) not in self.offered and (kind == "control" or bool(self.composed[a] != self.composed[b]))

    def _draw_uniform(self, kind: str, generator: np.random.Generator) -> tuple[int, int]:
        """One pair, uniform over those that ``kind`` allows: by rejection, then by listing where few are left."""
        own, pool = np.flatnonzero(self.composed), np.flatnonzero(~self.composed)
        for _ in range(64):
            if kind == "composed":
                a, b = int(generator.choice(own)), int(generator.choice(pool))
            else:
                a, b = (int(index) for index in generator.choice(self.clips, size=2, replace=False))
            pair = (min(a, b), max(a, b))
            if self._allowed(kind, *pair):
                return pair
        left = [pair for pair in combinations(range(self.clips), 2) if self._allowed(kind, *pair)]
        return left[int(generator.integers(len(left)))]


def _mask(value: npt.ArrayLike | None, clips: int, name: str) -> BoolArray:
    mask = np.zeros(clips, dtype=np.bool_) if value is None else np.asarray(value, dtype=np.bool_)
    if mask.shape != (clips,):
        raise ValueError(f"{name} has the shape {mask.shape}; it must be ({clips},)")
    return mask


@lru_cache(maxsize=4)
def _pairs_of(clips: int) -> tuple[IntArray, IntArray]:
    """All ``a < b`` below ``clips``, in row order; kept, because most draws come from pools of one size."""
    first, second = np.triu_indices(clips, k=1)
    first.setflags(write=False)
    second.setflags(write=False)
    return first, second


def _shortlist(heard: BoolArray, seed: int) -> IntArray:
    """Clips that the information component looks at, ascending; unheard ones first where there are too many."""
    if len(heard) <= SHORTLIST:
        return np.arange(len(heard))
    shuffled = np.random.default_rng(seed).permutation(len(heard))
    return np.sort(shuffled[np.argsort(heard[shuffled], kind="stable")][:SHORTLIST])


def _closed_rows(short: IntArray, offered: frozenset[tuple[int, int]]) -> IntArray:
    """Rows of ``_pairs_of(len(short))`` that were offered already."""
    place = {int(clip): index for index, clip in enumerate(short)}
    rows = [
        place[a] * (2 * len(short) - place[a] - 1) // 2 + place[b] - place[a] - 1
        for a, b in offered
        if a in place and b in place and a != b
    ]
    return np.array(rows, dtype=np.int64)


def _scores(x: FloatArray, head: Head, heard: BoolArray, picks: int, mixture: Mixture) -> FloatArray:
    """Score of each pair of the rows of ``x``: information gain (best = 1), distance (wanted early), novelty."""
    upper = _pairs_of(len(x))
    utility = (x @ head.mean).astype(np.float32)
    root = np.linalg.cholesky(head.covariance + 1e-12 * np.eye(len(head.mean)))
    variance = _squared_distances(x @ root)[upper]
    distance = np.sqrt(_squared_distances(x)[upper])
    gain = information_gain((utility[:, None] - utility)[upper], variance, head.tie)
    progress = float(np.clip((picks - mixture.early) / max(mixture.late - mixture.early, 1), 0, 1))
    pull = mixture.contrast * (1 - progress) - mixture.closeness * progress
    score = gain / max(float(gain.max()), 1e-12) + distance * (pull / max(float(distance.max()), 1e-12))
    if heard.any():
        cost = np.float32(mixture.novelty) * heard.astype(np.float32)
        score -= (cost[:, None] + cost)[upper]
    return score.astype(np.float64)


def _squared_distances(x: FloatArray) -> npt.NDArray[np.float32]:
    """Squared Euclidean distances of all rows, ``(clips, clips)``, by one matrix product."""
    product = x @ x.T
    norm = np.diag(product)
    return np.maximum(norm[:, None] + norm - 2 * product, 0.0).astype(np.float32)

"""Which clips to play next: a stochastic mixture in which every unordered pair or four has a known probability.

Components: *learning* policies (``models.taste.acquisition``: what would teach most, contrasting pairs first and closer
ones later), *control* (uniform over all pairs, the honest baseline inside the experiment) and *composed* (one clip
composed for this listener against any other). A pair that several components can draw has the sum of their
probabilities, so any other policy can be judged offline. Before them pairs that are named from outside may be drawn:
*repeats* of pairs that were judged before, *proofs* (a clip for this listener against one that is not) and *tension* (a
clip that the tension model chose against one as it came); no other component can draw these, so their probability is
their own.

Best of four is a pair from this mixture, then two more. The third and the fourth clip are drawn one after the other,
mostly the one with which a pick would tell the most about the weights (BALD for a choice among several: Houlsby et al.
2011, over draws from the posterior), a ``control`` share of them uniformly. The probability of the unordered set is the
sum over the orders in which it can come about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.taste.acquisition import (
    POLICIES,
    BoolArray,
    Float32Array,
    FloatArray,
    IntArray,
    View,
    pairs_of,
    squared_distances,
)
from models.taste.head import FOUR, Head

SHORTLIST = 300  # clips among which the learning policies look; 44,850 pairs take some milliseconds
# A pair comes again, mirrored, from this vote on, when at least so many votes lie between, and from so many votes.
REPEAT_AFTER, REPEAT_GAP, REPEAT_WINDOW = 20, 12, 60

DRAWS = 96  # from the posterior, over which information is measured
SHARPNESS = 20.0  # inverse temperature over a score in which the best clip counts 1
TRIES = 20  # where three clips have been played with every other one
ORDERS = math.factorial(FOUR)


class NoPairLeftError(LookupError):
    """Every pair of these clips has been offered already: the pool must be refilled first."""


@dataclass(frozen=True)
class Mixture:
    """Shares of the components and how sharply the learning policies choose.

    ``repeat``, ``proof`` and ``tension`` are shares of all draws where there is such a pair. Of the other draws
    ``control`` and ``composed`` have these shares, the policies named in ``learning`` the rest in proportion to their
    numbers there; a component without any pair gives its share to the others in proportion. ``sharpness`` is the
    softmax's inverse temperature over a score in which the best pair counts 1; ``contrast`` and ``closeness`` weigh the
    distance of the two clips (0 = the same, 1 = the farthest pair) in the first ``early`` picks and after ``late``
    picks, linear between them; ``novelty`` is the score that each clip that was heard before costs.
    """

    control: float = 0.08
    composed: float = 0.3
    learning: Mapping[str, float] = field(default_factory=lambda: {"information": 0.8, "curiosity": 0.2})
    repeat: float = 0.05
    proof: float = 0.6
    tension: float = 0.05
    sharpness: float = 40.0
    contrast: float = 0.5
    closeness: float = 0.25
    early: int = 4
    late: int = 16
    novelty: float = 0.5

    def __post_init__(self) -> None:
        for shares, names in (
            ((self.control, self.composed), "control and composed"),
            ((self.repeat, self.proof, self.tension), "repeats, proofs and tension"),
        ):
            if min(shares) < 0 or sum(shares) > 1:
                raise ValueError(f"shares of {names} pairs must not be negative nor exceed 1 together")
        if unknown := set(self.learning) - set(POLICIES):
            raise ValueError(f"there is no policy {', '.join(sorted(unknown))}; there are {', '.join(POLICIES)}")
        if any(share < 0 for share in self.learning.values()):
            raise ValueError("shares of learning policies must not be negative")

    def pull(self, picks: int) -> float:
        """What the distance of two clips (1 = the farthest) is worth after so many picks."""
        progress = float(np.clip((picks - self.early) / max(self.late - self.early, 1), 0, 1))
        return self.contrast * (1 - progress) - self.closeness * progress


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
class NamedChoice:
    """A pair that was named from outside: the ``index``-th of its kind, and its probability under the mixture."""

    policy: str
    index: int
    pair_probability: float


@dataclass(frozen=True)
class Asked:
    """What the mixture depends on beside the clips and the head."""

    offered: Collection[tuple[int, int]]
    picks: int
    heard: npt.ArrayLike | None
    composed: npt.ArrayLike | None
    mixture: Mixture
    styles: npt.ArrayLike | None
    seed: int
    effects: npt.ArrayLike | None = None


def choose_named(
    repeats: int, proofs: int, generator: np.random.Generator, mixture: Mixture | None = None, *, tension: int = 0
) -> tuple[NamedChoice | None, float]:
    """Whether the next pair is one of so many ``repeats``, ``proofs`` or ``tension`` pairs, uniformly drawn.

    The second value is the share of all draws that is left to ``choose``, whose probabilities count times that.
    """
    mixture = mixture or Mixture()
    coin, named = generator.random(), 0.0
    for policy, count, share in (
        ("repeat", repeats, mixture.repeat),
        ("proof", proofs, mixture.proof),
        ("tension", tension, mixture.tension),
    ):
        if count > 0:
            if coin < named + share:
                return NamedChoice(policy, int(generator.integers(count)), share / count), 0.0
            named += share
    return None, 1 - named


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
    styles: npt.ArrayLike | None = None,
    seed: int = 0,
    effects: npt.ArrayLike | None = None,
) -> PairChoice:
    """Draw the next pair among the clips with ``features`` ``(clips, F)``.

    ``offered``: unordered pairs of indices that must not come again; ``picks``: votes given so far; ``heard`` and
    ``composed``: bool ``(clips,)``, clips that this listener knows and clips made for them. Of more than
    ``SHORTLIST`` clips the learning policies see a shortlist: unheard clips first, in an order fixed by ``seed`` (one
    per listener), which with the numbers of picks and offers fixes the posterior draws of Thompson duels too; nothing
    of that is drawn by ``generator``, so the stated probability is the exact one given the seed. The other components
    draw from all clips. ``styles`` ``(A, F)`` are the directions that curiosity asks about (by default each feature);
    ``effects`` ``(clips,)`` what others hear in the clips beyond their features (by default nothing).
    Raises ``NoPairLeftError`` when every pair has been offered and ``ValueError`` on shapes that don't fit.
    """
    state = Asked(offered, picks, heard, composed, mixture or Mixture(), styles, seed, effects)
    plan = PairPlan(features, head, state)
    kind, a, b = plan.draw(generator)
    probability = plan.pair_probability(a, b)
    left, right = (a, b) if generator.random() < 0.5 else (b, a)
    return PairChoice(left, right, kind, probability)


class PairPlan:
    """The mixture for one draw: the learning policies pair by pair, the uniform ones by their counts."""

    def __init__(self, features: npt.ArrayLike, head: Head, state: Asked) -> None:
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(head.mean):
            raise ValueError(f"features have the shape {x.shape}; they must be (clips, {len(head.mean)})")
        self.clips = len(x)
        self.composed = _mask(state.composed, self.clips, "composed")
        heard = _mask(state.heard, self.clips, "heard")
        self.offered = frozenset((min(a, b), max(a, b)) for a, b in state.offered if a != b)
        if any(a < 0 or b >= self.clips for a, b in self.offered):
            raise ValueError(f"offered pairs must be indices below {self.clips}")

        mixture = state.mixture
        self.short = shortlist(heard, state.seed)
        self.weight: dict[str, FloatArray] = {}
        if len(self.short) > 1:
            wanted = {name: share for name, share in mixture.learning.items() if share > 0}
            effects = np.zeros(self.clips) if state.effects is None else np.asarray(state.effects, dtype=np.float64)
            view = _view(x[self.short], effects[self.short], head, heard[self.short], state)
            closed = _closed_rows(self.short, self.offered)
            for name in wanted:
                weight = POLICIES[name].weights(view)
                weight[closed] = 0
                if (total := float(weight.sum())) > 0:
                    self.weight[name] = weight / total

        mixed = sum(bool(self.composed[a] != self.composed[b]) for a, b in self.offered)
        own = int(self.composed.sum())
        self.counts = {
            "control": self.clips * (self.clips - 1) // 2 - len(self.offered),
            "composed": own * (self.clips - own) - mixed,
        }
        if self.counts["control"] <= 0:
            raise NoPairLeftError(f"all pairs of {self.clips} clips have been offered")
        found = sum(mixture.learning[name] for name in self.weight)
        rest = 1 - mixture.control - mixture.composed
        shares = {name: rest * mixture.learning[name] / found for name in self.weight}
        shares |= {"control": mixture.control, "composed": mixture.composed if self.counts["composed"] > 0 else 0.0}
        total = sum(shares.values())
        # Where no component with a share has a pair left, control has one.
        self.shares = {kind: share / total if total > 0 else float(kind == "control") for kind, share in shares.items()}

    def draw(self, generator: np.random.Generator) -> tuple[str, int, int]:
        """A component and a pair from it."""
        kinds = list(self.shares)
        kind = kinds[int(generator.choice(len(kinds), p=list(self.shares.values())))]
        if kind in self.counts:
            return (kind, *self._draw_uniform(kind, generator))
        cumulative = np.cumsum(self.weight[kind])
        row = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
        first, second = pairs_of(len(self.short))
        return kind, int(self.short[first[row]]), int(self.short[second[row]])

    def pair_probability(self, a: int, b: int) -> float:
        """Probability of the unordered pair under the whole mixture."""
        a, b = min(a, b), max(a, b)
        total = 0.0
        row = _closed_rows(self.short, frozenset({(a, b)}))
        for kind, weight in self.weight.items():
            total += self.shares[kind] * float(weight[row].sum())
        for kind, count in self.counts.items():
            if self.shares[kind] > 0 and self._allowed(kind, a, b):
                total += self.shares[kind] / count
        return min(total, 1.0)  # rounded, a sum of shares may lie above

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


def shortlist(heard: BoolArray, seed: int) -> IntArray:
    """Clips that the learning policies look at, ascending; unheard ones first where there are too many."""
    if len(heard) <= SHORTLIST:
        return np.arange(len(heard))
    shuffled = np.random.default_rng(seed).permutation(len(heard))
    return np.sort(shuffled[np.argsort(heard[shuffled], kind="stable")][:SHORTLIST])


def _closed_rows(short: IntArray, offered: frozenset[tuple[int, int]]) -> IntArray:
    """Rows of ``pairs_of(len(short))`` that were offered already."""
    place = {int(clip): index for index, clip in enumerate(short)}
    rows = [
        place[a] * (2 * len(short) - place[a] - 1) // 2 + place[b] - place[a] - 1
        for a, b in offered
        if a in place and b in place and a != b
    ]
    return np.array(rows, dtype=np.int64)


def _view(x: FloatArray, effects: FloatArray, head: Head, heard: BoolArray, state: Asked) -> View:
    """The shortlist ``x`` ``(C, F)`` as policies see it, with what a pair's distance and novelty add to its score.

    ``effects`` ``(C,)`` are its clips' own.
    """
    mixture, upper = state.mixture, pairs_of(len(x))
    distance = np.sqrt(squared_distances(x)[upper]).astype(np.float64)
    bonus = distance * (mixture.pull(state.picks) / max(float(distance.max()), 1e-12))
    if heard.any():
        cost = mixture.novelty * heard.astype(np.float64)
        bonus -= cost[upper[0]] + cost[upper[1]]
    styles = np.eye(x.shape[1]) if state.styles is None else np.asarray(state.styles, dtype=np.float64)
    if styles.ndim != 2 or styles.shape[1] != x.shape[1]:
        raise ValueError(f"styles have the shape {styles.shape}; they must be (styles, {x.shape[1]})")
    seed = (state.seed, state.picks, len(state.offered))
    return View(x, effects, head, styles, bonus, mixture.sharpness, seed)


class NoFourLeftError(LookupError):
    """There are not four clips, or too many sets of them have been offered: the pool must be refilled first."""


@dataclass(frozen=True)
class FourChoice:
    """Four ``clips`` as drawn, indices into the candidates in the order of their places.

    ``four_probability`` is that of the unordered set, ``order_probability`` that of this order; ``policy`` names the
    component of the mixture that drew the first two.
    """

    clips: tuple[int, int, int, int]
    policy: str
    four_probability: float
    order_probability: float = 1 / ORDERS


def choose_four(
    features: npt.ArrayLike,
    head: Head,
    *,
    offered: Collection[Collection[int]],
    picks: int,
    generator: np.random.Generator,
    heard: npt.ArrayLike | None = None,
    composed: npt.ArrayLike | None = None,
    mixture: Mixture | None = None,
    styles: npt.ArrayLike | None = None,
    seed: int = 0,
    effects: npt.ArrayLike | None = None,
) -> FourChoice:
    """Draw the next four among the clips with ``features`` ``(clips, F)``.

    ``offered``: sets of four indices that must not come again; everything else as in ``policy.choose``.
    Raises ``NoFourLeftError`` where there is none and ``ValueError`` on shapes that don't fit.
    """
    state = Asked((), picks, heard, composed, mixture or Mixture(), styles, seed, effects)
    plan = _Plan(features, head, state, offered)
    for _ in range(TRIES):
        found = plan.draw(generator)
        if found is not None:
            kind, clips = found
            a, b, c, d = (int(clip) for clip in generator.permutation(sorted(clips)))
            return FourChoice((a, b, c, d), kind, plan.probability(clips))
    raise NoFourLeftError(f"{len(plan.closed)} sets of four of {plan.clips} clips have been offered")


class _Plan:
    """The mixture for one draw."""

    def __init__(self, features: npt.ArrayLike, head: Head, asked: Asked, offered: Collection[Collection[int]]) -> None:
        x = np.asarray(features, dtype=np.float64)
        if len(x) < FOUR:
            raise NoFourLeftError(f"there are {len(x)} clips; a set has {FOUR}")
        try:
            self.pairs = PairPlan(x, head, asked)
        except NoPairLeftError as error:
            raise NoFourLeftError(str(error)) from error
        self.clips = len(x)
        self.closed = {frozenset(each) for each in offered}
        self._x, self._head, self._asked = x, head, asked
        heard = np.zeros(self.clips) if asked.heard is None else np.asarray(asked.heard, dtype=np.float64)
        self._cost = asked.mixture.novelty * heard
        self._short = np.zeros(self.clips, dtype=np.bool_)
        self._short[shortlist(heard > 0, asked.seed)] = True

    def draw(self, generator: np.random.Generator) -> tuple[str, frozenset[int]] | None:
        """The first pair's component and the set; None where all that three clips can be played with was offered."""
        kind, *first = self.pairs.draw(generator)
        clips = frozenset(first)
        while len(clips) < FOUR:
            chance = self._next(clips)
            if chance is None:
                return None
            clips |= {int(generator.choice(self.clips, p=chance))}
        return kind, clips

    def probability(self, clips: frozenset[int]) -> float:
        """Probability of this set, but for draws that were repeated because three clips were used up."""
        total = 0.0
        triples = {frozenset(three): self._next(frozenset(three)) for three in combinations(clips, 3)}
        for pair in combinations(clips, 2):
            third, chance = self._next(frozenset(pair)), self.pairs.pair_probability(*pair)
            for triple, fourth in triples.items():
                if third is not None and fourth is not None and triple.issuperset(pair):
                    (c,), (d,) = triple - {*pair}, clips - triple
                    total += chance * float(third[c]) * float(fourth[d])
        return min(total, 1.0)  # rounded, a sum of shares may lie above

    def _next(self, clips: frozenset[int]) -> FloatArray | None:
        """How likely each clip follows these ``(clips,)``; None where none may."""
        free = np.ones(self.clips, dtype=np.bool_)
        free[list(clips)] = False
        if len(clips) == FOUR - 1:
            used = [other for four in self.closed if clips < four for other in four - clips]
            free[used] = False
        if not free.any():
            return None
        uniform = free / free.sum()
        told = free & self._short
        if not told.any():
            return np.asarray(uniform, dtype=np.float64)
        control = self._asked.mixture.control
        return np.asarray(control * uniform + (1 - control) * self._softmax(sorted(clips), told), dtype=np.float64)

    def _softmax(self, clips: list[int], free: BoolArray) -> FloatArray:
        """The more a pick would tell the likelier; contrasts first, closer ones later, unheard before heard."""
        mixture, where = self._asked.mixture, np.flatnonzero(free)
        told = information_of_pick(self._utilities[:, clips], self._utilities[:, where]).astype(np.float64)
        distance = np.linalg.norm(self._x[where, None] - self._x[clips], axis=2).mean(axis=1)
        score = told / max(float(told.max()), 1e-12) - self._cost[where]
        score += mixture.pull(self._asked.picks) * distance / max(float(distance.max()), 1e-12)
        weight = np.zeros(len(free))
        weight[where] = np.exp(SHARPNESS * (score - score.max()))
        return np.asarray(weight / weight.sum(), dtype=np.float64)

    @cached_property
    def _utilities(self) -> Float32Array:
        """Utilities of all clips in draws from the posterior ``(DRAWS, clips)``, fixed by the seed."""
        size = len(self._head.mean)
        root = np.linalg.cholesky(self._head.covariance + 1e-12 * np.eye(size))
        normal = np.random.default_rng((self._asked.seed, self._asked.picks)).standard_normal((DRAWS, size))
        found = (self._head.mean + normal @ root.T) @ self._x.T
        if self._asked.effects is not None:
            found += np.asarray(self._asked.effects, dtype=np.float64)
        return found.astype(np.float32)


def information_of_pick(given: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> Float32Array:
    """Nats that a pick among K ``given`` clips and one of C ``others`` tells about the weights, ``(C,)``.

    Utilities ``(draws, K)`` and ``(draws, C)`` in the same draws from the posterior.
    """
    top = np.maximum(given.max(axis=1), 0)[:, None]
    among, more = np.exp(given - top), np.exp(np.minimum(others - top, 30.0))
    total = among.sum(axis=1, keepdims=True) + more  # (draws, C)
    # entropy of the pick where the utilities are known: log of the sum less the expected exponent
    expected = ((among * (given - top)).sum(axis=1, keepdims=True) + more * (others - top)) / total
    doubt = (np.log(total) - expected).mean(axis=0)
    whole = -_plogp((more / total).mean(axis=0))
    for one in among.T:
        whole = whole - _plogp((one[:, None] / total).mean(axis=0))
    gain: Float32Array = np.maximum(whole - doubt, 0).astype(np.float32)
    return gain


def _plogp(p: npt.NDArray[np.floating]) -> FloatArray:
    return np.asarray(p * np.log(np.maximum(p, 1e-30)), dtype=np.float64)

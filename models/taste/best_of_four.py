"""Acquisition for best of four: a pair from the mixture of pairs, then two more, with the set's probability known.

The third and the fourth clip are drawn one after the other, mostly the one with which a pick would tell the most about
the weights (BALD for a choice among several: Houlsby et al. 2011, over draws from the posterior), a ``control`` share
of them uniformly. The probability of the unordered set is the sum over the ways in which it can come about, so that
any other policy can be judged on these picks.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.taste.acquisition import BoolArray, Float32Array, FloatArray
from models.taste.head import FOUR, Head
from models.taste.policy import Asked, Mixture, NoPairLeftError, PairPlan, shortlist

DRAWS = 96  # from the posterior, over which information is measured
SHARPNESS = 20.0  # inverse temperature over a score in which the best clip counts 1
TRIES = 20  # where three clips have been played with every other one
ORDERS = math.factorial(FOUR)


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

"""Listeners whose whole manner is known: for measuring how few votes a head and a policy need to find a taste out.

Of people there are six kinds. Utility is a function of the true attributes of the notes (not of what the head sees);
answers are Davidson's with some lapses. *linear*: more of some attributes is better; *peaked*: nearest to one point of
them; *two-peaked*: near either of two points; *tired*: linear, with more and more coin tosses; *left-handed*: linear,
leaning to the left button; *tie lovers*: linear, calling most pairs equal.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.taste.head import FOUR, PLACES, SIDE_SHARES, Head, Outcome, Pick, davidson, update, update_four
from models.taste.policy import REPEAT_AFTER, REPEAT_GAP, REPEAT_WINDOW, Mixture, choose, choose_four, choose_named
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]

KINDS = ("linear", "peaked", "two_peaked", "tired", "left_handed", "tie_lover")
CARES_FOR = 3  # of the attributes
UTILITY_SD = 2.0
TIE, LOVED_TIE = math.log(0.4), math.log(3.0)  # of two equal clips one in six is called equal, or three in five
LAPSE, TIRED_LAPSE, TIRED_AFTER = 0.05, 0.5, 60  # share of coin tosses: rested, and from so many votes on
LEANING = 1.0  # to the left, in units of utility
COMMON, ALONG = 0.5, 0.25  # of the variance of related tastes
LEANING_SD = 0.4  # of people with related tastes

RANDOM = Mixture(control=1.0, composed=0.0)


class Voter(Protocol):
    """Somebody who answers, simulated or replayed."""

    def vote(self, left: int, right: int, votes_before: int, generator: np.random.Generator) -> Outcome:
        """The answer to clips ``left`` and ``right`` after so many votes."""
        ...


@dataclass(frozen=True)
class Person:
    """True ``utility`` ``(N,)`` of the clips; ``tie``: ``log nu``; ``leaning`` to the left; ``lapses`` when tired."""

    utility: FloatArray
    tie: float = TIE
    leaning: float = 0.0
    lapses: float = LAPSE

    def vote(self, left: int, right: int, votes_before: int, generator: np.random.Generator) -> Outcome:
        """The answer to clips ``left`` and ``right`` after so many votes."""
        lapse = LAPSE + (self.lapses - LAPSE) * min(votes_before / TIRED_AFTER, 1)
        lapses, coin = generator.random(2)
        if lapses < lapse:
            return "left" if coin < 0.5 else "right"
        chance = davidson(self.utility[left] - self.utility[right] + self.leaning, self.tie)
        if coin < chance.left:
            return "left"
        return "equal" if coin < chance.left + chance.equal else "right"

    def pick(self, clips: Sequence[int], picks_before: int, generator: np.random.Generator) -> Pick:
        """The most beautiful of four clips, in the order of their places; nobody says that there is none."""
        lapse = LAPSE + (self.lapses - LAPSE) * min(picks_before / TIRED_AFTER, 1)
        score = self.utility[list(clips)] + self.leaning * SIDE_SHARES
        chance = np.exp(score - score.max())
        chance = (1 - lapse) * chance / chance.sum() + lapse / FOUR
        return PLACES[int(generator.choice(FOUR, p=chance))]

    def wins(self, first: npt.ArrayLike, second: npt.ArrayLike) -> FloatArray:
        """How often the rested person prefers ``first`` where they decide, each clip as often left as right."""
        difference = self.utility[np.asarray(first)] - self.utility[np.asarray(second)]
        found = []
        for sign in (1, -1):
            chance = davidson(sign * difference + self.leaning, self.tie)
            decided = (1 - LAPSE) * (chance.left + chance.right) + LAPSE
            left = ((1 - LAPSE) * chance.left + LAPSE / 2) / decided
            found.append(left if sign > 0 else 1 - left)
        whole: FloatArray = (found[0] + found[1]) / 2
        return whole


@dataclass(frozen=True)
class Taste:
    """What somebody loves, as a function of a clip's attributes, seen in units of ``mean`` and ``sd`` ``(A,)``.

    The more of ``weights`` ``(A,)`` the better, or, with ``peaks`` ``(K, A)``, the nearer to one of them where
    ``cares`` ``(A,)``. Over the clips that it was made for it has the mean 0 and the standard deviation 1.
    """

    mean: FloatArray
    sd: FloatArray
    weights: FloatArray
    cares: npt.NDArray[np.bool_]
    peaks: FloatArray
    centre: float = 0.0
    spread: float = 1.0

    def of(self, attributes: npt.ArrayLike) -> FloatArray:
        """How much clips with ``attributes`` ``(N, A)`` are loved, ``(N,)``."""
        z = (np.atleast_2d(np.asarray(attributes, dtype=np.float64)) - self.mean) / self.sd
        loved = z @ self.weights
        if len(self.peaks):
            loved = -np.sqrt(((z[:, None] - self.peaks)[..., self.cares] ** 2).sum(axis=2).min(axis=1))
        found: FloatArray = (loved - self.centre) / self.spread
        return found


def taste(kind: str, attributes: npt.ArrayLike, generator: np.random.Generator) -> Taste:
    """What somebody of this ``kind`` loves, made for clips with ``attributes`` ``(N, A)``.

    Raises ``ValueError`` on another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    x = np.asarray(attributes, dtype=np.float64)
    mean, sd = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    chosen = generator.permutation(x.shape[1])[:CARES_FOR]
    weights, peaks = np.zeros(x.shape[1]), np.zeros((0, x.shape[1]))
    if kind in {"peaked", "two_peaked"}:
        peaks = ((x - mean) / sd)[generator.permutation(len(x))[: 1 if kind == "peaked" else 2]]
    else:
        weights[chosen] = generator.choice([-1.0, 1.0], CARES_FOR) * generator.uniform(0.5, 1.5, CARES_FOR)
    found = Taste(mean, sd, weights, np.isin(np.arange(x.shape[1]), chosen), peaks)
    loved = found.of(x)
    return replace(found, centre=float(loved.mean()), spread=max(float(loved.std()), 1e-9))


def person_of(kind: str, loved: npt.ArrayLike) -> Person:
    """Somebody of this ``kind`` to whom clips are worth ``loved`` ``(N,)``, in standard deviations."""
    return Person(
        UTILITY_SD * np.asarray(loved, dtype=np.float64),
        tie=LOVED_TIE if kind == "tie_lover" else TIE,
        leaning=LEANING if kind == "left_handed" else 0.0,
        lapses=TIRED_LAPSE if kind == "tired" else LAPSE,
    )


def person(kind: str, attributes: npt.ArrayLike, generator: np.random.Generator) -> Person:
    """Somebody of this ``kind`` before clips with ``attributes`` ``(N, A)``; raises ``ValueError`` on another kind."""
    return person_of(kind, taste(kind, attributes, generator).of(attributes))


class SharedTaste:
    """Makes people whose tastes are related, before clips with ``attributes`` ``(N, A)``."""

    def __init__(self, attributes: npt.ArrayLike, seed: int) -> None:
        x = np.asarray(attributes, dtype=np.float64)
        self.x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
        self.common, self.direction = (_unit(row) for row in np.random.default_rng(seed).normal(size=(2, x.shape[1])))

    def person(self, generator: np.random.Generator) -> Person:
        """One of them, whose utility has the usual spread."""
        own = _unit(generator.normal(size=len(self.common)))
        weights = np.sqrt(COMMON) * self.common + np.sqrt(ALONG) * generator.normal() * self.direction
        weights += np.sqrt(1 - COMMON - ALONG) * own
        utility = self.x @ weights
        utility = UTILITY_SD * (utility - utility.mean()) / max(float(utility.std()), 1e-9)
        return Person(utility, leaning=float(LEANING_SD * generator.normal()))


def _unit(row: FloatArray) -> FloatArray:
    unit: FloatArray = row / np.linalg.norm(row)
    return unit


def listen(
    someone: Voter,
    head: Head,
    features: npt.ArrayLike,
    clips: npt.ArrayLike,
    *,
    mixture: Mixture,
    seed: int,
    styles: npt.ArrayLike | None = None,
    closed: Collection[tuple[int, int]] = (),
) -> Iterator[Head]:
    """The head after each vote, without end but that of the pairs, on ``clips`` ``(C,)`` of ``features`` ``(N, F)``.

    ``closed``: pairs of places in ``clips`` that are never asked.
    Repeats come as the page asks them: mirrored, not at once, from the pairs judged some time ago.
    """
    chosen = np.asarray(clips, dtype=np.int64)
    x = np.asarray(features, dtype=np.float64)[chosen]
    generator = np.random.default_rng([seed, 1])
    heard = np.zeros(len(x), dtype=np.bool_)
    offered: set[tuple[int, int]] = {(min(pair), max(pair)) for pair in closed}
    judged: list[tuple[int, int] | None] = []  # each vote's pair, None where it was or has been a repeat
    for votes in range(len(x) * (len(x) - 1) // 2 - len(offered)):
        since = slice(max(votes - REPEAT_GAP - REPEAT_WINDOW, 0), max(votes - REPEAT_GAP, 0))
        again = [i for i in range(votes)[since] if judged[i] is not None] if votes >= REPEAT_AFTER else []
        named, _ = choose_named(len(again), 0, generator, mixture)
        pair = judged[again[named.index]] if named is not None else None
        if named is not None and pair is not None:
            right, left = pair
            judged[again[named.index]] = None
            judged.append(None)
        else:
            choice = choose(
                x, head, offered=offered, picks=votes, generator=generator, heard=heard, mixture=mixture,
                styles=styles, seed=seed,
            )  # fmt: skip
            left, right = choice.left, choice.right
            judged.append((left, right))
            offered.add((min(left, right), max(left, right)))
            heard[[left, right]] = True
        outcome = someone.vote(int(chosen[left]), int(chosen[right]), votes, generator)
        head = update(head, x[left], x[right], outcome)
        yield head


def listen_to_fours(
    someone: Person,
    head: Head,
    features: npt.ArrayLike,
    clips: npt.ArrayLike,
    *,
    mixture: Mixture,
    seed: int,
    styles: npt.ArrayLike | None = None,
) -> Iterator[Head]:
    """The head after each pick of four, as ``listen`` gives it after each vote on a pair."""
    chosen = np.asarray(clips, dtype=np.int64)
    x = np.asarray(features, dtype=np.float64)[chosen]
    generator = np.random.default_rng([seed, 2])
    heard = np.zeros(len(x), dtype=np.bool_)
    offered: list[tuple[int, ...]] = []
    while True:
        choice = choose_four(
            x, head, offered=offered, picks=len(offered), generator=generator, heard=heard, mixture=mixture,
            styles=styles, seed=seed,
        )  # fmt: skip
        places = list(choice.clips)
        pick = someone.pick(chosen[places].tolist(), len(offered), generator)
        offered.append(choice.clips)
        heard[places] = True
        head = update_four(head, x[places], pick)
        yield head


def new_head(space: TasteSpace) -> Head:
    """The head of somebody who has not voted yet."""
    return Head.of(space.prior_mean, space.prior_covariance, space.version)

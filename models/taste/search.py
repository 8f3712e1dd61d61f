"""Composing for a head or for two: which of many drafts to play, or which sampled latents to have written or drawn.

Scores are optimistic to explore (mean + kappa sd: upper confidence bound, Srinivas et al. 2010) or careful for a
gift (mean - kappa sd). Music is the best of some drafts, as it was written. How many are looked at grows with the votes
(``ideas``): the best of very many are those that a head which has learned little is most wrong about (Goodhart; Gao,
Schulman, Hilton 2023), and they sound less like music. Where there are latents alone (pictures, draws near a piece),
they may be refined: that recombines the candidates' own group vectors (the content of one, styles of others), and goes
no further than samples go: each group stays where the prior puts it, which is where the writer (for pictures: the
decoder) can be trusted.

For two listeners it is the clip that both would like best (Nash bargaining). Utilities of two people have no common
unit; chances have. Each listener's is the careful chance that they find a clip more beautiful than a draft, and of
these the product counts (Nash 1950): it needs no common unit, is lowest where one of the two is left out, and what it
takes from the one it must give the other in greater proportion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr

from models.style.drafts import Ask, Draft, as_latents_say
from models.style.latents import Latents
from models.taste.explain import AUDIBLE, CLEAR, Effect, attribute_effects
from models.taste.head import Head, utilities
from models.taste.space import TasteSpace, summary

FloatArray = npt.NDArray[np.float64]

SEARCHED = 96  # drafts or draws, where these are made for one search (seconds on a busy CPU), and the least of others
IDEAS_A_VOTE, MOST_IDEAS = 12, 512  # by eye, on validation music of dance and pop: docs/notes/2026-11-28-gifts.md
CAREFUL, OPTIMISTIC = -0.5, 1.0  # posterior standard deviations that a score adds to the mean
DONORS = 32
REACH = 2.0  # standard deviations of the draws that a recombination may lie from their mean in any feature
ASKED, TIMES_ASKED = 6, 2  # recombinations that a piece model is asked for, and how often each

Verdict = Literal["part", "one_more", "other_more", "both", "open"]


@dataclass(frozen=True)
class Candidate:
    """Latents found for a head, with their ``score`` and the expected ``utility`` and its ``sd``.

    ``origin`` is the place, among what was searched, of the latents whose content they have.
    """

    latents: Latents
    score: float
    utility: float
    sd: float
    origin: int


@dataclass(frozen=True)
class Candidates:
    """Latents to search among and their readouts, which are the same for every head and so computed once.

    ``parts`` ``(N, groups, L)``: what each group adds to the lines of the taste space.
    """

    latents: Sequence[Latents]
    parts: FloatArray

    @classmethod
    def of(cls, space: TasteSpace, latents: Sequence[Latents]) -> Candidates:
        """Raises ``ValueError`` where versions are mixed."""
        _check_versions(space, latents)
        if not latents:
            return cls([], np.zeros((0, len(space.groups), space.readout.shape[1])))
        sizes = {name: value.shape[1] for name, value in latents[0].groups.items()}
        return cls(latents, space.parts(np.stack([summary(each) for each in latents]), sizes))

    @classmethod
    def joined(cls, several: Sequence[Candidates]) -> Candidates:
        """All of them, in this order; there must be at least one."""
        latents = [latents for each in several for latents in each.latents]
        return cls(latents, np.concatenate([each.parts for each in several]))

    def chosen(self, places: Sequence[int]) -> Candidates:
        """Some of them, in this order."""
        return Candidates([self.latents[place] for place in places], self.parts[list(places)])

    @property
    def lines(self) -> FloatArray:
        """Of each of them ``(N, L)``."""
        lines: FloatArray = self.parts.sum(axis=1)
        return lines


def ideas(votes: int) -> int:
    """Among how many drafts the best for a head are looked for after so many votes."""
    return max(SEARCHED, min(MOST_IDEAS, IDEAS_A_VOTE * votes))


class Judge(Protocol):
    """Whoever a clip is searched for that is not one listener."""

    def scores(self, features: npt.ArrayLike, kappa: float) -> FloatArray:
        """How good clips with ``features`` ``(clips, F)`` are, ``(clips,)``; ``kappa`` as in ``scores``."""
        ...


def scores(judge: Head | Judge, features: npt.ArrayLike, kappa: float) -> FloatArray:
    """Utility's mean + ``kappa`` sd, ``(clips,)``: ``kappa`` > 0 is optimistic, < 0 careful."""
    if not isinstance(judge, Head):
        return judge.scores(features, kappa)
    utility = utilities(judge, features)
    return utility.mean + kappa * utility.sd


def pick(
    judge: Head | Judge,
    features: npt.ArrayLike,
    count: int,
    *,
    kappa: float = CAREFUL,
    diversity: float = 0.3,
    cost: npt.ArrayLike = 0.0,
) -> list[int]:
    """Indices of ``count`` good and different clips (fewer where there are fewer), the best first.

    Greedy: after the first, each candidate loses ``diversity`` times the scores' SD, fading with its distance (in
    features, relative to the candidates' median distance) from the nearest clip already picked. ``cost`` ``(clips,)``
    is what each loses for anything else that is wanted of it, in standard deviations of the scores.
    """
    x = np.atleast_2d(np.asarray(features, dtype=np.float64))
    score = scores(judge, x, kappa)
    unit = max(float(score.std()), 1e-12) if len(x) else 1.0
    score = score - unit * np.asarray(cost, dtype=np.float64)
    chosen: list[int] = []
    nearest = np.full(len(x), np.inf)
    typical = 1.0
    if len(x) > 1:
        sample = x[:: max(len(x) // 64, 1)]
        typical = max(float(np.median(np.linalg.norm(x[:, None] - sample, axis=2))), 1e-12)
    for _ in range(min(count, len(x))):
        worth = score - diversity * unit * np.exp(-nearest / typical)
        worth[chosen] = -np.inf
        best = int(worth.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, np.linalg.norm(x - x[best], axis=1))
    return chosen


@dataclass(frozen=True)
class Recombined:
    """Latents that took groups from others, their ``lines`` ``(L,)`` and whose content they have (``origin``)."""

    latents: Latents
    lines: FloatArray
    origin: int


def recombine(
    judge: Head | Judge,
    space: TasteSpace,
    among: Candidates,
    *,
    count: int = 8,
    max_swaps: int = 2,
    kappa: float = CAREFUL,
    reach: float = REACH,
) -> list[Recombined]:
    """Candidates improved by taking at most ``max_swaps`` style groups from others of the ``DONORS`` best.

    Starts from the ``count`` best, and per swap takes the (group, donor) that raises the score most; a candidate
    that nothing improves is left out. No line of the taste space goes further than ``reach`` standard deviations from
    the candidates' mean, or than it was. Only candidates with the same number of bars give to each other.
    """
    candidates, parts = among.latents, among.parts
    if not candidates:
        return []
    whole = among.lines
    centre, limit = whole.mean(axis=0), reach * whole.std(axis=0)
    score = scores(judge, space.with_distances(whole), kappa)
    order = [int(index) for index in np.argsort(-score)]
    improved = []
    for index in order[:count]:
        current, value, lines = candidates[index], float(score[index]), whole[index]
        free = dict.fromkeys(space.exchangeable)
        others = [d for d in order[:DONORS] if d != index and candidates[d].bars == current.bars]
        furthest = np.maximum(limit, np.abs(lines - centre)) + 1e-9
        for _ in range(max_swaps if others else 0):
            trials = [(name, donor) for name in free for donor in others]
            places = [space.groups.index(name) for name, _ in trials]
            rows = lines - parts[index, places] + parts[[donor for _, donor in trials], places]
            values = scores(judge, space.with_distances(rows), kappa)
            values[(np.abs(rows - centre) > furthest).any(axis=1)] = -np.inf
            best = int(values.argmax())
            if values[best] <= value + 1e-9:
                break
            name, donor = trials[best]
            del free[name]
            current, value, lines = _with_group(current, candidates[donor], name), float(values[best]), rows[best]
        if len(free) < len(space.exchangeable):
            improved.append(Recombined(current, lines, index))
    return improved


def best_latents(
    head: Head,
    space: TasteSpace,
    candidates: Sequence[Latents] | Candidates,
    count: int,
    *,
    kappa: float = CAREFUL,
    refine: bool = False,
    cost: FloatArray | None = None,
) -> list[Candidate]:
    """The ``count`` best and different latents for this head among ``candidates``.

    With ``refine`` also among their recombinations, which nobody has written. ``cost`` ``(candidates,)`` is as in
    ``pick``; it is known of the candidates alone, so nothing is recombined then.
    """
    among = candidates if isinstance(candidates, Candidates) else Candidates.of(space, candidates)
    if not among.latents:
        return []
    improved = recombine(head, space, among, count=2 * count, kappa=kappa) if refine and cost is None else []
    everything = [*among.latents, *(each.latents for each in improved)]
    origins = [*range(len(among.latents)), *(each.origin for each in improved)]
    features = space.with_distances(np.vstack([among.lines, *(each.lines for each in improved)]))
    utility, score = utilities(head, features), scores(head, features, kappa)
    return [
        Candidate(everything[i], float(score[i]), float(utility.mean[i]), float(utility.sd[i]), origins[i])
        for i in pick(head, features, count, kappa=kappa, cost=0.0 if cost is None else cost)
    ]


def gifts(
    head: Head,
    space: TasteSpace,
    candidates: Candidates,
    count: int,
    *,
    seed: int,
    kappa: float = CAREFUL,
    among: int | None = None,
) -> list[Candidate]:
    """The ``count`` best and different drafts of some of ``candidates``, which are drawn by ``seed``.

    ``among`` so many, by default as many as the head's votes are worth (``ideas``): nobody finds the same few.
    """
    most = ideas(head.votes_seen) if among is None else among
    some = np.random.default_rng(seed).permutation(len(candidates.latents))[:most].tolist()
    found = best_latents(head, space, candidates.chosen(some), count, kappa=kappa)
    return [replace(each, origin=some[each.origin]) for each in found]


def asks_for(
    head: Head,
    space: TasteSpace,
    candidates: Candidates,
    drafts: Sequence[Draft],
    *,
    seed: int,
    kappa: float = CAREFUL,
    among: int | None = None,
) -> list[tuple[Ask, int]]:
    """What to have written for the head, each with the place of the draft that it began with; best first.

    Recombinations of some ``drafts``, as ``gifts`` looks at, each asked for ``TIMES_ASKED`` times.
    """
    most = ideas(head.votes_seen) if among is None else among
    some = np.random.default_rng(seed).permutation(len(candidates.latents))[:most].tolist()
    chosen = candidates.chosen(some)
    made = recombine(head, space, chosen, count=2 * ASKED, kappa=kappa)
    if not made:
        return []
    worth = scores(head, space.with_distances(np.vstack([each.lines for each in made])), kappa)
    best = [made[place] for place in np.argsort(-worth)[:ASKED].tolist()]
    asks = [(as_latents_say(each.latents, drafts[some[each.origin]].notes), some[each.origin]) for each in best]
    return [each for each in asks for _ in range(TIMES_ASKED)]


def best_written(
    head: Head, space: TasteSpace, written: Sequence[Draft | None], count: int, *, kappa: float = CAREFUL
) -> list[int]:
    """The places of the ``count`` best and different ones of what was ``written``, by the latents of its notes."""
    there = [(place, draft.latents) for place, draft in enumerate(written) if draft is not None]
    if not there:
        return []
    features = space.features(np.stack([summary(latents) for _, latents in there]))
    return [there[place][0] for place in pick(head, features, count, kappa=kappa)]


def _with_group(base: Latents, donor: Latents, name: str) -> Latents:
    return Latents(base.version, {**base.groups, name: donor.groups[name]}, base.piece)


def _check_versions(space: TasteSpace, candidates: Sequence[Latents]) -> None:
    if wrong := {each.version for each in candidates} - {space.version}:
        raise ValueError(f"latents of version {', '.join(sorted(wrong))} in taste space {space.version}")


@dataclass(frozen=True)
class JointScore:
    """Two heads of one taste space, and the ``features`` ``(N, F)`` of drafts to be better than.

    Raises ``ValueError`` where the heads are of two taste spaces or there is no draw.
    """

    one: Head
    other: Head
    drawn: FloatArray

    def __post_init__(self) -> None:
        if self.one.version != self.other.version:
            raise ValueError(f"heads of two taste spaces, {self.one.version} and {self.other.version}")
        if len(self.drawn) == 0:
            raise ValueError("a clip can only be better than some draft; there is none")

    def chances(self, features: npt.ArrayLike, kappa: float = CAREFUL) -> FloatArray:
        """How likely each of the two finds a clip more beautiful than a draft, ``(2, clips)``, within (0, 1)."""
        rows = []
        for head in (self.one, self.other):
            good, usual = scores(head, features, kappa), utilities(head, self.drawn).mean
            rows.append(expit(good[:, None] - usual).mean(axis=1))
        return np.stack(rows)

    def scores(self, features: npt.ArrayLike, kappa: float) -> FloatArray:
        """Log of the product of both chances ``(clips,)``; see ``Judge``."""
        product: FloatArray = np.log(self.chances(features, kappa)).sum(axis=0)
        return product


def best_for_both(
    one: Head, other: Head, space: TasteSpace, candidates: Sequence[Latents], count: int, *, diversity: float = 0.3
) -> list[int]:
    """The places of the ``count`` best and different ones for both among these latents of drafts."""
    if not candidates:
        return []
    features = space.features(np.stack([summary(each) for each in candidates]))
    both = JointScore(one, other, features)
    return pick(both, features, count, kappa=CAREFUL, diversity=diversity)


@dataclass(frozen=True)
class TasteComparison:
    """One style's effect on both listeners, of the attribute on which they differ most surely.

    ``apart``: effect on the one less that on the other, with its ``sd``; ``confidence`` that its sign is right.
    ``verdict``: they *part* (each likes the other end), the *one* or the *other* likes it *more*, *both* like it, or it
    is *open*.
    """

    one: Effect
    other: Effect
    apart: float
    sd: float
    confidence: float
    verdict: Verdict


def compare_tastes(
    one: Head, other: Head, space: TasteSpace, *, around: FloatArray | None = None
) -> list[TasteComparison]:
    """One row a style; where they part first, then what they share, then what is open, the surest first.

    ``around``: as ``attribute_effects`` has it.
    """
    both = (attribute_effects(head, space, around=around) for head in (one, other))
    pairs = zip(*both, space.explained, strict=True)
    surest: dict[str, TasteComparison] = {}
    for mine, theirs, explained in pairs:
        apart, sd = mine.effect - theirs.effect, math.hypot(mine.sd, theirs.sd)
        confidence = float(ndtr(abs(apart) / sd)) if sd > 0 else 0.5
        verdict = _verdict(mine, theirs, confidence) if explained >= AUDIBLE else "open"
        row = TasteComparison(mine, theirs, apart, sd, confidence, verdict)
        if mine.style not in surest or _order(row) < _order(surest[mine.style]):
            surest[mine.style] = row
    return sorted(surest.values(), key=_order)


def _verdict(mine: Effect, theirs: Effect, confidence: float) -> Verdict:
    sure = all(each.confidence >= CLEAR for each in (mine, theirs))
    if confidence >= CLEAR:
        if sure and mine.effect * theirs.effect < 0:
            return "part"
        return "one_more" if abs(mine.effect) > abs(theirs.effect) else "other_more"
    return "both" if sure and mine.effect * theirs.effect > 0 else "open"


def _order(row: TasteComparison) -> tuple[int, float]:
    rank = {"part": 0, "one_more": 1, "other_more": 1, "both": 2, "open": 3}[row.verdict]
    return rank, -row.confidence

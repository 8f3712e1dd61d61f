"""What people heard in clips whose mood they rated: whether it was the one that was meant, and whether they agree.

Valence and arousal are -1 to 1 (Russell 1980). A person's answers depend on each other, so a share is a mean over
people of each one's own. Agreement is Krippendorff's alpha (Content Analysis, 2004): 1 where all say the same of each
clip, 0 where they agree no more than if answers were dealt out at random.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from db.tables import StudyTrial
from models.metrics import intervals
from models.metrics.intervals import Figure
from webapp.studies.design import MOODS
from webapp.studies.trials import Heard

UNDECIDED = "undecided"
FAR = 0.8  # how far both sliders go where an attention check asks for an end
DRAWS = 400  # of clips, for the interval of an alpha
CHANCE = 1 / len(MOODS)
Place = tuple[float, float]


@dataclass(frozen=True)
class Share:
    """Of the answers to a system's clips: how many are in the mood meant, and on its side of valence and of arousal."""

    system: str
    quadrant: Figure
    valence: Figure
    arousal: Figure
    answers: int


@dataclass(frozen=True)
class Difference:
    """How much more often clips of ``first`` were heard as meant than those of ``second``: the mean over people."""

    first: str
    second: str
    more: Figure


@dataclass(frozen=True)
class Moods:
    """What the people of one condition heard.

    ``confusions``: for each system and mood that was meant, how often each mood was heard, and ``UNDECIDED``.
    ``agreement``: alpha by what is agreed on: valence, arousal, mood.
    """

    condition: str
    people: int
    shares: tuple[Share, ...]
    differences: tuple[Difference, ...]
    confusions: Mapping[str, Mapping[str, Mapping[str, int]]]
    agreement: Mapping[str, Figure]


def mood_of(place: Place) -> str:
    """The mood in whose quadrant a place lies; ``UNDECIDED`` where valence or arousal is 0."""
    signs = tuple(np.sign(place).astype(int).tolist())
    return next((name for name, each in MOODS.items() if each == signs), UNDECIDED)


def rated(trial: StudyTrial) -> Place | None:
    """Where a clip was put, once it was."""
    return None if trial.valence is None or trial.arousal is None else (trial.valence, trial.arousal)


def at_an_end(place: Place, side: str) -> bool:
    """Whether both sliders are at the ``left`` or ``right`` end, as an attention check asked."""
    return all(value * (1 if side == "right" else -1) >= FAR for value in place)


def results(condition: str, people: Sequence[Sequence[StudyTrial]], clips: Mapping[UUID, Heard]) -> Moods:
    """What the trials of each of some people come to."""
    answers = [
        [(clips[each.left_clip], place) for each in trials if each.kind == "main" and (place := rated(each))]
        for trials in people
    ]
    systems = sorted({clip.system for given in answers for clip, _ in given})
    alpha = intervals.ALPHA / max(1, len(systems))
    return Moods(
        condition,
        len(people),
        tuple(_share(system, answers, alpha) for system in systems),
        _differences(systems, answers),
        _confusions(answers),
        {on: agreement(_units(answers, on), on) for on in ("valence", "arousal", "mood")} if answers else {},
    )


Answers = Sequence[Sequence[tuple[Heard, Place]]]


def _share(system: str, answers: Answers, alpha: float) -> Share:
    mine = [[(clip, place) for clip, place in given if clip.system == system] for given in answers]
    heard = [given for given in mine if given]
    quadrant = [[mood_of(place) == clip.item for clip, place in given] for given in heard]
    sides = [
        [[(np.sign(place[axis]) * MOODS[clip.item][axis] + 1) / 2 for clip, place in given] for given in heard]
        for axis in range(2)
    ]
    in_quadrant, valence, arousal = (
        intervals.bounded_mean([float(np.mean(own)) for own in every], alpha=alpha) for every in (quadrant, *sides)
    )
    return Share(system, in_quadrant, valence, arousal, sum(map(len, heard)))


def _differences(systems: Sequence[str], answers: Answers) -> tuple[Difference, ...]:
    """Every two systems of which somebody rated both; all intervals together hold at any look."""
    found = []
    pairs = list(combinations(systems, 2))
    for first, second in pairs:
        own = [
            [[mood_of(place) == clip.item for clip, place in given if clip.system == each] for each in (first, second)]
            for given in answers
        ]
        both = [(float(np.mean(a)) - float(np.mean(b)) + 1) / 2 for a, b in own if a and b]
        if both:
            half = intervals.bounded_mean(both, alpha=intervals.ALPHA / len(pairs))
            more = Figure(2 * half.value - 1, 2 * half.low - 1, 2 * half.high - 1, half.n)
            found.append(Difference(first, second, more))
    return tuple(found)


def _confusions(answers: Answers) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for clip, place in (each for given in answers for each in given):
        table = found.setdefault(clip.system, {meant: dict.fromkeys((*MOODS, UNDECIDED), 0) for meant in MOODS})
        table[clip.item][mood_of(place)] += 1
    return dict(sorted(found.items()))


def _units(answers: Answers, on: str) -> list[list[float]]:
    """What people said of each clip, each of them once; moods as numbers."""
    moods = [*MOODS, UNDECIDED]
    found: dict[UUID, list[float]] = defaultdict(list)
    for given in answers:
        for clip, place in {clip.id: (clip, place) for clip, place in reversed(given)}.values():
            value = moods.index(mood_of(place)) if on == "mood" else place[("valence", "arousal").index(on)]
            found[clip.id].append(float(value))
    return list(found.values())


def agreement(units: Sequence[Sequence[float]], on: str = "valence") -> Figure:
    """Krippendorff's alpha of what was said of each clip: of intervals, or of names where it is ``on`` the mood.

    The interval is a bootstrap over clips, for one look. A clip of which one person spoke says nothing.
    """
    kind: Literal["interval", "nominal"] = "nominal" if on == "mood" else "interval"
    several = [np.asarray(each, dtype=np.float64) for each in units if len(each) > 1]
    value = alpha_of(several, kind)
    if math.isnan(value):
        return Figure(math.nan, math.nan, math.nan, 0)
    generator = np.random.default_rng(0)
    drawn = [
        alpha_of([several[place] for place in generator.integers(len(several), size=len(several))], kind)
        for _ in range(DRAWS)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Figure(value, float(low), float(high), len(several))


def alpha_of(units: Sequence[npt.NDArray[np.float64]], kind: Literal["interval", "nominal"]) -> float:
    """1 less the disagreement within units over that of all values; each unit has two values at least, or nan."""
    if not units:
        return math.nan
    values = np.concatenate(units)
    within = sum(_disagreement(each, kind) / (len(each) - 1) for each in units) / len(values)
    expected = _disagreement(values, kind) / (len(values) * (len(values) - 1))
    return float(1 - within / expected) if expected else math.nan


def _disagreement(values: npt.NDArray[np.float64], kind: Literal["interval", "nominal"]) -> float:
    """The sum over all ordered pairs of how far two values differ: squared, or 1 where they are not the same."""
    if kind == "interval":
        return float(2 * (len(values) * (values**2).sum() - values.sum() ** 2))
    counts = np.unique(values, return_counts=True)[1]
    return float(len(values) ** 2 - (counts**2).sum())

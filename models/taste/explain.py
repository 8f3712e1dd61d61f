"""What a listener seems to love, in a musician's words and with the head's own doubt.

The effect of an attribute is half of what utility gains from one standard deviation below a clip to one above, in the
mean over the clips of a listener's domain. By default everything that goes with it in real music moves along
(*together*: slower pieces are also sparser); with ``alone`` the other attributes are held. Utility is linear in the
features, so effect and doubt are exact under the head's posterior. Beside the others of a study it can be said whether
somebody likes it more so than most, and whether their own votes say so at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.taste.head import Head
from models.taste.hierarchy import PopulationPrior
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]

# (word when more of it is loved, word when less of it is loved), to follow "likes it ...".
WORDS: Mapping[str, tuple[str, str]] = {
    "onsets_per_bar": ("denser", "sparser"),
    "mean_pitch": ("higher", "lower"),
    "mode": ("more major", "more minor"),
    "mean_velocity": ("louder", "softer"),
    "tempo_bpm": ("faster", "slower"),
    "notes_per_onset": ("with thicker chords", "with thinner chords"),
    "contour": ("with rising melodies", "with falling melodies"),
    "leap": ("with wide leaps", "with small steps"),
    "size": ("larger", "smaller"),
    "symmetry": ("more symmetrical", "less symmetrical"),
    "warmth": ("in warmer colours", "in colder colours"),
    "colourfulness": ("more colourful", "greyer"),
    "brightness": ("brighter", "darker"),
    "contrast": ("with more contrast", "with less contrast"),
    "busyness": ("busier", "calmer"),
}
# The two ends themselves (less, more), to follow "likes it neither ...".
ENDS: Mapping[str, tuple[str, str]] = {
    "onsets_per_bar": ("sparse", "busy"),
    "mean_pitch": ("low", "high"),
    "mode": ("minor", "major"),
    "mean_velocity": ("soft", "loud"),
    "tempo_bpm": ("slow", "fast"),
    "notes_per_onset": ("thin chords", "thick chords"),
    "contour": ("falling tunes", "rising tunes"),
    "leap": ("small steps", "wide leaps"),
    "size": ("small", "large"),
    "symmetry": ("lopsided", "symmetrical"),
    "warmth": ("cold colours", "warm colours"),
    "colourfulness": ("grey", "colourful"),
    "brightness": ("dark", "bright"),
    "contrast": ("soft contrast", "strong contrast"),
    "busyness": ("calm", "busy"),
}

CLEAR, PROBABLE, SEEMING, MAYBE = 0.975, 0.9, 0.75, 0.65  # probability that the sign is right
UNKNOWN = "can't tell yet"
AUDIBLE = 0.1  # of an attribute that the latents hardly hold, no vote can tell anything
INDIFFERENCE = 0.2  # an effect below this changes "the better one wins" by less than five points
INDIFFERENT = 0.8  # probability of indifference from which on it is said
MOST = 0.8  # share of people whom a listener's liking surpasses, from which on it is said
SILENT = 0.15  # share of the doubt that the own votes must have taken before a liking is their own
GUESSED = "as most people do; these votes hardly tell yet"
LEANS = 0.5  # utility of a side from which on it is worth telling: 62 of 100 equally loved pairs
TOSSES, TOSSES_AFTER = 0.15, 40  # share of coin tosses worth telling, and after how many votes


@dataclass(frozen=True)
class Effect:
    """One attribute's effect on utility.

    ``effect`` for one SD more of ``attribute`` and its posterior ``sd``; ``confidence``: probability that its sign
    is right (0.5 to 1). ``word``: what is loved ("slower"); ``words``: with its hedge ("probably likes it slower"), or,
    where no direction is sure, that both ends are less loved than what is between, or more. ``lean`` says the same with
    the ``odds`` that it is right ("probably slow (9 in 10)"), and is empty where nothing can be told yet; "decided"
    is kept for what a 95 % interval leaves no doubt of.
    """

    style: str
    attribute: str
    effect: float
    sd: float
    confidence: float
    word: str
    words: str
    lean: str
    odds: float


def attribute_effects(
    head: Head, space: TasteSpace, *, around: FloatArray | None = None, alone: bool = False
) -> list[Effect]:
    """The effect of every named attribute, in the taste space's order; raises ``ValueError`` on mixed versions.

    ``around``: features ``(clips, F)`` of the clips whose change is meant; by default one in the middle of everything.
    """
    if head.version != space.version or len(head.mean) != space.size:
        raise ValueError(f"the head was learned in taste space {head.version}, not in {space.version}")
    found = []
    rises, bends = moves(space, around, alone=alone)
    for name, rise, bend, explained in zip(space.names, rises, bends, space.explained, strict=True):
        effect, sd, confidence = _belief(head, rise)
        word = WORDS.get(name, (f"with more {name}", f"with less {name}"))[effect <= 0]
        ends = ENDS.get(name, (f"with little {name}", f"with much {name}"))
        said = OPEN
        if explained >= AUDIBLE:
            said = _hedged(word, ends[effect > 0], effect, sd, confidence)
            if confidence < CLEAR:
                said = _between(ends, *_belief(head, bend)) or said
        found.append(Effect(space.style_of[name], name, effect, sd, confidence, word, *said))
    return found


def moves(space: TasteSpace, around: FloatArray | None = None, *, alone: bool = False) -> tuple[FloatArray, FloatArray]:
    """What one SD more of each attribute changes in the features, ``(A, F)``, in the mean over the clips ``around``.

    The first is half the way from one SD less to one SD more, the second how far the middle of these two lies from
    where the clip is: only the distances know such a bend.
    """
    size = space.size - len(space.names)
    clips = np.zeros((1, size)) if around is None or len(around) == 0 else np.asarray(around)[:, :size]
    step = (space.alone if alone else space.together)[:, None, :size]
    less, more = space.with_distances(clips - step), space.with_distances(clips + step)
    rise: FloatArray = ((more - less) / 2).mean(axis=1)
    bend: FloatArray = ((more + less) / 2 - space.with_distances(clips)).mean(axis=1)
    return rise, bend


def explain(head: Head, space: TasteSpace, *, around: FloatArray | None = None, alone: bool = False) -> list[Effect]:
    """One effect per style, in the order of the attributes: where a style has several attributes, the surest one."""
    surest: dict[str, Effect] = {}
    for effect in attribute_effects(head, space, around=around, alone=alone):
        if effect.style not in surest or effect.confidence > surest[effect.style].confidence:
            surest[effect.style] = effect
    return [surest[style] for style in dict.fromkeys(space.style_of.values()) if style in surest]


@dataclass(frozen=True)
class BesideOthers:
    """A liking among the study's listeners: ``share`` of them whom it surpasses, with the doubt about it counted in.

    ``guessed``: it is most people's liking so far, more than this one's. ``words`` follow the liking's own; empty where
    there is nothing to add.
    """

    share: float
    guessed: bool
    words: str


def beside_others(
    effects: Sequence[Effect], population: PopulationPrior, space: TasteSpace, *, around: FloatArray | None = None
) -> list[BesideOthers]:
    """Each of the ``effects`` (not ``alone``, and ``around`` the same clips) of a head beside how people differ."""
    people = population.newcomer()
    found = []
    rises, _ = moves(space, around)
    for effect in effects:
        direction = rises[space.names.index(effect.attribute)]
        theirs, spread = float(direction @ people.mean), float(direction @ people.covariance @ direction)
        gap = effect.effect - theirs
        share = float(ndtr(math.copysign(1, effect.effect) * gap / math.sqrt(max(spread + effect.sd**2, 1e-12))))
        guessed = effect.effect * theirs > 0 and effect.sd**2 > (1 - SILENT) * spread
        found.append(BesideOthers(share, guessed, _beside(effect, share, guessed=guessed)))
    return found


def _beside(effect: Effect, share: float, *, guessed: bool) -> str:
    if "like" not in effect.words:
        return ""
    if guessed:
        return GUESSED
    if share >= MOST:
        return "more so than most people"
    return "less so than most people" if share <= 1 - MOST else ""


@dataclass(frozen=True)
class Habits:
    """What is worth telling of how somebody answers: None where it is nothing special, or not sure.

    ``left``: share of picks of the left clip where both are equally loved; ``tossed``: share of picks that can't be
    told from coin tosses.
    """

    left: float | None
    tossed: float | None


def habits(head: Head) -> Habits:
    """How this listener answers, whatever they love."""
    mean, sd = head.side
    leans = abs(mean) >= LEANS and ndtr(abs(mean) / sd) >= CLEAR
    tosses = head.votes_seen >= TOSSES_AFTER and head.lapse_rate >= TOSSES
    return Habits(1 / (1 + math.exp(-mean)) if leans else None, head.lapse_rate if tosses else None)


def _belief(head: Head, direction: FloatArray) -> tuple[float, float, float]:
    """What a change of the features is worth, its doubt, and how likely its sign is right."""
    worth = float(direction @ head.mean)
    sd = math.sqrt(max(float(direction @ head.covariance @ direction), 0.0))
    return worth, sd, float(ndtr(abs(worth) / sd)) if sd > 0 else 0.5


class _Said(NamedTuple):
    """An effect's ``words``, ``lean`` and ``odds``."""

    words: str
    lean: str = ""
    odds: float = 0.5

    @classmethod
    def leaning(cls, words: str, toward: str, odds: float) -> _Said:
        """What is liked, as an adjective with its odds."""
        return cls(words, with_odds(toward, odds), odds)


OPEN = _Said(UNKNOWN)


def with_odds(what: str, odds: float) -> str:
    """What is so with these odds, from ``MAYBE`` on: "probably slow (9 in 10)", "slow (decided)"."""
    if odds >= CLEAR:
        return f"{what} (decided)"
    return f"{'probably' if odds >= SEEMING else 'perhaps'} {what} ({min(9, round(10 * odds))} in 10)"


def _between(ends: tuple[str, str], bend: float, sd: float, confidence: float) -> _Said | None:
    """A liking of the middle, or of both ends; None where neither is probable, or it hardly matters."""
    if confidence < PROBABLE or ndtr((abs(bend) - INDIFFERENCE) / sd) < SEEMING:
        return None
    less, more = ends
    liked = f"neither {less} nor {more}" if bend < 0 else f"either {less} or {more}"
    sure = "clearly" if confidence >= CLEAR else "probably"
    return _Said.leaning(f"{sure} likes it {liked}", liked, confidence)


def _hedged(word: str, toward: str, effect: float, sd: float, confidence: float) -> _Said:
    if confidence < PROBABLE and sd > 0:
        indifferent = float(ndtr((INDIFFERENCE - effect) / sd) - ndtr((-INDIFFERENCE - effect) / sd))
        if indifferent >= INDIFFERENT:
            return _Said.leaning("does not seem to mind", "makes no difference", indifferent)
    hedges = ((CLEAR, "clearly likes"), (PROBABLE, "probably likes"), (SEEMING, "seems to like"), (MAYBE, "may like"))
    hedge = next((words for least, words in hedges if confidence >= least), None)
    return _Said.leaning(f"{hedge} it {word}", toward, confidence) if hedge else OPEN

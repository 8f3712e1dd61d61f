"""What a listener seems to love and why a clip, in a musician's words and with the head's own doubt.

The effect of an attribute is half of what utility gains from one standard deviation below a clip to one above, in the
mean over the clips of a listener's domain. By default everything that goes with it in real music moves along
(*together*: slower pieces are also sparser); with ``alone`` the other attributes are held. Utility is linear in the
features, so effect and doubt are exact under the head's posterior. Beside the others of a study it can be said whether
somebody likes it more so than most, and whether their own votes say so at all.

The utility of one clip is split over its latent groups, which also gives the swap that adds most. The lines of a taste
space are sums over groups. Its distances from the middle are none, nor is the chance of being picked: their split is
Shapley's (1953), over all coalitions of groups; those outside a coalition sound as in the average clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.taste.head import Head, predict
from models.taste.hierarchy import PopulationPrior
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

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

# Of an attribute below and above the middle, of one piece or picture
POLES: Mapping[str, tuple[str, str]] = {**ENDS, "contour": ("falling tune", "rising tune")}
MIDDLE, FAR = 0.4, 1.5  # standard deviations within which an attribute is in the middle, and from which on it is "very"
SLIGHT = 0.05  # utility: below that a part hardly counts, whatever its sign
OTHERS = "others"  # what they hear in the clip itself, as a part of its utility
CAREFUL = -0.5  # standard deviations that count against a swap whose effect is doubtful


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


@dataclass(frozen=True)
class Part:
    """What one latent group adds to a clip's utility beside the average clip's, ``utility`` with its posterior ``sd``.

    ``points``: its share of the chance to be picked, in 0 to 1. ``confidence`` that the sign is right. ``attribute``
    and ``trait`` (standard deviations from the middle): how the group sounds here; ``words`` say it.
    """

    part: str
    utility: float
    sd: float
    points: float
    confidence: float
    attribute: str
    trait: float
    words: str


@dataclass(frozen=True)
class Attribution:
    """A clip beside the average clip: ``chance`` of being picked (a tie counts half), and where that comes from.

    ``utility`` is the difference of the two, the sum of the parts' own; ``chance`` is one half and the sum of their
    ``points``. ``parts`` in the order of the space's groups, and at last ``OTHERS`` where others hear more or less
    in the clip.
    """

    chance: float
    utility: float
    sd: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Swap:
    """``group`` taken from the ``donor``-th clip: by how much utility rises, with its posterior ``sd``."""

    group: str
    donor: int
    gain: float
    sd: float


def attribution(
    head: Head,
    space: TasteSpace,
    clip: FloatArray,
    average: FloatArray,
    traits: Mapping[str, float],
    *,
    effect: float = 0.0,
) -> Attribution:
    """Split a clip whose groups add ``clip`` ``(groups, L)`` to the lines, beside the ``average`` one's.

    ``traits``: attribute → standard deviations from the middle of the domain; none where it is not known. ``effect``:
    what others hear in the clip beyond its features, beside the average clip's; where it is 0, it is no part.
    """
    usual, groups = average.sum(axis=0), len(space.groups)
    players = groups + (effect != 0)

    def differences(coalitions: BoolArray) -> FloatArray:
        lines = usual + coalitions[:, :groups].astype(np.float64) @ (clip - average)
        return space.with_distances(lines) - space.with_distances(usual)

    def chances(coalitions: BoolArray) -> FloatArray:
        return chance_of(head, differences(coalitions), effect * coalitions[:, groups:].sum(axis=1))

    points = shapley(chances, players)
    off = shapley(differences, players)
    parts = []
    for name, row, share in zip(space.groups, off[:groups], points[:groups].tolist(), strict=True):
        utility, sd = _utility(head, row)
        confidence = _confidence(utility, sd)
        named = [each for each, style in space.style_of.items() if style == name and each in traits]
        attribute = max(named, key=lambda each: abs(traits[each]), default="")
        trait = traits.get(attribute, 0.0)
        words = _words(attribute, trait, utility, confidence)
        parts.append(Part(name, utility, sd, share, confidence, attribute, trait, words))
    if effect:
        words = "others like it more than its styles tell" if effect > 0 else "others like it less than its styles tell"
        parts.append(Part(OTHERS, effect, 0.0, float(points[groups]), 1.0, "", 0.0, words))
    whole, sd = _utility(head, off.sum(axis=0))
    chance = float(chance_of(head, off.sum(axis=0), effect)[0])
    return Attribution(chance, whole + effect, sd, tuple(parts))


def chance_of(head: Head, differences: npt.ArrayLike, effects: npt.ArrayLike = 0.0) -> FloatArray:
    """Chance of being picked ``(pairs,)`` for clips that differ from the other by ``(pairs, F)``, on either side.

    ``effects`` ``(pairs,)`` or one number: what the clips' own effects differ by.
    """
    rows, gaps = np.atleast_2d(np.asarray(differences, dtype=np.float64)), np.asarray(effects, dtype=np.float64)
    here, there = predict(head, rows, gaps), predict(head, -rows, -gaps)
    chance: FloatArray = (here.left + there.right + (here.equal + there.equal) / 2) / 2
    return chance


def shapley(worth: Callable[[BoolArray], FloatArray], players: int) -> FloatArray:
    """What each player adds on average to those who came before, over all orders ``(players, ...)``; exact.

    ``worth`` gives the worth ``(S, ...)`` of coalitions ``(S, players)``; it is asked once, for all of them.
    """
    coalitions = np.array(list(product([False, True], repeat=players)), dtype=np.bool_)
    values, sizes = worth(coalitions), coalitions.sum(axis=1)
    place = 1 << np.arange(players)[::-1]  # of each player in the number of a coalition
    weight = np.array([math.factorial(k) * math.factorial(players - 1 - k) for k in range(players)], dtype=np.float64)
    found = np.zeros((players, *values.shape[1:]))
    for player in range(players):
        without = np.flatnonzero(~coalitions[:, player])
        found[player] = weight[sizes[without]] @ (values[without + place[player]] - values[without])
    shares: FloatArray = found / math.factorial(players)
    return shares


def best_swaps(
    head: Head,
    space: TasteSpace,
    clip: FloatArray,
    donors: FloatArray,
    *,
    kappa: float = CAREFUL,
) -> list[Swap]:
    """The donor of each exchangeable group that raises utility most (gain + ``kappa`` sd), best group first.

    None that lowers it, and none that hardly changes it (by less than ``SLIGHT``), as a donor that sounds alike.
    ``clip`` ``(groups, L)``, ``donors`` ``(N, groups, L)``: what the groups add to the lines.
    """
    found: list[tuple[float, Swap]] = []
    for name in space.exchangeable if len(donors) else ():
        off = swapped(space, clip, donors, name)
        gain = off @ head.mean
        sd = np.sqrt(np.maximum(np.einsum("nf,fg,ng->n", off, head.covariance, off), 0.0))
        score = gain + kappa * sd
        best = int(score.argmax())
        if score[best] > 0 and gain[best] >= SLIGHT:
            found.append((float(score[best]), Swap(name, best, float(gain[best]), float(sd[best]))))
    return [swap for _, swap in sorted(found, key=lambda each: -each[0])]


def swapped(space: TasteSpace, clip: FloatArray, donors: FloatArray, group: str) -> FloatArray:
    """How the features of ``clip`` change with the ``group`` of each of the ``donors``, ``(N, F)``."""
    place, lines = space.groups.index(group), clip.sum(axis=0)
    return space.with_distances(lines + donors[:, place] - clip[place]) - space.with_distances(lines)


def _utility(head: Head, row: FloatArray) -> tuple[float, float]:
    return float(row @ head.mean), math.sqrt(max(float(row @ head.covariance @ row), 0.0))


def _confidence(utility: float, sd: float) -> float:
    return float(ndtr(abs(utility) / sd)) if sd > 0 else 0.5


def _words(attribute: str, trait: float, utility: float, confidence: float) -> str:
    """How a part sounds and what it does for this listener: "slow: probably adds (9 in 10)"."""
    how = "in the middle"
    if attribute in POLES and abs(trait) >= MIDDLE:
        how = POLES[attribute][trait > 0]
        how = f"very {how}" if abs(trait) > FAR else how
    if abs(utility) < SLIGHT:
        return f"{how}: makes little difference"
    if confidence < MAYBE:
        return f"{how}: {UNKNOWN}"
    return f"{how}: {with_odds('adds' if utility > 0 else 'takes away', confidence)}"

"""Why a clip, and what would have to change: its utility split over its latent groups, and the swap that adds most.

The lines of a taste space are sums over groups. Its distances from the middle are none, nor is the chance of being
picked: their split is Shapley's (1953), over all coalitions of groups; those outside a coalition sound as in the
average clip. Utility is linear in the features, so its split and the doubt about each part are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.taste.explain import ENDS, MAYBE, UNKNOWN, with_odds
from models.taste.head import Head, predict
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Of an attribute below and above the middle, of one piece or picture
POLES: Mapping[str, tuple[str, str]] = {**ENDS, "contour": ("falling tune", "rising tune")}
MIDDLE, FAR = 0.4, 1.5  # standard deviations within which an attribute is in the middle, and from which on it is "very"
SLIGHT = 0.05  # utility: below that a part hardly counts, whatever its sign
OTHERS = "others"  # what they hear in the clip itself, as a part of its utility
CAREFUL = -0.5  # standard deviations that count against a swap whose effect is doubtful


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
    groups: Collection[str] | None = None,
    kappa: float = CAREFUL,
) -> list[Swap]:
    """The donor of each group that raises utility most (gain + ``kappa`` sd), best group first.

    None that lowers it, and none that hardly changes it (by less than ``SLIGHT``), as a donor that sounds alike.
    ``clip`` ``(groups, L)``, ``donors`` ``(N, groups, L)``: what the groups add to the lines.
    ``groups``: those that may change; by default the exchangeable ones of the space.
    """
    found: list[tuple[float, Swap]] = []
    for name in (space.exchangeable if groups is None else groups) if len(donors) else ():
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

"""What a piece model is told at every step beside the notes so far, and in which bar each step stands.

Training tells it of whole windows at once, sampling of the bar that is being written; both ask ``along``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import DOMAINS
from models.music.tokens import (
    BAR,
    BAR_RANGES,
    DURATIONS,
    LENGTH,
    LOWEST_PITCH,
    METER,
    METERS,
    PITCH,
    PITCHES,
    POSITION,
    POSITION_CLASSES,
    POSITIONS,
    TEMPI_BPM,
    TEMPO,
    VELOCITY_BINS,
    TokenArray,
)

# Classes of each field of a token, in the order of ``FIELDS``, and what is taken from a field's value to have its class
CLASSES = (POSITION_CLASSES, PITCHES, len(DURATIONS), VELOCITY_BINS, len(TEMPI_BPM), len(METERS), POSITIONS)
LOWEST = np.array([0, LOWEST_PITCH, 0, 0, 0, 0, BAR_RANGES[LENGTH][0]])
ABSENT = -1

FARTHEST, PHASES = 64, 16
FIFTHS = 5  # of real music of a domain, by valence and by arousal, from 1 on; 0 stands for a mood that is not told
CONDITIONS = ("domain", "meter", "length", "tempo", "number", "phase", "left", "returns", "valence", "arousal")
OF_DOMAIN, OF_METER, OF_LENGTH, OF_TEMPO, OF_NUMBER, OF_PHASE, OF_LEFT, OF_RETURNS = range(8)
OF_MOOD = slice(8, 10)  # the last, which models that learned without moods do not hear
CONDITION_CLASSES = (
    len(DOMAINS), len(METERS), POSITIONS, len(TEMPI_BPM), FARTHEST + 1, PHASES, FARTHEST + 1, FARTHEST + 1,
    FIFTHS + 1, FIFTHS + 1,
)  # fmt: skip
NO_MOOD = (0, 0)

# Grid steps of a whole bar of each meter
WHOLE = np.array([48 * numerator // denominator for numerator, denominator in METERS])
SEMIQUAVER = 3  # grid steps
ALIKE = 0.66  # F-measure of (semiquaver, pitch class) from which on a bar counts as a return of an earlier one

IntArray = npt.NDArray[np.int64]
Mood = tuple[int, int]  # the fifths of valence and arousal, 0 for what isn't told


@dataclass(frozen=True)
class Along:
    """What ``along`` finds: int64 ``conditions`` ``(steps, CONDITIONS)``, -1 where unknown, and float32 ``bars``.

    ``bars`` ``(steps,)`` is where each step stands in the piece, in bars.
    """

    conditions: IntArray
    bars: npt.NDArray[np.float32]


def fifth(value: float) -> int:
    """The fifth of real music that a valence or arousal from -1 (least) to 1 (most) asks for: 1 to 5."""
    return 1 + min(FIFTHS - 1, max(0, int((value + 1) / 2 * FIFTHS)))


def classes(tokens: TokenArray | IntArray) -> IntArray:
    """Tokens ``(..., 7)`` as classes from 0 on of each field, -1 where a field doesn't apply."""
    steps = np.asarray(tokens, dtype=np.int64)
    found: IntArray = np.where(steps < 0, ABSENT, steps - LOWEST)
    return found


def first_numbers(heads: TokenArray | IntArray) -> IntArray:
    """The number of a first bar, for each of ``heads`` ``(bars, 7)``: 1, or 0 where it is a short one, a pickup."""
    found: IntArray = np.where(heads[:, LENGTH] < WHOLE[heads[:, METER]], 0, 1)
    return found


def along(
    heads: TokenArray | IntArray,
    number: IntArray,
    position: IntArray,
    *,
    domain: int,
    last: int | IntArray,
    returns: IntArray,
    mood: IntArray | Mood = NO_MOOD,
) -> Along:
    """Conditions and places of steps, each with the BAR step of its bar in ``heads`` ``(steps, 7)``.

    The rest ``(steps,)``: the ``number`` of that bar, the ``position`` in it (0: the BAR step itself), and how many
    bars back the bar was heard before (0: it is new). ``last`` is the number of the piece's last bar, of one piece or
    of each step's; -1 stands for what the model is not told. ``mood``: fifths of valence and arousal, of all or
    ``(steps, 2)``.
    """
    meter, length = heads[:, METER].astype(np.int64), heads[:, LENGTH].astype(np.int64)
    found = np.full((len(heads), len(CONDITIONS)), ABSENT, dtype=np.int64)
    found[:, OF_DOMAIN], found[:, OF_METER], found[:, OF_TEMPO] = domain, meter, heads[:, TEMPO]
    found[:, OF_LENGTH] = length - LOWEST[LENGTH]
    found[:, OF_RETURNS] = np.minimum(returns, FARTHEST)
    found[:, OF_MOOD] = mood
    _number(found, number, last)
    lacking = np.where(number == 0, WHOLE[meter] - length, 0)  # a pickup ends where the first whole bar begins
    return Along(found, (number + (lacking + position) / WHOLE[meter]).astype(np.float32))


def before_first(
    *,
    domain: int,
    before: int = 0,
    last: int = ABSENT,
    meter: int = ABSENT,
    tempo: int = ABSENT,
    mood: Mood = NO_MOOD,
) -> Along:
    """What is told before the first step of a piece, or of a part of one that follows bar number ``before``: one step.

    ``meter``, ``tempo`` and ``mood`` are those with which it is to begin; -1 stands for what the model is not told.
    """
    found = np.full((1, len(CONDITIONS)), ABSENT, dtype=np.int64)
    found[:, OF_DOMAIN], found[:, OF_METER], found[:, OF_TEMPO] = domain, meter, tempo
    found[:, OF_MOOD] = mood
    _number(found, np.array([before]), last)
    return Along(found, np.array([before + 1], dtype=np.float32))


def _number(found: IntArray, number: IntArray, last: int | IntArray) -> None:
    found[:, OF_NUMBER] = np.minimum(number, FARTHEST)
    found[:, OF_PHASE] = number % PHASES
    found[:, OF_LEFT] = np.where(np.equal(last, ABSENT), ABSENT, np.clip(last - number, 0, FARTHEST))


def likeness_of(tokens: TokenArray) -> npt.NDArray[np.float32]:
    """How alike the bars of a piece ``(steps, 7)`` are, ``(bars, bars)``: 1 where they are the same, 0 without a note.

    Bars are compared by which pitch classes begin in which semiquaver.
    """
    is_bar = tokens[:, POSITION] == BAR
    bar, count = np.cumsum(is_bar) - 1, int(is_bar.sum())
    notes = tokens[~is_bar & (tokens[:, PITCH] >= 0)]
    slots = POSITIONS // SEMIQUAVER
    heard = np.zeros((count, slots, 12), dtype=np.float32)
    heard[bar[~is_bar & (tokens[:, PITCH] >= 0)], notes[:, POSITION] // SEMIQUAVER, notes[:, PITCH] % 12] = 1
    flat = heard.reshape(count, -1)
    size = flat.sum(1)
    found: npt.NDArray[np.float32] = 2 * (flat @ flat.T) / np.maximum(size[:, None] + size[None], 1)
    return found


def returns_of(tokens: TokenArray) -> IntArray:
    """How many bars back the likest earlier bar lies, for each bar of a piece ``(steps, 7)``; 0 where none is alike.

    At most ``FARTHEST`` bars back; see ``likeness_of``.
    """
    likeness = likeness_of(tokens)
    count = len(likeness)
    back = np.arange(count)[:, None] - np.arange(count)[None]
    likeness = np.where((back > 0) & (back <= FARTHEST), likeness - 1e-4 * back, -1)
    best = likeness.argmax(1) if count else np.zeros(0, dtype=np.int64)
    found: IntArray = np.where(likeness.max(1, initial=-1) >= ALIKE, np.arange(count) - best, 0)
    return found

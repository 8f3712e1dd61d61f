"""What a piece model is conditioned on beside the notes so far, and what is wished of a piece before it is written.

Conditions say at each step in which bar of the piece it stands. Training finds them for whole windows at once, sampling
for the bar that is being written; both call ``along``. ``Wishes`` are those of a batch, a ``Place`` is where in a piece
one of it begins, and ``BarTargets`` say how high, how many and how loud its notes are to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import (
    BAR,
    BAR_RANGES,
    DURATIONS,
    FIELDS,
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
    regular_bars,
    to_tokens,
)

IntArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
LEAST_BARS, LEAST_NOTES = 4, 8  # of a piece to train on
ALIKE = 0.66  # F-measure of (semiquaver, pitch class) from which on a bar counts as a return of an earlier one

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


@dataclass(frozen=True)
class BarTargets:
    """Mean ``pitch`` (MIDI), number of ``notes`` and mean ``velocity`` of each bar from the place on, ``(bars,)`` each.

    ``deviations``: standard deviations of the three in such music.
    """

    pitch: Floats
    notes: Floats
    velocity: Floats
    deviations: tuple[float, float, float]


TEMPERATURE, NUCLEUS = 0.9, 0.98
MOST_BARS = 128  # of a piece whose number of bars isn't asked for

PerElement = float | Mapping[str, float]


@dataclass(frozen=True)
class Wishes:
    """What the pieces of a batch are to be; -1 stands for what isn't asked for, classes are ``models.music.tokens``'.

    ``last`` is the number of the last bar; ``ending`` says whether the piece closes there or breaks off; ``returns``
    gives for bars by number how many bars back they were heard before (0: new); ``mood`` are fifths of the domain's
    real music by valence and arousal (0: not asked for). After its first bar a ``regular`` piece has whole bars of one
    meter alone. ``temperature`` and ``nucleus`` are numbers, or numbers by element ("pitch", "duration", …), the usual
    ones for those left out. ``guidance`` is how much a piece heeds returns and mood: logits go on so many times from
    those without them to those with them (classifier-free guidance: Ho and Salimans 2022; of language models: Sanchez
    et al. 2023). With any but 1, the model's own, each step is computed twice. With ``repeat_bias`` so many nats are
    added instead to the logits of what was heard in a bar that comes again (``models.style.pieces.grammar``), and
    guidance is by mood alone. Where latents are told, it goes on from what is said without ``guided`` groups of these.
    With ``targets`` its notes are drawn towards these, bar by bar (``grammar.Steering``).
    A piece with more than ``most_dense`` notes a bar over some bars is given up (``models.style.pieces.data``).
    """

    domain: int
    last: int = ABSENT
    ending: bool = True
    regular: bool = False
    meter: int = ABSENT
    tempo: int = ABSENT
    returns: Mapping[int, int] = field(default_factory=dict)
    mood: Mood = NO_MOOD
    temperature: PerElement = TEMPERATURE
    nucleus: PerElement = NUCLEUS
    guidance: float = 1.0
    guided: tuple[str, ...] = ()
    repeat_bias: float = 0.0
    most_dense: float = np.inf
    targets: BarTargets | None = None

    @property
    def ends(self) -> tuple[int, int]:
        """The number of the first bar after which a piece may end, and of that after which it must."""
        return (1, MOST_BARS) if self.last == ABSENT else (self.last, self.last)


@dataclass(frozen=True)
class Place:
    """Where in a piece its writing begins: after so many bars ``before``, which nobody wrote; its ``last`` bar.

    ``returns``: how many bars back each of the bars from there on was heard before (0: new, -1: the model is free);
    bars beyond them are as the wishes say, and so are ``meter`` and ``tempo`` where they are -1.
    """

    before: int
    last: int
    returns: tuple[int, ...] = ()
    meter: int = ABSENT
    tempo: int = ABSENT


def returns_by_number(wishes: Wishes, places: Sequence[Place], rows: int) -> IntArray:
    """How many bars back each bar of each piece was heard before, by its number since the place: ``(rows, bars)``.

    The last column stands for all bars after those that are asked for.
    """
    asked = [{**wishes.returns, **dict(enumerate(place.returns, 1))} for place in places or [Place(0, ABSENT)] * rows]
    found = np.full((rows, max(max(each, default=0) for each in asked) + 2), ABSENT, dtype=np.int64)
    for row, each in enumerate(asked):
        found[row, list(each)] = list(each.values())
    return found


def by_element(given: PerElement, usual: float, rows: int) -> npt.NDArray[np.float32]:
    """``(7, rows)``; raises ``ValueError`` for a name that is no element's."""
    table = dict.fromkeys(FIELDS, usual) | dict(given if isinstance(given, Mapping) else dict.fromkeys(FIELDS, given))
    if unknown := set(table) - set(FIELDS):
        raise ValueError(f"{min(unknown)} is no element; there are {', '.join(FIELDS)}")
    return np.tile(np.array([[table[name]] for name in FIELDS], dtype=np.float32), rows)


def whole_tokens(piece: Piece) -> TokenArray | None:
    """The ``regular_tokens`` of a piece to train on; None where it is too short or its bars mean nothing."""
    if piece.domain is None or piece.extra.get("bars") == "unestimated" or len(piece.notes) < LEAST_NOTES:
        return None
    try:
        tokens = regular_tokens(piece)
    except MusicError:
        return None
    return tokens if (tokens[:, POSITION] == BAR).sum() >= LEAST_BARS else None


def regular_tokens(piece: Piece) -> TokenArray:
    """The tokens of a piece in regular bars, without silent bars before and after; ``MusicError`` without a note."""
    if not len(piece.notes):
        raise MusicError("the piece has no note")
    whole = regular_bars(piece)
    bar = np.searchsorted(whole.bars[:, 0], whole.notes[:, 0], side="right") - 1
    return to_tokens(whole.window(int(bar.min()), int(bar.max() - bar.min()) + 1))

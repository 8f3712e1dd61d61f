"""What is wanted of pieces before they are written: of all in a batch, of each of them, of each element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.music.tokens import FIELDS
from models.style.pieces.conditions import ABSENT, NO_MOOD, IntArray, Mood
from models.style.pieces.steering import BarTargets

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
    et al. 2023). With any but 1, the model's own, each step is computed twice. With ``returning`` so many nats are
    added instead to the logits of what was heard in a bar that comes again (``models.style.pieces.returning``), and
    guidance is by mood alone. Where latents are told, it goes on from what is said without ``guided`` groups of these.
    With ``targets`` its notes are drawn towards these, bar by bar (``models.style.pieces.steering``).
    A piece with more than ``most_crowded`` notes a bar over some bars is given up (``models.style.pieces.crowding``).
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
    returning: float = 0.0
    most_crowded: float = np.inf
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

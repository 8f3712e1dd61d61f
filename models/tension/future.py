"""What comes next: how surprising each note is to the piece model, and how uncertain it was before the note.

The piece model without latents is a language model of music. Before each note it gives a distribution of when the note
begins, then of its pitch, its duration and its velocity. Surprise is what the note costs under these (information
content), uncertainty is their entropy, both in nats (Hansen & Pearce 2014, for the terms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import BAR, DURATION, PITCH, POSITION, VELOCITY, TokenArray
from models.style.pieces.conditions import (
    ABSENT,
    CONDITIONS,
    LOWEST,
    Along,
    along,
    before_first,
    classes,
    first_numbers,
    regular_tokens,
)
from models.style.pieces.model import PieceModel, Steps

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CHAIN = (POSITION, PITCH, DURATION, VELOCITY)
EXPECTED = 3  # likeliest pitches kept for each note
MOST_STEPS = 1400  # of a piece that are read; what comes later is left out


@dataclass(frozen=True)
class NotePredictions:
    """What the piece model predicted of each note of a piece, and how far it was off.

    ``surprise``, ``uncertainty`` ``(notes, 4)``, nats of onset, pitch, duration and velocity; the bars that pass
    without a note count with the onset of the next one. ``bar``, ``position``, ``pitch`` ``(notes,)``: where a note
    begins, in grid steps of its bar, and its MIDI pitch. ``states`` ``(bars, dim)``: the model's mean state in each
    bar. ``expected`` ``(notes, EXPECTED)``: the MIDI pitches that were likeliest there, and ``chance`` how likely each
    was.
    """

    surprise: Floats
    uncertainty: Floats
    bar: IntArray
    position: IntArray
    pitch: IntArray
    states: npt.NDArray[np.float32]
    expected: IntArray
    chance: Floats

    @property
    def bars(self) -> int:
        """How many bars there are."""
        return len(self.states)

    def by_bar(self) -> tuple[Floats, Floats]:
        """Mean surprise and uncertainty of a note in each bar ``(bars,)``, NaN in a bar without one."""
        count = np.bincount(self.bar, minlength=self.bars).astype(np.float64)
        with np.errstate(invalid="ignore"):
            found = [
                np.bincount(self.bar, values.sum(axis=1), self.bars) / np.where(count > 0, count, np.nan)
                for values in (self.surprise, self.uncertainty)
            ]
        return found[0], found[1]


@torch.inference_mode()
def predict_notes(model: PieceModel, piece: Piece, domain: Domain | None = None) -> NotePredictions:
    """A piece from its first bar to its last; raises ``MusicError`` where it has no note or no bars of its own.

    It is read as music of its own domain, or of ``domain``, or of pop piano.
    """
    tokens = regular_tokens(piece)[:MOST_STEPS]
    steps = steps_of([tokens], DOMAINS.index(piece.domain or domain or "pop"))
    state = model(steps)[0]
    following = steps.classes[0, 1:]
    notes = torch.nonzero(following[:, PITCH] >= 0)[:, 0]
    if not len(notes):
        raise MusicError("the piece has no note")
    surprise, uncertainty = np.zeros((len(following), 4)), np.zeros((len(following), 4))
    for column, element in enumerate(CHAIN):
        rows = torch.arange(len(following)) if element == POSITION else notes
        log_p = F.log_softmax(model.logits(state[rows], element, following[rows]).float(), dim=-1)
        own = log_p.gather(1, following[rows, element][:, None])[:, 0]
        surprise[rows.numpy(), column] = -own.double().numpy()
        uncertainty[rows.numpy(), column] = -(log_p.exp() * log_p).sum(1).double().numpy()
        if element == PITCH:
            likeliest = log_p.topk(EXPECTED, dim=1)
    is_bar = (following[:, POSITION] == BAR).numpy()
    number = np.cumsum(is_bar) - 1
    _carry(surprise, is_bar)
    _carry(uncertainty, is_bar)
    at = notes.numpy()
    bar_of = torch.from_numpy(number).clamp(min=0)
    sums = torch.zeros(int(number.max()) + 1, state.shape[1]).index_add_(0, bar_of, state[1:].float())
    counts = torch.bincount(bar_of, minlength=len(sums)).clamp(min=1)
    return NotePredictions(
        surprise[at],
        uncertainty[at],
        number[at].astype(np.int64),
        following[at, POSITION].numpy(),
        tokens[at, PITCH].astype(np.int64),
        (sums / counts[:, None]).numpy(),
        likeliest.indices.numpy() + int(LOWEST[PITCH]),
        likeliest.values.exp().double().numpy(),
    )


def _carry(values: Floats, is_bar: npt.NDArray[np.bool_]) -> None:
    """Add what the steps of bars cost to the onset of the note that follows them."""
    waiting = 0.0
    for row in np.flatnonzero(is_bar | (values[:, 1:].sum(axis=1) > 0)):
        if is_bar[row]:
            waiting += values[row, 0]
        else:
            values[row, 0] += waiting
            waiting = 0.0


def steps_of(rows: Sequence[TokenArray], domain: int) -> Steps:
    """Tokens ``(steps, 7)`` of pieces or single bars of one domain as the model hears them, each in a row of its own.

    The step before the first begins each row; short rows are filled up behind.
    """
    found: list[tuple[IntArray, Along]] = []
    for tokens in rows:
        is_bar = tokens[:, POSITION] == BAR
        heads, of_bar = tokens[is_bar], np.cumsum(is_bar) - 1
        number = np.arange(len(heads)) + int(first_numbers(tokens[:1])[0])
        position = np.where(is_bar, 0, tokens[:, POSITION])
        untold = np.full(len(tokens), ABSENT)
        told = along(heads[of_bar], number[of_bar], position, domain=domain, last=ABSENT, returns=untold)
        found.append((classes(tokens), told))
    longest = max(len(tokens) for tokens in rows) + 1
    every = np.full((len(rows), longest, 7), ABSENT, dtype=np.int64)
    conditions = np.full((len(rows), longest, len(CONDITIONS)), ABSENT, dtype=np.int64)
    bars = np.zeros((len(rows), longest), dtype=np.float32)
    first = before_first(domain=domain)
    for row, (own, told) in enumerate(found):
        every[row, 1 : len(own) + 1] = own
        conditions[row, 0], conditions[row, 1 : len(own) + 1] = first.conditions[0], told.conditions
        bars[row, 0], bars[row, 1 : len(own) + 1] = first.bars[0], told.bars
    return Steps(torch.from_numpy(every), torch.from_numpy(conditions), torch.from_numpy(bars))


@torch.inference_mode()
def alone(model: PieceModel, bars: Sequence[TokenArray], domain: int) -> npt.NDArray[np.float32]:
    """The model's mean state in each of ``bars``, read by itself as the first of a piece, ``(bars, dim)``."""
    found = []
    for begin in range(0, len(bars), 64):
        some = bars[begin : begin + 64]
        steps = steps_of(some, domain)
        state = model(steps).float()
        real = (steps.classes[..., POSITION] >= 0).float()[..., None]
        found.append(((state * real).sum(1) / real.sum(1)).numpy())
    return np.concatenate(found)

"""Recognising a piece's own bar among bars of other pieces in the same key, meter and density.

The model never learns which piece it is: that would reward copying. Pieces are moved to C or A minor, so that the key
gives nothing away; what does is rhythm, motif, harmony and texture that come back. A context (the bars so far) and a
single bar are projected into one space, and the piece's own bar has to score above the others (InfoNCE: Oord et al.
2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import BAR, METER, PITCH, POSITION, TokenArray
from models.style.pieces.conditions import regular_tokens
from models.style.pieces.model import PieceModel
from models.tension.future import MOST_STEPS, alone, steps_of

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

OTHERS = 15  # bars among which a piece's own is to be found, beside it
NEAREST = 200  # bars of other pieces with the nearest density, from which these are taken
LEAST_HEARD = 4  # bars, before anything is to be recognised
DIM = 64
DROPPED = 0.1  # of inputs and hidden units in training


@dataclass(frozen=True)
class Bars:
    """Bars of pieces of one domain.

    ``context`` ``(bars, dim)``: the mean of all states before each; ``own``: that of the bar read by itself.

    ``piece``, ``number``: which piece and which of its bars; ``meter``, ``minor``, ``density`` (notes): what others
    are to have as well. All ``(bars,)``.
    """

    context: Floats32
    own: Floats32
    piece: IntArray
    number: IntArray
    meter: IntArray
    minor: IntArray
    density: IntArray

    def __len__(self) -> int:
        return len(self.piece)

    @classmethod
    def joined(cls, parts: Sequence[Bars]) -> Bars:
        """Those of several pieces; raises ``MusicError`` where there is none."""
        if not parts:
            raise MusicError("no piece has a bar")
        numbered = [replace(part, piece=np.full(len(part), index)) for index, part in enumerate(parts)]
        return cls(*(np.concatenate([getattr(part, name) for part in numbered]) for name in cls.__dataclass_fields__))


@torch.inference_mode()
def bars_of(model: PieceModel, piece: Piece, domain: Domain | None = None, *, most: int = 64) -> Bars:
    """The first bars of a piece in C or A minor; raises ``MusicError`` where it has no note."""
    tokens, minor = tokens_in_c(piece)
    place = DOMAINS.index(piece.domain or domain or "pop")
    is_bar = tokens[:, POSITION] == BAR
    edges = [*np.flatnonzero(is_bar)[: most + 1].tolist(), len(tokens)][: most + 1]
    each = [tokens[begin:end] for begin, end in pairwise(edges)]
    state = model(steps_of([tokens[: edges[-1]]], place))[0, 1:].float().numpy()
    sums = np.cumsum(state, axis=0)
    before = np.array([sums[edge - 1] / edge if edge else np.zeros(state.shape[1]) for edge in edges[:-1]])
    return Bars(
        before.astype(np.float32),
        alone(model, each, place),
        np.zeros(len(each), dtype=np.int64),
        np.arange(len(each)),
        np.array([int(bar[0, METER]) for bar in each]),
        np.full(len(each), minor),
        np.array([int((bar[:, PITCH] >= 0).sum()) for bar in each]),
    )


def tokens_in_c(piece: Piece) -> tuple[TokenArray, int]:
    """Tokens of a piece, moved to C or A minor, and whether it is minor; raises ``MusicError``."""
    tokens = regular_tokens(piece)[:MOST_STEPS]
    minor, tonic = divmod(likely_key(half_bar_chroma(piece).sum(axis=0)), 12)
    return _in_c(tokens, tonic - 9 if minor else tonic), minor


def _in_c(tokens: TokenArray, by: int) -> TokenArray:
    """Tokens moved down by so many semitones, or up to the nearest octave of that, as far as the piano goes."""
    shift = -(by % 12) if by % 12 <= 6 else 12 - by % 12
    moved = tokens.copy()
    is_note = tokens[:, PITCH] >= 0
    moved[is_note, PITCH] = np.clip(tokens[is_note, PITCH] + shift, 21, 108)
    return moved


class Recogniser(nn.Module):
    """Projects contexts and bars into one space."""

    def __init__(self, inputs: int, hidden: int = 160) -> None:
        super().__init__()
        self.context, self.bar = (
            nn.Sequential(
                nn.Dropout(DROPPED), nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(DROPPED), nn.Linear(hidden, DIM)
            )
            for _ in range(2)
        )
        self.scale = nn.Parameter(torch.tensor(2.3))

    def scores(self, contexts: Tensor, bars: Tensor) -> Tensor:
        """How well each context ``(n, dim)`` knows each of its candidates ``(n, m, dim)``: ``(n, m)``."""
        context, bar = F.normalize(self.context(contexts), dim=-1), F.normalize(self.bar(bars), dim=-1)
        found: Tensor = self.sharpness() * (context[:, None] * bar).sum(-1)
        return found

    def sharpness(self) -> Tensor:
        """The inverse temperature of the comparison."""
        return self.scale.exp().clamp(max=50)


@dataclass(frozen=True)
class Others:
    """Bars among which another piece's own are to be recognised: ``places`` ``(bars, DIM)`` in the recogniser's space.

    ``piece``, ``meter``, ``minor``, ``density`` as in ``Bars``.
    """

    places: Floats32
    piece: IntArray
    meter: IntArray
    minor: IntArray
    density: IntArray

    @classmethod
    @torch.inference_mode()
    def of(cls, recogniser: Recogniser, bars: Bars) -> Others:
        """Those of ``bars`` that sound."""
        kept = np.flatnonzero(bars.density > 0)
        places = F.normalize(recogniser.bar(torch.from_numpy(bars.own[kept])), dim=-1).numpy()
        return cls(places, bars.piece[kept], bars.meter[kept], bars.minor[kept], bars.density[kept])


def candidates(bars: Bars, pool: Bars | Others, row: int, *, same: bool) -> IntArray:
    """Bars of the ``pool`` that a bar is to be told from: same meter and mode, nearest in density, of other pieces.

    ``same``: the pool is where the bar is from.
    """
    fits = (pool.meter == bars.meter[row]) & (pool.minor == bars.minor[row]) & (pool.density > 0)
    if same:
        fits &= pool.piece != bars.piece[row]
    there = np.flatnonzero(fits)
    apart = np.abs(pool.density[there] - bars.density[row])
    found: IntArray = there[np.argsort(apart, kind="stable")[:NEAREST]]
    return found


@torch.inference_mode()
def recognised(recogniser: Recogniser, bars: Bars, pool: Others, *, same: bool = False) -> Floats:
    """For each bar the log of how likely it is found among ``OTHERS`` like it, in nats ``(bars,)``; NaN where none is.

    The expectation over which others these are: each of the nearest counts by how often it would be drawn.
    """
    context = F.normalize(recogniser.context(torch.from_numpy(bars.context)), dim=-1).numpy()
    own = F.normalize(recogniser.bar(torch.from_numpy(bars.own)), dim=-1).numpy()
    scale, found = recogniser.sharpness().item(), np.full(len(bars), np.nan)
    for row in np.flatnonzero((bars.number >= LEAST_HEARD) & (bars.density > 0)):
        others = candidates(bars, pool, int(row), same=same)
        if len(others) < OTHERS:
            continue
        mine = scale * float(context[row] @ own[row])
        rest = np.logaddexp.reduce(scale * (pool.places[others] @ context[row])) + np.log(OTHERS / len(others))
        found[row] = mine - np.logaddexp(mine, rest)
    return found

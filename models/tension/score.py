"""The beauty score of a piece without any label: how open its future was, and how well its past is recognised.

``future`` rewards uncertainty before each note. ``past`` rewards recognition: that the piece's own bars are found among
others like them, and that what came was likely after what had been heard. All are standardised over held-out real music
of the domain; ``both`` mixes the two rewards by a dial. Alone each goes wrong: noise has an open future, a loop a past
that is recognised at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain, Piece
from models.style.pieces.model import PieceModel
from models.tension.future import Heard, hear
from models.tension.past import Others, Recogniser, bars_of, recognised

Floats = npt.NDArray[np.float64]

MEASURES = ("surprise", "uncertainty", "own_bars")
# Chosen on validation music: the share of the future in both, and of the piece's own bars in the past
DIAL, OWN_BARS = 0.2, 0.4


@dataclass(frozen=True)
class Measured:
    """Means over a piece: ``surprise`` and ``uncertainty`` of a note, and ``own_bars``, the log chance that a bar is
    recognised as the piece's own; nats, the last one 0 where too few bars can be asked about.
    """

    surprise: float
    uncertainty: float
    own_bars: float


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of each of ``MEASURES`` over real pieces."""

    mean: Mapping[str, float]
    sd: Mapping[str, float]

    @classmethod
    def of(cls, real: Sequence[Measured]) -> Usual:
        """From held-out real pieces, of which two at least are needed."""
        columns = {name: np.array([getattr(each, name) for each in real]) for name in MEASURES}
        return cls(
            {name: float(values.mean()) for name, values in columns.items()},
            {name: max(float(values.std()), 1e-6) for name, values in columns.items()},
        )

    def standard(self, found: Measured, name: str) -> float:
        """A measure of a piece in standard deviations from the usual."""
        return float((getattr(found, name) - self.mean[name]) / self.sd[name])


@dataclass(frozen=True)
class Score:
    """Rewards in standard deviations of real music of the domain."""

    future: float
    past: float

    def both(self, dial: float = DIAL) -> float:
        """The two rewards, the future with the share ``dial``."""
        return dial * self.future + (1 - dial) * self.past


def score(found: Measured, usual: Usual) -> Score:
    """What a piece is worth beside real ones."""
    own, surprise = usual.standard(found, "own_bars"), usual.standard(found, "surprise")
    return Score(usual.standard(found, "uncertainty"), OWN_BARS * own - (1 - OWN_BARS) * surprise)


@dataclass(frozen=True)
class Ears:
    """The two models that hear a piece, and by domain the bars among which its own are to be recognised."""

    model: PieceModel
    recogniser: Recogniser
    others: Mapping[str, Others]

    def measure(self, piece: Piece, domain: Domain | None = None) -> Measured:
        """Raises ``MusicError`` where there is no note."""
        heard: Heard = hear(self.model, piece, domain)
        name = piece.domain or domain or "pop"
        chances = recognised(self.recogniser, bars_of(self.model, piece, domain), self.others[name])
        own = float(np.nanmean(chances)) if np.isfinite(chances).any() else 0.0
        return Measured(float(heard.surprise.sum(1).mean()), float(heard.uncertainty.sum(1).mean()), own)

"""A judge of mood: small networks on features of a clip, each of which has not learned from one fold of the songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.mood.features import FEATURES
from models.mood.labels import AROUSAL, QUADRANTS, VALENCE, digest
from models.mood.variants import excerpt
from models.music.notes import Piece

Floats = npt.NDArray[np.float64]

FARTHEST = 2.0  # standard deviations: music of another kind is heard as the most extreme that was learned from
PART_S, HOP_S = 30.0, 20.0  # EMOPIA's clips are about so long; longer music is heard in parts
DROPPED_IN, DROPPED = 0.1, 0.4


class MoodNetwork(nn.Module):
    """Some networks of one hidden layer side by side, from features ``(batch, features)`` to quadrants.

    ``forward`` gives logits ``(members, batch, 4)``.
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, features: int, hidden: int, members: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("temperature", torch.ones(()))
        bound = features**-0.5
        self.into = nn.Parameter(torch.empty(members, features, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.out = nn.Parameter(torch.empty(members, hidden, len(QUADRANTS)).uniform_(-(hidden**-0.5), hidden**-0.5))
        self.out_bias = nn.Parameter(torch.zeros(members, 1, len(QUADRANTS)))

    def standardised(self, features: Tensor) -> Tensor:
        """In standard deviations of what was learned from, no farther away than ``FARTHEST``."""
        return ((features - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of each member."""
        x = self.standardised(features).expand(len(self.into), -1, -1)
        x = F.dropout(x, DROPPED_IN, self.training)
        hidden = F.dropout(F.gelu(x @ self.into + self.bias), DROPPED, self.training)
        logits: Tensor = hidden @ self.out + self.out_bias
        return logits

    @torch.inference_mode()
    def probabilities(self, features: Floats) -> Floats:
        """Of the quadrants ``(batch, 4)``: the mean of all members at the temperature of the network."""
        logits = self(torch.from_numpy(np.atleast_2d(features).astype(np.float32)))
        found: Floats = (logits / self.temperature).softmax(-1).mean(0).double().numpy()
        return found


@dataclass(frozen=True)
class Moods:
    """What a judge says of clips: ``quadrant`` ``(clips, 4)`` probabilities."""

    quadrant: Floats

    @property
    def valence(self) -> Floats:
        """-1 to 1: how much likelier it is positive than negative, ``(clips,)``."""
        return np.asarray(self.quadrant @ VALENCE)

    @property
    def arousal(self) -> Floats:
        """-1 to 1, ``(clips,)``."""
        return np.asarray(self.quadrant @ AROUSAL)

    @classmethod
    def mean(cls, several: Sequence[Moods]) -> Moods:
        """What several judges say together."""
        return cls(np.mean([each.quadrant for each in several], axis=0))


@dataclass(frozen=True)
class Judge:
    """One kind of ``features`` and a network for each fold; ``folds`` names the fold of each clip it has learned from.

    A clip that was learned from is judged by the network that has not heard it, any other by all of them.
    """

    features: str
    networks: Sequence[MoodNetwork]
    folds: Mapping[str, int]

    def judge(self, pieces: Sequence[Piece]) -> Moods:
        """What it says of each piece; raises ``ValueError`` for one without a note."""
        return Moods(np.array([self._one(piece) for piece in pieces]).reshape(-1, len(QUADRANTS)))

    def _one(self, piece: Piece) -> Floats:
        heard = np.array([FEATURES[self.features](part) for part in parts(piece)])
        fold = self.folds.get(digest(piece))
        asked = self.networks if fold is None else [self.networks[fold]]
        found: Floats = np.mean([network.probabilities(heard) for network in asked], axis=(0, 1))
        return found


def parts(piece: Piece) -> list[Piece]:
    """A piece as it is heard: whole, or in overlapping parts of half a minute where it is much longer."""
    last = float(piece.seconds_at(piece.notes[:, 0].max(initial=0)))
    if last <= PART_S + HOP_S:
        return [piece]
    return [excerpt(piece, float(start), PART_S) for start in np.arange(0, last - PART_S + HOP_S / 2, HOP_S)]

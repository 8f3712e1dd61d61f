"""The networks that rate and the judge, ensembles of them, and what in a sound raised its rating.

What a tagger hears in each window of three seconds is pooled over any length, to p, emotions and genre. Pooled by
attention (Ilse, Tomczak & Welling 2018), or by the mean. Nothing looks across a batch and what is padded is masked, so
a sound's rating is the same whatever stands beside it.

The judge is a second opinion: another architecture, trained apart, on which nothing is ever dreamt. Bands are channels
and convolutions run over time alone, with growing gaps (as in musicnn's temporal front end: Pons & Serra 2019); what is
loudest in time decides beside the mean.

An ensemble's networks rate together what is extracted once for all of them. What raised and lowered p is shown on the
spectrogram by integrated gradients (Sundararajan, Taly & Yan 2017): from the mean of all music, band by band, to the
sound. What is shown adds up to the difference in p between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.rating.material import Picture
from models.rating.mel_bands import MELS
from models.rating.plays import EMOTIONS
from models.rating.tagger import FeatureExtractor, Features

Floats = npt.NDArray[np.float64]

STEPS = 8  # of Gauss and Legendre, closer together near the mean, where the networks bend most
BEND = 3


@dataclass(frozen=True)
class RatingConfig:
    """Width of what is pooled, whether by attention, dropout, and how many genres are told apart."""

    dim: int = 64
    attention: bool = True
    dropout: float = 0.5
    genres: int = 0
    embedding: int = 200  # width of the tagger's


@dataclass(frozen=True)
class RatingOutput:
    """``p`` ``(batch,)``, ``emotions`` ``(batch, 9)``, what both are read from, and where it listened.

    ``embedding`` ``(batch, width)``; ``attention`` ``(batch, windows)`` sums to 1 over a sound; ``genres``
    ``(batch, genres)`` are logits.
    """

    p: Tensor
    emotions: Tensor
    embedding: Tensor
    attention: Tensor
    genres: Tensor


class RatingNetwork(nn.Module):
    """``Features`` of sounds to ``RatingOutput``."""

    mean: Tensor
    window_mean: Tensor
    window_deviation: Tensor

    def __init__(self, config: RatingConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(MELS, 1))  # of the pictures: what attribution starts from
        self.register_buffer("window_mean", torch.zeros(config.embedding))
        self.register_buffer("window_deviation", torch.ones(config.embedding))
        if config.attention:
            self.attend = nn.Sequential(nn.Linear(config.embedding, 32), nn.Tanh(), nn.Linear(32, 1))
        self.pool = nn.Linear(config.embedding, config.dim)
        self.seen, self.kept = nn.Dropout(0.6 * config.dropout), nn.Dropout(config.dropout)
        self.rate = nn.Linear(config.dim, 1)
        self.feel = nn.Linear(config.dim, len(EMOTIONS))
        self.place = nn.Linear(config.dim, config.genres) if config.genres else None
        nn.init.zeros_(self.rate.weight)

    def forward(self, features: Features) -> RatingOutput:
        """See the class."""
        windows = (features.windows - self.window_mean) / self.window_deviation
        scores = self.attend(windows).squeeze(-1) if self.config.attention else torch.zeros_like(features.mask)
        attention = scores.masked_fill(features.mask == 0, -torch.inf).softmax(1)
        heard = (attention[..., None] * windows).sum(1)
        embedding = nn.functional.gelu(self.pool(self.seen(heard)))
        kept = self.kept(embedding)
        genres = self.place(kept) if self.place else kept.new_zeros(len(kept), 0)
        return RatingOutput(self.rate(kept).squeeze(-1), self.feel(kept), embedding, attention, genres)


@dataclass(frozen=True)
class JudgeConfig:
    """Width of the layers, and the gap between the frames that each one sees."""

    dim: int = 48
    dilations: tuple[int, ...] = (1, 4, 16)
    dropout: float = 0.3


class Judge(nn.Module):
    """``(batch, MELS, frames)`` of log-mel to ``RatingOutput``; it tells no genres."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(MELS, 1))
        self.register_buffer("deviation", torch.ones(MELS, 1))
        self.enter = nn.Conv1d(MELS, config.dim, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(config.dim, config.dim, 3, padding=gap, dilation=gap) for gap in config.dilations
        )
        self.dropout = nn.Dropout(config.dropout)
        self.rate = nn.Linear(2 * config.dim, 1)
        self.feel = nn.Linear(2 * config.dim, len(EMOTIONS))
        nn.init.zeros_(self.rate.weight)

    def forward(self, seen: Tensor, mask: Tensor | None = None) -> RatingOutput:
        """See the class; ``mask`` ``(batch, frames)`` is 1 where there is sound. Attention is even."""
        mask = torch.ones_like(seen[:, 0]) if mask is None else mask.to(seen.dtype)
        found = self.enter(self.dropout((seen - self.mean) / self.deviation)) * mask[:, None]
        for layer in self.layers:
            found = (found + nn.functional.gelu(layer(found))) * mask[:, None]
        attention = mask / mask.sum(1, keepdim=True)
        mean = (found * attention[:, None]).sum(2)
        highest = found.masked_fill(mask[:, None] == 0, -torch.inf).amax(2)
        embedding = torch.cat([mean, highest], dim=1)
        kept = self.dropout(embedding)
        genres = kept.new_zeros(len(kept), 0)
        return RatingOutput(self.rate(kept).squeeze(-1), self.feel(kept), embedding, attention, genres)


Network = TypeVar("Network", RatingNetwork, Judge)


@dataclass(frozen=True)
class Scale:
    """The network speaks of p in standard deviations from the mean."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, p: Floats) -> Scale:
        """From the tracks that are learned from."""
        return cls(float(p.mean()), max(float(p.std()), 1e-3))


@dataclass(frozen=True)
class Trained(Generic[Network]):
    """A network, how it speaks of p, and the fold it has not learned from."""

    network: Network
    scale: Scale
    fold: int


def judged(judge: Trained[Judge], pictures: Sequence[Picture]) -> Floats:
    """p of each picture ``(MELS, frames)`` by the judge, ``(sounds,)``."""
    with torch.inference_mode():
        found = [judge.network(torch.from_numpy(np.ascontiguousarray(each))[None]).p.item() for each in pictures]
    return np.array(found) * judge.scale.deviation + judge.scale.mean


@dataclass(frozen=True)
class Ensemble:
    """``members`` behind one ``extractor``."""

    extractor: FeatureExtractor
    members: tuple[Trained[RatingNetwork], ...]

    def standard(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each says of pictures ``(batch, MELS, frames)``, in standard deviations of p: ``(members, batch)``."""
        features = self.extractor(pictures, mask)
        return torch.stack([one.network(features).p for one in self.members])

    def heard(self, picture: Picture) -> Features:
        """What all of them see of a whole sound ``(MELS, frames)``."""
        with torch.inference_mode():
            found: Features = self.extractor(torch.from_numpy(np.ascontiguousarray(picture))[None])
        return found

    def each(self, heard: Sequence[Features]) -> Floats:
        """p by each member of what was ``heard`` of each sound, ``(members, sounds)``."""
        with torch.inference_mode():
            return np.array([
                [one.network(features).p.item() * one.scale.deviation + one.scale.mean for features in heard]
                for one in self.members
            ])  # fmt: skip


class Raters(Protocol):
    """Networks that rate pictures together: an ``Ensemble``, or ``mel.MelEnsemble``."""

    @property
    def members(self) -> Sequence[Trained[RatingNetwork] | Trained[Judge]]:
        """Each with its scale."""

    def standard(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each says of pictures ``(batch, MELS, frames)``, in standard deviations of p: ``(members, batch)``."""


def attribution(ensemble: Raters, picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each place of ``picture`` ``(MELS, frames)`` adds to p, of the same shape."""
    seen = torch.from_numpy(np.ascontiguousarray(picture))
    usual = torch.stack([one.network.mean for one in ensemble.members]).mean(0).expand_as(seen)
    deviation = torch.tensor([one.scale.deviation for one in ensemble.members])
    away, gradient = seen - usual, torch.zeros_like(seen)
    for node, weight in zip(*np.polynomial.legendre.leggauss(STEPS), strict=True):
        part = (float(node) + 1) / 2
        at = (usual + part**BEND * away).detach().requires_grad_()
        p = (ensemble.standard(at[None])[:, 0] * deviation).mean()
        gradient += weight / 2 * BEND * part ** (BEND - 1) * torch.autograd.grad(p, at)[0]
    return np.asarray((away * gradient).numpy())

"""Melodies and titles in one space: two encoders, cosine similarity, a symmetric contrastive loss.

Source: InfoNCE (van den Oord et al. 2018) over a batch in both directions with a learned temperature, as in CLIP
(Radford et al. 2021) and MuLan (Huang et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.title import melody_bags, sentences, style_encoder
from models.title.ablation import ablate_melody, ablate_title
from models.title.melody_encoders import BODIES, MelodyConfig, MelodyEncoder, SequenceEncoder
from models.title.title_encoders import SENTENCE, TitleConfig, title_encoder
from models.title.titles import characters
from models.title.tunes import IntTable, Tune, padded

MELODY_KINDS = ("linear", "bag", *BODIES, *style_encoder.KINDS)
SHARPEST = 100.0  # the temperature is not to fall below 1 / 100, as in CLIP
AT_ONCE = 256


@dataclass(frozen=True)
class TowerConfig:
    """The two encoders, whose ``dim`` must agree."""

    melody: MelodyConfig = field(default_factory=MelodyConfig)
    title: TitleConfig = field(default_factory=TitleConfig)


@dataclass(frozen=True)
class TowerOutput:
    """Unit vectors of melodies and titles ``(pairs, dim)`` and what their cosines are multiplied with."""

    melody: Tensor
    title: Tensor
    scale: Tensor

    def loss(self) -> Tensor:
        """Cross-entropy of finding the other half of each pair in the batch, mean of both directions, nats."""
        logits = self.scale * self.melody @ self.title.T
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def melody_encoder(config: MelodyConfig) -> MelodyEncoder:
    """The encoder that ``config.kind`` names."""
    others: dict[str, type[MelodyEncoder]] = {
        "linear": melody_bags.LinearEncoder,
        "bag": melody_bags.BagEncoder,
        **dict.fromkeys(style_encoder.KINDS, style_encoder.StyleEncoder),
    }
    return others.get(config.kind, SequenceEncoder)(config)


class TwoTower(nn.Module):
    """A melody encoder, a title encoder and a temperature."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        if config.melody.dim != config.title.dim:
            raise ValueError(f"the towers' vectors have {config.melody.dim} and {config.title.dim} dimensions")
        self.config = config
        self.melody = melody_encoder(config.melody)
        self.title = title_encoder(config.title)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, notes: Tensor, title: Tensor) -> TowerOutput:
        """Notes as ``played`` gives them and titles as ``spelled`` does."""
        scale = self.log_scale.exp().clamp(max=SHARPEST)
        melody, words = F.normalize(self.melody(notes), dim=-1), F.normalize(self.title(title), dim=-1)
        return TowerOutput(melody, words, scale)

    def played(self, melodies: Sequence[IntTable]) -> Tensor:
        """Notes as the melody encoder takes them, less what it may not hear: int64 ``(tunes, notes, fields)``."""
        return padded([ablate_melody(notes, self.config.melody.without) for notes in melodies])

    def spelled(self, titles: Sequence[str]) -> Tensor:
        """Titles as the title encoder takes them, less what it may not read: int64 ``(titles, LONGEST)``.

        For a sentence encoder their vectors ``(titles, sentences.WIDTH)``.
        """
        left = [ablate_title(title, self.config.title.without) for title in titles]
        return sentences.embedded(left) if self.config.title.kind == SENTENCE else characters(left)

    def melodies(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(tunes, dim)``; call it in eval mode."""
        return self._heard(tunes, lambda notes: F.normalize(self.melody(notes), dim=-1))

    def pooled(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """What the melody tower knows before its last layer: ``(tunes, 2 hidden)``; call it in eval mode."""
        return self._heard(tunes, self.melody.pooled)

    @torch.inference_mode()
    def titles(self, titles: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(titles, dim)``; call it in eval mode."""
        device = self.log_scale.device
        return F.normalize(self.title(self.spelled(titles).to(device)), dim=-1).cpu().numpy()

    @torch.inference_mode()
    def _heard(self, tunes: Sequence[Tune], hear: Callable[[Tensor], Tensor]) -> npt.NDArray[np.float32]:
        device = self.log_scale.device
        batches = [[t.notes for t in tunes[i : i + AT_ONCE]] for i in range(0, len(tunes), AT_ONCE)]
        return torch.cat([hear(self.played(batch).to(device)).cpu() for batch in batches]).numpy()


class TowerEnsemble(nn.Module):
    """Several pairs of towers that are asked together: a cosine is the mean of theirs."""

    def __init__(self, members: Sequence[TwoTower]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def melodies(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(tunes, dim of all)``; call it in eval mode."""
        return self._joined([towers.melodies(tunes) for towers in self.towers])

    def titles(self, titles: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(titles, dim of all)``; call it in eval mode."""
        return self._joined([towers.titles(titles) for towers in self.towers])

    def pooled(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """What the melody towers know before their last layers, side by side."""
        return np.concatenate([towers.pooled(tunes) for towers in self.towers], axis=1)

    @property
    def towers(self) -> list[TwoTower]:
        """The members."""
        return [member for member in self.members if isinstance(member, TwoTower)]

    def _joined(self, vectors: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return np.concatenate(vectors, axis=1) / np.float32(math.sqrt(len(vectors)))

"""How much to train the picture model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.picture.autoencoder import PictureConfig


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, pictures a step and peak learning rate; which falls over the last ``falling`` of the steps."""

    steps: int
    batch: int
    learning_rate: float
    falling: float = 0.4
    config: PictureConfig = field(default_factory=PictureConfig)


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(6, 8, 2e-3, config=PictureConfig(width=16, colours=8)),
    "cpu": Preset(3000, 48, 1.5e-3),
    "gpu": Preset(30_000, 256, 1.5e-3, config=PictureConfig(width=96, colours=16)),
}

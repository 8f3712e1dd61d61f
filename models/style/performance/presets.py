"""How much to train a performance model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .model import PerformanceConfig


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, rows of ``context`` notes a batch, peak learning rate, held-out rows.

    Of the training rows a share are ``without_dynamics``: there the score does not tell how loud it is. The player's
    memory is spoiled by ``noise`` units.
    """

    steps: int
    rows: int
    context: int
    learning_rate: float
    check_every: int
    held_out_rows: int
    config: PerformanceConfig = field(default_factory=PerformanceConfig)
    without_dynamics: float = 0.35
    noise: float = 0.03
    falling: float = 0.4
    warm_up: int = 100


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        30, 4, 64, 2e-3, 10, 4, PerformanceConfig(dim=24, hidden=24, head=16, dilations=(1, 2), mixtures=3), warm_up=5
    ),
    "cpu": Preset(6000, 24, 192, 2e-3, 250, 96),
    "gpu": Preset(20_000, 96, 256, 2e-3, 500, 256, PerformanceConfig(dim=160, hidden=192)),
}

"""How much to train a piece model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.style.pieces.model import PieceConfig


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, rows of ``config.context`` steps a batch, peak learning rate, held-out rows a domain.

    ``share`` is that of each domain's rows: chorales are few, and soon known by heart. The learning rate rises for
    ``warm_up`` steps and falls over the last ``falling`` of them all. It validates every ``check_every`` steps.
    ``dropout``: the share of what is heard, and of what each layer adds, that is left out. ``averaging``: of the
    weights that are kept, as in ``MasterWeights``. ``writes_with``: how many steps the model hears at once in writing,
    where these are others than in training. ``anew``: whether weights that know music learn as fast as those that are
    added to hear latents, which takes far more steps than two cores do; else they change slowly.
    """

    steps: int
    rows: int
    learning_rate: float
    check_every: int
    held_out_rows: int
    config: PieceConfig = field(default_factory=PieceConfig)
    falling: float = 0.4
    share: Mapping[str, float] = field(default_factory=lambda: {"pop": 0.65, "dance": 0.29, "chorale": 0.06})
    warm_up: int = 200
    dropout: float = 0.0
    averaging: float = 0.0
    writes_with: int = 0
    anew: bool = False


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        60,
        4,
        2e-3,
        20,
        2,
        PieceConfig(dim=64, layers=2, heads=2, hidden=64, condition=32, context=128, moods=True),
        warm_up=10,
    ),
    "cpu": Preset(6000, 8, 1e-3, 250, 12, PieceConfig(context=1024, moods=True)),
    "gpu": Preset(
        2200,
        32,
        1e-3,
        200,
        12,
        PieceConfig(dim=320, hidden=384, context=2048, moods=True),
        falling=0.5,
        share={"pop": 0.7, "dance": 0.26, "chorale": 0.04},
        warm_up=100,
        dropout=0.2,
        anew=True,
    ),
}

"""How much to train: presets of the style model and its prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.style.model import StyleConfig
from models.style.objective import Penalty
from models.style.rearrange import UNIFORM, Schedule


@dataclass(frozen=True)
class Preset:
    """How much to train: optimiser steps, padded token steps a batch, peak learning rate; the same of the prior.

    The prior's batches are of ``prior_batch`` windows, from ``encoded`` times ``models.style.prior_training.ENCODED``.
    Without ``kl_warm_up`` steps content collapses before the decoder has learned to listen to it. Batches are made by
    the ``schedule``, or by learning progress that is measured ``probe_every`` steps (``models.style.curiosity``). The
    style codes are fitted for ``code_steps`` steps after that. The learning rate falls over the last ``falling`` of the
    steps. With ``muon`` the matrices move by Muon, which gets further from nothing than AdamW. With a ``penalty``, what
    groups of latents tell of one another costs ``price`` a nat (``models.style.objective``).
    """

    steps: int
    batch: int
    learning_rate: float
    prior_steps: int
    config: StyleConfig = field(default_factory=StyleConfig)
    kl_warm_up: int = 2000
    prior_batch: int = 128
    encoded: int = 1
    schedule: Schedule = UNIFORM
    probe_every: int = 0
    code_steps: int = 450
    falling: float = 0.2
    muon: bool = False
    penalty: Penalty | None = None
    price: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(40, 1024, 2e-3, 40, StyleConfig(dim=64, layers=2, heads=2, hidden=64, memory=16), code_steps=20),
    "cpu": Preset(2600, 4096, 1e-3, 6000, kl_warm_up=600, falling=0.4, muon=True),
    "gpu": Preset(7500, 65_536, 2.5e-3, 25_000, kl_warm_up=1500, prior_batch=1024, encoded=3),
}

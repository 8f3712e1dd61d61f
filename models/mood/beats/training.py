"""Training the beat network on excerpts of performances whose beats are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch.nn import functional as F

from models.experiments.optimisation import rise_and_fall, share_done
from models.metrics.beats import beat_f
from models.mood.beats.network import BeatNetwork
from models.mood.beats.performance import RATE_HZ, Performance, frames_of, targets_of, varied
from models.mood.beats.tracking import tracked

EXCERPT_S = 30.0
OFTEN = 4.0  # how much more a frame with a beat weighs: there are few
WARM_UP = 30


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, excerpts a step and sizes."""

    steps: int
    batch: int
    dim: int
    layers: int
    learning_rate: float = 3e-3


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(6, 2, 8, 4),
    "cpu": Preset(3000, 8, 48, 10),
    "gpu": Preset(6000, 32, 64, 10),
}


def train(pieces: Sequence[Performance], preset: Preset, *, seed: int) -> BeatNetwork:
    """A network that has learned from excerpts of ``pieces``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = BeatNetwork(preset.dim, preset.layers).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=preset.learning_rate, weight_decay=0.01)
    frames = int(EXCERPT_S * RATE_HZ)
    for step in track(range(preset.steps), "beats", console=Console(stderr=True)):
        x = np.zeros((preset.batch, network.first.in_channels, frames), dtype=np.float32)
        y = np.zeros((preset.batch, 2, frames), dtype=np.float32)
        for row in range(preset.batch):
            some = _excerpt(pieces, rng)
            many = min(frames, some.frames)
            x[row, :, :many], y[row, :, :many] = frames_of(some)[:, :many], targets_of(some)[:, :many]
        rate = rise_and_fall(preset.learning_rate, step, share_done(step, preset.steps), warm_up=WARM_UP)
        for group in optimiser.param_groups:
            group["lr"] = rate
        wanted = torch.from_numpy(y)
        loss = F.binary_cross_entropy_with_logits(network(torch.from_numpy(x)), wanted, weight=1 + OFTEN * wanted)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return network.eval()


def _excerpt(pieces: Sequence[Performance], rng: np.random.Generator) -> Performance:
    """Half a minute of a piece, varied, with at least two notes."""
    while True:
        piece = pieces[int(rng.integers(len(pieces)))]
        start = float(
            rng.uniform(piece.onset_s[0] - EXCERPT_S / 4, max(piece.onset_s[-1] - EXCERPT_S, piece.onset_s[0]))
        )
        found = piece.excerpt(start, EXCERPT_S / 1.2)
        if len(found.onset_s) > 1:
            return varied(found, rng)


def measured(network: BeatNetwork, played: Performance) -> tuple[float, float]:
    """F-measure of the beats and the downbeats that are found in a performance."""
    found = tracked(network.chances(played), played.start_s)
    return beat_f(found.beats_s, played.beats_s), beat_f(found.downbeats_s, played.downbeats_s)

"""Training the beat network on excerpts of performances whose beats are known, and how well it finds beats.

Beats found are scored by F-measure with a tolerance of 70 ms (Davies, Degara & Plumbley 2009), as mir_eval's, beside
one steady tempo by autocorrelation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from torch.nn import functional as F

from models.experiments.optimisation import rise_and_fall, share_done
from models.experiments.report import Report, mean_over_songs
from models.mood.beats import (
    RATE_HZ,
    BeatBundle,
    BeatNetwork,
    Performance,
    autocorrelated,
    corpus_files,
    frames_of,
    read_all,
    targets_of,
    tracked,
    varied,
)

TOLERANCE_S = 0.07
TRIMMED_S = 5.0  # at the beginning, where nobody can know the beat yet

EXCERPT_S = 30.0
OFTEN = 4.0  # how much more a frame with a beat weighs: there are few
WARM_UP = 30

REACH = {"beat_f": 0.90, "downbeat_f": 0.75}


def beat_f(found_s: npt.ArrayLike, wanted_s: npt.ArrayLike) -> float:
    """F-measure of beats found against wanted, in seconds and in order; each is matched at most once.

    What lies before 5 s is left out. 0 where either is empty.
    """
    found, wanted = (_trimmed(times) for times in (found_s, wanted_s))
    if not len(found) or not len(wanted):
        return 0.0
    hits = at = 0
    for time in wanted:
        while at < len(found) and found[at] < time - TOLERANCE_S:
            at += 1
        if at < len(found) and found[at] <= time + TOLERANCE_S:
            hits += 1
            at += 1
    return 2 * hits / (len(found) + len(wanted))


def _trimmed(times: npt.ArrayLike) -> npt.NDArray[np.float64]:
    data = np.asarray(times, dtype=np.float64)
    kept: npt.NDArray[np.float64] = data[data >= TRIMMED_S]
    return kept


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


def beats(report: Report, bundle: BeatBundle, limit: int) -> None:
    """On songs of Pop1K7 that were held out, where the corpus is there; adds ``beats.*``, baseline: the rival."""
    there = corpus_files()
    names = [name for name in bundle.held_out if name in there]
    some = np.random.default_rng(report.seed).permutation(len(names))[:limit]
    performances = read_all((names[row], there[names[row]]) for row in some)
    if not performances:
        return
    own, rival = [], []
    for _, played in track(performances, "beats", console=Console(stderr=True)):
        own.append(measured(bundle.network, played))
        plain = autocorrelated(played)
        rival.append((beat_f(plain.beats_s, played.beats_s), beat_f(plain.downbeats_s, played.downbeats_s)))
    songs = [name for name, _ in performances]
    for column, (name, reach) in enumerate(REACH.items()):
        ours, theirs = (np.array(each)[:, column] for each in (own, rival))
        report.add(f"beats.{name}", mean_over_songs(songs, ours, baseline=float(theirs.mean()), reference=reach))

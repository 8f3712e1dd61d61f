"""Training judges: each clip with some variants of it, one network a fold of the songs, and a temperature for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from sklearn.model_selection import StratifiedGroupKFold
from torch.nn import functional as F

from models.experiments.optimisation import rise_and_fall, share_done
from models.mood.judge import FEATURES, Judge, MoodNetwork, Moods, drawn_variant
from models.mood.labels import Labelled, digest
from models.music.notes import MusicError

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FOLDS = 5
BATCH = 128
WARM_UP = 20
TEMPERATURES = np.geomspace(0.4, 2.5, 60)


@dataclass(frozen=True)
class Preset:
    """Variants of each clip, passes over them and sizes."""

    variants: int
    epochs: int
    hidden: int
    members: int
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(1, 80, 8, 2),
    "cpu": Preset(6, 30, 48, 4),
    "gpu": Preset(16, 30, 96, 16),
}


def heard(labelled: Labelled, variants: int, *, seed: int) -> dict[str, Floats]:
    """Features of each judge ``(pieces, 1 + variants, features)``: of the piece itself, then of its variants."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[list[Floats]]] = {name: [] for name in FEATURES}
    for piece in track(labelled.pieces, "clips", console=Console(stderr=True)):
        versions = [piece, *(drawn_variant(piece, rng) for _ in range(variants))]
        for name, features in FEATURES.items():
            found[name].append([features(version) for version in versions])
    return {name: np.array(each) for name, each in found.items()}


def fit(features: Floats, quadrant: IntArray, preset: Preset, *, seed: int) -> MoodNetwork:
    """A network of pieces' features ``(pieces, versions, features)`` and quadrants ``(pieces,)``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = MoodNetwork(features.shape[2], preset.hidden, preset.members).train()
    network.mean.copy_(torch.from_numpy(features[:, 0].mean(0)))
    network.deviation.copy_(torch.from_numpy(features[:, 0].std(0) + 1e-6))
    x = torch.from_numpy(features.reshape(-1, features.shape[2]).astype(np.float32))
    y = torch.from_numpy(np.repeat(quadrant, features.shape[1]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=preset.learning_rate, weight_decay=preset.weight_decay)
    batches = max(1, len(x) // BATCH)
    for epoch in range(preset.epochs):
        for place, rows in enumerate(np.array_split(rng.permutation(len(x)), batches)):
            step = epoch * batches + place
            rate = rise_and_fall(preset.learning_rate, step, share_done(step, preset.epochs * batches), warm_up=WARM_UP)
            for group in optimiser.param_groups:
                group["lr"] = rate
            logits = network(x[rows])
            wanted = y[rows].expand(len(logits), -1).reshape(-1)
            loss = F.cross_entropy(logits.flatten(0, 1), wanted, label_smoothing=preset.smoothing)
            optimiser.zero_grad()
            torch.autograd.backward(loss * len(logits))
            optimiser.step()
    return network.eval()


def folds_of(quadrant: IntArray, songs: Sequence[str], *, seed: int) -> IntArray:
    """The fold of each piece: no song in two of them, the quadrants in each as in all. Raises ``MusicError``."""
    if len(set(songs)) < FOLDS:
        raise MusicError(f"there are {len(set(songs))} songs; {FOLDS} are needed to hold out a fifth of them")
    found = np.zeros(len(quadrant), dtype=np.int64)
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(split.split(quadrant, quadrant, list(songs))):
        found[rows] = number
    return found


@dataclass(frozen=True)
class Crossfit:
    """The networks of all folds, the fold of each piece, and what was said of pieces that were not learned from."""

    networks: list[MoodNetwork]
    fold: IntArray
    moods: Moods

    def judge(self, features: str, labelled: Labelled) -> Judge:
        """The judge that these networks are."""
        folds = {digest(piece): int(fold) for piece, fold in zip(labelled.pieces, self.fold, strict=True)}
        return Judge(features, self.networks, folds)


def crossfit(features: Floats, quadrant: IntArray, fold: IntArray, preset: Preset, *, seed: int) -> Crossfit:
    """A network for each fold on all the others, at the temperature that is best on pieces it has not heard."""
    networks = [
        fit(features[fold != number], quadrant[fold != number], preset, seed=1000 * seed + number)
        for number in range(int(fold.max()) + 1)
    ]

    def told() -> Floats:
        found = np.zeros((len(quadrant), 4))
        for number, network in enumerate(networks):
            found[fold == number] = network.probabilities(features[fold == number, 0])
        return found

    costs = []
    for temperature in TEMPERATURES:
        for network in networks:
            network.temperature.fill_(float(temperature))
        costs.append(-np.log(told()[np.arange(len(quadrant)), quadrant]).mean())
    for network in networks:
        network.temperature.fill_(float(TEMPERATURES[int(np.argmin(costs))]))
    return Crossfit(networks, fold, Moods(told()))

"""Saving and loading performance models: float16 safetensors beside a JSON card; strict, and without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.style.bundle import BundleFormat

from .player import Player

SHIPPED = "performance-cpu"
FORMAT = BundleFormat(
    "performance", "performance model", "python -m models.train.performance makes one, in OUT/bundle",
    ("preset", "steps", "seed"),
)  # fmt: skip


@dataclass(frozen=True)
class PerformanceBundle:
    """What a performance model has learned, its card, and the player who plays by it."""

    weights: Mapping[str, npt.NDArray[np.float32]]
    card: Mapping[str, Any]
    player: Player

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_performance_model(
    folder: Path,
    weights: Mapping[str, npt.NDArray[np.float32]],
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``performance.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json``."""
    half = {name: np.ascontiguousarray(value, dtype=np.float16) for name, value in weights.items()}
    FORMAT.save(folder, save(half), card, held_out={part: sorted(names) for part, names in held_out.items()})


@lru_cache(maxsize=2)
def load_performance_model(name_or_path: str | Path = SHIPPED) -> PerformanceBundle:
    """A shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        weights = {name: value.astype(np.float32) for name, value in load_file(found.weights).items()}
        player = Player(weights, tuple(map(int, found.card["config"]["dilations"])))
    return PerformanceBundle(weights, found.card, player)

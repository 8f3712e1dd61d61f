"""Saving and loading performance models: float16 safetensors beside a JSON card; strict, and without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models.style.card import WEIGHTS, sha256

from .player import Player

SHIPPED = "performance-cpu"
WEIGHTS_FILE, CARD = "performance.safetensors", "card.json"


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
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "performance.part"
    save_file({name: np.ascontiguousarray(value, dtype=np.float16) for name, value in weights.items()}, part)
    part.replace(path)
    names = json.dumps({name: sorted(found) for name, found in held_out.items()}, indent=0, ensure_ascii=False)
    (folder / "held_out.json").write_text(names + "\n", encoding="utf-8")
    digest = sha256(path)
    version = f"performance-{card['preset']}-{card['steps']}-{card['seed']}-{digest[:8]}"
    full = {"version": version, **card, "sha256": {"performance": digest}}
    part.write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / CARD)


@lru_cache(maxsize=2)
def load_performance_model(name_or_path: str | Path = SHIPPED) -> PerformanceBundle:
    """A shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(
            f"no performance model at {folder}; python -m models.train.performance makes one, in OUT/bundle"
        )
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        dilations = tuple(map(int, card["config"]["dilations"]))
        expected, _ = card["sha256"]["performance"], card["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / CARD} is not the card of a performance model ({error})") from error
    if (found := sha256(folder / WEIGHTS_FILE)) != expected:
        raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says {expected}; fetch it again")
    try:
        weights = {name: value.astype(np.float32) for name, value in load_file(folder / WEIGHTS_FILE).items()}
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} can't be read ({error}); fetch it again") from error
    return PerformanceBundle(weights, card, Player(weights, dilations))

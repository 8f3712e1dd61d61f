"""Saving and loading performance models: bfloat16 safetensors beside a JSON card; loading is strict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.style.card import WEIGHTS, sha256

from .model import PerformanceConfig, PerformanceModel

SHIPPED = "performance-cpu"
WEIGHTS_FILE, CARD = "performance.safetensors", "card.json"


@dataclass(frozen=True)
class PerformanceBundle:
    """A performance model, float32 and ready to play, and its card."""

    model: PerformanceModel
    card: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_performance_model(
    folder: Path,
    config: PerformanceConfig,
    weights: Mapping[str, Tensor],
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``performance.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "performance.part"
    save_file({name: value.detach().cpu().bfloat16().contiguous() for name, value in weights.items()}, part)
    part.replace(path)
    names = json.dumps({name: sorted(found) for name, found in held_out.items()}, indent=0, ensure_ascii=False)
    (folder / "held_out.json").write_text(names + "\n", encoding="utf-8")
    digest = sha256(path)
    version = f"performance-{card['preset']}-{card['steps']}-{card['seed']}-{digest[:8]}"
    full = {"version": version, **card, "config": asdict(config), "sha256": {"performance": digest}}
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
        config = PerformanceConfig(**{**card["config"], "dilations": tuple(card["config"]["dilations"])})
        expected = card["sha256"]["performance"]
        if not isinstance(card["version"], str):
            raise TypeError("a version is text")  # noqa: TRY301 (said below)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / CARD} is not the card of a performance model ({error})") from error
    if (found := sha256(folder / WEIGHTS_FILE)) != expected:
        raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says {expected}; fetch it again")
    model = PerformanceModel(config)
    try:
        model.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS_FILE).items()})
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} does not fit its card ({error}); fetch it again") from error
    return PerformanceBundle(model.eval().requires_grad_(requires_grad=False), card)

"""Fitted VAEs of one-bar lines in a folder: safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.style.bar_vae import BarConfig, BarVAE, GroupedBarVAE


def save_bars(folder: Path, name: str, model: BarVAE, card: Mapping[str, Any]) -> None:
    """Write ``NAME.safetensors`` and, last, ``NAME.json`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, part)
    part.replace(folder / f"{name}.safetensors")
    full = {**card, "grouped": isinstance(model, GroupedBarVAE), "config": asdict(model.config)}
    (folder / f"{name}.json").write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def load_bars(folder: Path, name: str, digest: str) -> BarVAE | None:
    """The model called ``name``, None where there is none; raises ``ValueError`` unless it was fitted on ``digest``."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        model = (GroupedBarVAE if card["grouped"] else BarVAE)(BarConfig(**card["config"]))
        model.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=True)
        fitted_on = card["data"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{path} and its safetensors cannot be read ({type(error).__name__}); delete both") from error
    if fitted_on != digest:
        raise ValueError(
            f"{path} was fitted on music {fitted_on}, this run fits on {digest} and might test it on what it knows; "
            "give another folder"
        )
    return model.eval()

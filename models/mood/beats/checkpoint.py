"""Saving and loading the beat network: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.mood.beats.network import BeatNetwork
from models.style.card import WEIGHTS, sha256

SHIPPED = "beats-cpu"
WEIGHTS_FILE, CARD, HELD_OUT = "beats.safetensors", "card.json", "held_out.json"


@dataclass(frozen=True)
class BeatBundle:
    """The network, its card, and the names of the songs that it was not trained on."""

    network: BeatNetwork
    card: Mapping[str, Any]
    held_out: Sequence[str]


def save_beats(folder: Path, network: BeatNetwork, card: Mapping[str, Any], held_out: Sequence[str]) -> None:
    """Write ``beats.safetensors``, ``held_out.json`` and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "beats.part"
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, part)
    part.replace(path)
    (folder / HELD_OUT).write_text(json.dumps({"test": sorted(held_out)}, indent=0) + "\n", encoding="utf-8")
    digest = sha256(path)
    version = f"beats-{card['preset']}-{card['steps']}-{card['seed']}-{digest[:8]}"
    full = {"version": version, **card, "sha256": {"beats": digest}}
    part.write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / CARD)


def load_beats(name_or_path: str | Path = SHIPPED) -> BeatBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no beat network at {folder}; python -m models.train.beats makes one")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["beats"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        network = BeatNetwork(int(card["dim"]), int(card["layers"]))
        weights = {name: value.float() for name, value in load_file(folder / WEIGHTS_FILE).items()}
        network.load_state_dict(weights, strict=True)
        held_out = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))["test"]
    except (OSError, RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the beat network in {folder} is not of this version of Kallos; train it again") from error
    return BeatBundle(network.eval(), card, held_out)

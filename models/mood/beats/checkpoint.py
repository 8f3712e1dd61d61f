"""Saving and loading the beat network: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save

from models.mood.beats.network import BeatNetwork
from models.style.bundle import BundleFormat

SHIPPED = "beats-cpu"
FORMAT = BundleFormat("beats", "beat network", "python -m models.train.beats makes one", ("preset", "steps", "seed"))


@dataclass(frozen=True)
class BeatBundle:
    """The network, its card, and the names of the songs that it was not trained on."""

    network: BeatNetwork
    card: Mapping[str, Any]
    held_out: Sequence[str]


def save_beats(folder: Path, network: BeatNetwork, card: Mapping[str, Any], held_out: Sequence[str]) -> None:
    """Write ``beats.safetensors``, ``held_out.json`` and, last, ``card.json``."""
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    FORMAT.save(folder, save(weights), card, held_out={"test": sorted(held_out)})


def load_beats(name_or_path: str | Path = SHIPPED) -> BeatBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        network = BeatNetwork(int(found.card["dim"]), int(found.card["layers"]))
        weights = {name: value.float() for name, value in load_file(found.weights).items()}
        network.load_state_dict(weights, strict=True)
        held_out = found.held_out()["test"]
    return BeatBundle(network.eval(), found.card, held_out)

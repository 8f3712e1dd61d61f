"""Saving and loading towers: fp16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save

from models.style.bundle import BundleFormat, write_card
from models.style.card import CARD
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import TitleConfig
from models.title.two_tower import TowerConfig, TowerEnsemble, TwoTower

DEFAULT = "titles-cpu"
FORMAT = BundleFormat("towers", "pair of title towers", "python -m models.train.titles makes some, in OUT/bundle", ())


@dataclass(frozen=True)
class TitleBundle:
    """Towers, their card, and the names of the tunes that were held out by part ("validation", "test")."""

    towers: TowerEnsemble
    card: Mapping[str, Any]
    held_out: Mapping[str, Sequence[str]]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """The version of the space: vectors of another one don't mix with it."""
        return str(self.card["version"])


def config_of(data: Mapping[str, Any]) -> TowerConfig:
    """A config from what ``asdict`` made of it."""
    melody = {**data["melody"], "without": tuple(data["melody"]["without"])}
    title = {**data["title"], "without": tuple(data["title"].get("without", ()))}
    return TowerConfig(MelodyConfig(**melody), TitleConfig(**title))


def save_towers(
    folder: Path, towers: TowerEnsemble, card: Mapping[str, Any], held_out: Mapping[str, Sequence[str]]
) -> None:
    """Write ``towers.safetensors``, ``held_out.json`` and, last, ``card.json`` into ``folder``."""
    weights = {name: value.detach().cpu().half().contiguous() for name, value in towers.state_dict().items()}
    full = {**card, "config": [asdict(member.config) for member in towers.towers]}
    FORMAT.save(folder, save(weights), full, held_out={part: sorted(names) for part, names in held_out.items()})


def load_towers(name_or_path: str | Path = "default", device: str = "cpu") -> TitleBundle:
    """Load shipped towers by name or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(DEFAULT if name_or_path == "default" else name_or_path) as found:
        towers = TowerEnsemble([TwoTower(config_of(config)) for config in found.card["config"]])
        weights = {name: value.float() for name, value in load_file(found.weights).items()}
        towers.load_state_dict(weights, strict=True)
    return TitleBundle(towers.to(device).eval(), found.card, found.held_out(), found.folder)


def note_in_card(bundle: TitleBundle, measured: Mapping[str, Any]) -> None:
    """Write what was measured into the card of a bundle, where the pages read it."""
    if bundle.folder is None:
        raise ValueError("towers that were never saved have no card")
    card = json.loads((bundle.folder / CARD).read_text(encoding="utf-8"))
    write_card(bundle.folder, {**card, "measured": dict(measured)})

"""Saving and loading towers: fp16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from models.style.checkpoint import WEIGHTS, sha256
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import TitleConfig
from models.title.two_tower import TowerConfig, TowerEnsemble, TwoTower

DEFAULT = "titles-cpu"


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
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: value.detach().cpu().half().contiguous() for name, value in towers.state_dict().items()}
    save_file(half, folder / "towers.safetensors")
    names = json.dumps({part: sorted(found) for part, found in held_out.items()}, indent=0, ensure_ascii=False)
    (folder / "held_out.json").write_text(names + "\n", encoding="utf-8")
    full = {
        **card,
        "config": [asdict(member.config) for member in towers.towers],
        "sha256": {"towers": sha256(folder / "towers.safetensors")},
    }
    (folder / "card.json").write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_towers(name_or_path: str | Path = "default", device: str = "cpu") -> TitleBundle:
    """Load shipped towers by name or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    name = DEFAULT if name_or_path == "default" else name_or_path
    folder = WEIGHTS / name if isinstance(name, str) and (WEIGHTS / name).is_dir() else Path(name)
    if not (folder / "towers.safetensors").exists() or not (folder / "card.json").exists():
        raise FileNotFoundError(f"no title towers at {folder}; python -m models.train.titles makes some, in OUT/bundle")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    found = sha256(folder / "towers.safetensors")
    if found != card["sha256"]["towers"]:
        raise ValueError(f"{folder / 'towers.safetensors'} has sha256 {found}, its card says another; fetch it again")
    weights = {name: value.float() for name, value in load_file(folder / "towers.safetensors").items()}
    try:
        towers = TowerEnsemble([TwoTower(config_of(config)) for config in card["config"]])
        towers.load_state_dict(weights, strict=True)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"the towers in {folder} are not of this version of Kallos; train them again") from error
    held_out = json.loads((folder / "held_out.json").read_text(encoding="utf-8"))
    return TitleBundle(towers.to(device).eval(), card, held_out, folder)


def note_in_card(bundle: TitleBundle, measured: Mapping[str, Any]) -> None:
    """Write what was measured into the card of a bundle, where the pages read it."""
    if bundle.folder is None:
        raise ValueError("towers that were never saved have no card")
    path = bundle.folder / "card.json"
    card = {**json.loads(path.read_text(encoding="utf-8")), "measured": dict(measured)}
    path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

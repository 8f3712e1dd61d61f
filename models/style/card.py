"""Where a model lies and what its card says, read without torch: a folder with a card and safetensors."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
SHIPPED_STYLE = WEIGHTS / "style-cpu"
CARD = "card.json"
TINY = "tiny"  # the name of the models that tests compose with
PARTS = ("style", "prior", "fingerprint")


def model_folder(name_or_path: str | Path) -> Path:
    """Where a shipped model lies by its name, one of your own by its folder."""
    shipped = WEIGHTS / name_or_path
    return shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()


def style_folder(name_or_path: str | Path = "default") -> Path:
    """As ``model_folder``; "default" is what ``KALLOS_MODEL`` names, and the shipped one where that is not set."""
    if name_or_path == "default":
        own = os.environ.get("KALLOS_MODEL", "").strip()
        return Path(own).expanduser() if own else SHIPPED_STYLE
    return model_folder(name_or_path)


def shipped_version(name: str) -> str:
    """The version of a shipped model, as its card says; "" where there is none."""
    path = WEIGHTS / name / CARD
    return str(json.loads(path.read_text(encoding="utf-8"))["version"]) if path.is_file() else ""


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a whole style model; raises ``FileNotFoundError`` or ``ValueError`` with a line on what is wrong."""
    path = folder / CARD
    if not path.is_file():
        shipped = sorted(p.parent.name for p in WEIGHTS.glob(f"style-*/{CARD}"))
        inside = folder / "bundle"
        hint = f"give {inside}, which has one" if (inside / CARD).is_file() else "or give a folder with card.json"
        raise FileNotFoundError(f"no style model at {folder}; shipped ones are {shipped}, {hint}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        expected = {part: str(card["sha256"][part]) for part in PARTS}
        told = isinstance(card["version"], str) and all(isinstance(card["config"][name], dict) for name in PARTS[:2])
    except (ValueError, KeyError, TypeError):
        told = False
    if not told:
        raise ValueError(f"{path} is not the card of a style model; python -m models.train.style makes one")
    for part, digest in expected.items():
        file = folder / f"{part}.safetensors"
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing; the model in {folder} is not whole, copy it again")
        check_sha256(file, digest)
    return dict(card)


def check_sha256(path: Path, expected: str) -> None:
    """Raises ``ValueError`` where a file is not what its card says."""
    if (found := sha256(path)) != expected:
        raise ValueError(f"{path} has sha256 {found}, its card says {expected}; fetch it again")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

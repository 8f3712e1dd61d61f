"""Drafts in a file: what a bank of them is kept in, and how the first ones come with the weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import models
from models.music.notes import Domain, Piece
from models.style.drafts import Draft
from models.style.latents import GROUPS, Latents

FIRST = Path(models.__file__).parent / "weights" / "drafts"  # a file for each domain, and a card
ENDING = ".safetensors"


def save_drafts(path: Path, drafts: Sequence[Draft]) -> None:
    """Write drafts of one model, about 4.5 kB each."""
    arrays = {group: np.stack([each.latents.groups[group] for each in drafts]) for group in GROUPS}
    about = {
        "pieces": [dict(each.latents.piece) for each in drafts],
        "notes": [each.notes and each.notes.to_json() for each in drafts],
    }
    save_file(arrays, path, {name: json.dumps(values) for name, values in about.items()})


def load_drafts(path: Path, version: str) -> list[Draft]:
    """Drafts of a style model's ``version``, which the file doesn't say.

    Raises ``FileNotFoundError`` where there is no file, ``ValueError`` where it is not of drafts.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            pieces, notes = (json.loads(file.metadata()[name]) for name in ("pieces", "notes"))
            groups = {name: file.get_tensor(name) for name in GROUPS}
        return [
            Draft(
                Latents(version, {name: groups[name][place] for name in GROUPS}, piece),
                written and Piece.from_json(written),
            )
            for place, (piece, written) in enumerate(zip(pieces, notes, strict=True))
        ]
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} can't be read as drafts: {error}") from error


def first_drafts(domain: Domain, version: str, folder: Path = FIRST) -> list[Draft]:
    """The drafts that come with the weights; none where these are of another ``version`` of the style model.

    Raises ``ValueError`` where a file of them can't be read.
    """
    try:
        card = json.loads((folder / "card.json").read_text())
        return load_drafts(folder / f"{domain}{ENDING}", version) if card["version"] == version else []
    except FileNotFoundError:
        return []

"""Saving and loading what scores tension: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models.music.notes import DOMAINS
from models.style.card import WEIGHTS, sha256
from models.style.pieces.checkpoint import load_pieces_model
from models.tension.past import Others, Recogniser
from models.tension.score import Ears, Usual

SHIPPED = "tension-cpu"
WEIGHTS_FILE, CARD = "tension.safetensors", "card.json"
COLUMNS = ("places", "piece", "meter", "minor", "density")


@dataclass(frozen=True)
class TensionBundle:
    """Two models that hear a piece, what is usual in real music by domain, and their card."""

    ears: Ears
    usual: Mapping[str, Usual]
    card: Mapping[str, Any]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_tension(
    folder: Path,
    recogniser: Recogniser,
    others: Mapping[str, Others],
    usual: Mapping[str, Usual],
    *,
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``tension.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "tension.part"
    arrays = {f"recogniser.{name}": value.detach().half().numpy() for name, value in recogniser.state_dict().items()}
    for domain, bars in others.items():
        arrays[f"{domain}.places"] = bars.places.astype(np.float16)
        arrays |= {f"{domain}.{name}": getattr(bars, name).astype(np.int32) for name in COLUMNS[1:]}
    save_file(arrays, part)
    part.replace(path)
    names = json.dumps({name: sorted(found) for name, found in held_out.items()}, indent=0, ensure_ascii=False)
    (folder / "held_out.json").write_text(names + "\n", encoding="utf-8")
    digest = sha256(path)
    version = f"tension-{card['preset']}-{card['steps']}-{card['seed']}-{digest[:8]}"
    told = {"usual": {domain: asdict(found) for domain, found in usual.items()}, "sha256": {"tension": digest}}
    part.write_text(json.dumps({"version": version, **card, **told}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.replace(folder / CARD)


def load_tension(name_or_path: str | Path = SHIPPED) -> TensionBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no tension model at {folder}; python -m models.train.tension makes one")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["tension"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        pieces = load_pieces_model(card["pieces"]["name"])
        if pieces.version != card["pieces"]["version"]:
            raise ValueError(
                f"{folder} was trained with the piece model {card['pieces']['version']}, {pieces.version} is here; "
                "train it again with python -m models.train.tension"
            )
        arrays = load_file(folder / WEIGHTS_FILE)
        state = {
            name.removeprefix("recogniser."): torch.from_numpy(value.astype(np.float32))
            for name, value in arrays.items()
            if name.startswith("recogniser.")
        }
        recogniser = Recogniser(pieces.model.config.dim, int(card["hidden"]))
        recogniser.load_state_dict(state, strict=True)
        others: dict[str, Others] = {
            domain: Others(
                arrays[f"{domain}.places"].astype(np.float32),
                *(arrays[f"{domain}.{name}"].astype(np.int64) for name in COLUMNS[1:]),
            )
            for domain in DOMAINS
            if f"{domain}.places" in arrays
        }
        usual = {domain: Usual(**found) for domain, found in card["usual"].items()}
    except (RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the tension model in {folder} is not of this version of Kallos; train it again") from error
    return TensionBundle(Ears(pieces.model, recogniser.eval(), others), usual, card, folder)

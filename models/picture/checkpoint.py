"""Saving and loading the picture model: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.picture.autoencoder import PictureConfig, PictureModel, Pixels
from models.style.card import WEIGHTS, sha256

SHIPPED = "picture-cpu"
WEIGHTS_FILE, CARD, HELD_OUT = "picture.safetensors", "card.json", "held_out.json"


@dataclass(frozen=True)
class PictureBundle:
    """The ``model``, its ``card``, and which pictures it was ``held_out`` from: part → paths or digests."""

    model: PictureModel
    card: Mapping[str, Any]
    held_out: Mapping[str, list[str]]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def encode(self, pictures: Pixels) -> npt.NDArray[np.float32]:
        """Latents ``(n, dims)`` of uint8 ``(n, 96, 96, 3)``."""
        return self.model.encode(pictures)

    def decode(self, latents: npt.NDArray[np.floating]) -> Pixels:
        """Pictures uint8 ``(n, 96, 96, 3)`` of ``(n, dims)``."""
        return self.model.decode(latents)


def save_pictures(
    folder: Path, model: PictureModel, card: Mapping[str, Any], held_out: Mapping[str, list[str]]
) -> None:
    """Write ``picture.safetensors``, ``held_out.json`` and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "picture.part"
    exact = ("mean", "whiten", "colour")
    state = model.state_dict()
    save_file({n: (v.float() if n in exact else v.half()).cpu().contiguous() for n, v in state.items()}, part)
    part.replace(path)
    (folder / HELD_OUT).write_text(json.dumps(held_out, indent=0) + "\n", encoding="utf-8")
    digest = sha256(path)
    told = {"config": asdict(model.config), "sha256": {"picture": digest}}
    version = f"picture-{card['preset']}-{card['seed']}-{digest[:8]}"
    part.write_text(json.dumps({"version": version, **card, **told}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.replace(folder / CARD)


def load_pictures(name_or_path: str | Path | None = None) -> PictureBundle:
    """The shipped one, another by name, or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    wanted = SHIPPED if name_or_path is None else name_or_path
    shipped = WEIGHTS / wanted
    folder = shipped if isinstance(wanted, str) and shipped.is_dir() else Path(wanted).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no picture model at {folder}; python -m models.train.picture makes one")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["picture"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        model = PictureModel(PictureConfig(**card["config"]))
        model.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS_FILE).items()})
        held_out = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))
    except (OSError, RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the picture model in {folder} is not of this version of Kallos; train it again") from error
    return PictureBundle(model.eval(), card, held_out, folder)

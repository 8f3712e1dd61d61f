"""Saving and loading the picture model: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save

from models.picture.autoencoder import PictureConfig, PictureModel, Pixels
from models.style.bundle import BundleFormat

SHIPPED = "picture-cpu"
EXACT = ("mean", "whiten", "colour")  # of the weights: float32
FORMAT = BundleFormat("picture", "picture model", "python -m models.train.picture makes one, in OUT/bundle")


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
    weights = {
        name: (value.float() if name in EXACT else value.half()).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    FORMAT.save(folder, save(weights), {**card, "config": asdict(model.config)}, held_out)


def load_pictures(name_or_path: str | Path | None = None) -> PictureBundle:
    """The shipped one, another by name, or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(SHIPPED if name_or_path is None else name_or_path) as found:
        model = PictureModel(PictureConfig(**found.card["config"]))
        model.load_state_dict({name: value.float() for name, value in load_file(found.weights).items()})
    return PictureBundle(model.eval(), found.card, found.held_out(), found.folder)

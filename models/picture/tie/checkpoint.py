"""What a tie has learned from pictures and music, neither of which knew the other: axes, and usual values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models.picture import readouts
from models.picture.film import Pictures
from models.picture.tie.axes import Axes
from models.style.card import WEIGHTS, sha256

Floats = npt.NDArray[np.float64]

SHIPPED = "tie-cpu"
WEIGHTS_FILE, CARD = "tie.safetensors", "card.json"
MOST = 2.5  # standard deviations


@dataclass(frozen=True)
class Tie:
    """``axes``; ``shown`` ``(4, dims)``: what picture latents gain with a deviation more of each readout but motion.

    ``sounding`` ``(2, 5)``: mean and deviation of what bars of music sound like, as ``tie.sounding`` measures it.
    """

    axes: Axes
    shown: Floats
    sounding: Floats
    card: Mapping[str, Any]

    @classmethod
    def fit(cls, pictures: Pictures, latents: Floats, axes: Axes, sounding: Floats) -> Tie:
        """From pictures and their ``latents``, the axes of these and of music, and what bars of music sound like."""
        seen = readouts.of_pictures(pictures)
        standard = (seen - seen.mean(0)) / seen.std(0)
        shown, *_ = np.linalg.lstsq(standard, latents - latents.mean(0), rcond=None)
        usual = np.stack([sounding.mean(0), sounding.std(0)])
        return cls(axes, shown, usual, {})

    def annotated_pictures(self, sounding: Floats) -> Floats:
        """Picture latents ``(bars, dims)`` that show what bars sound like ``(bars, 5)``; tempo has no still picture."""
        deviations = np.clip((sounding - self.sounding[0]) / self.sounding[1], -MOST, MOST)
        found: Floats = deviations[:, : len(self.shown)] @ self.shown
        return found


def save_tie(folder: Path, tie: Tie, card: Mapping[str, Any]) -> None:
    """Write ``tie.safetensors`` and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {**tie.axes.to_arrays(), "shown": tie.shown, "sounding": tie.sounding}
    save_file(
        {name: np.ascontiguousarray(each, dtype=np.float32) for name, each in arrays.items()}, folder / WEIGHTS_FILE
    )
    digest = sha256(folder / WEIGHTS_FILE)
    told = {"version": f"tie-{card['seed']}-{digest[:8]}", **card, "sha256": {"tie": digest}}
    (folder / CARD).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_tie(name_or_path: str | Path = SHIPPED) -> Tie:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no tie at {folder}; python -m models.train.tie makes one")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["tie"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        arrays = {name: each.astype(np.float64) for name, each in load_file(folder / WEIGHTS_FILE).items()}
        shown, sounding = arrays.pop("shown"), arrays.pop("sounding")
        return Tie(Axes(**arrays), shown, sounding, card)
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the tie in {folder} is not of this version of Kallos; train it again") from error

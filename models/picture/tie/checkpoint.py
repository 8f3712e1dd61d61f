"""What a tie has learned from pictures and music, neither of which knew the other: axes, and usual values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.picture import readouts
from models.picture.film import Pictures
from models.picture.tie.axes import Axes
from models.style.bundle import BundleFormat

Floats = npt.NDArray[np.float64]

SHIPPED = "tie-cpu"
MODELS = {"pictures": "picture", "style": "style"}  # that axes belong to, by what the card calls them
FORMAT = BundleFormat("tie", "tie", "python -m models.train.tie makes one", ("seed",))


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

    def require(self, **versions: str) -> None:
        """Raises ``ValueError`` where its axes were fitted for another ``pictures`` or ``style`` model than these."""
        for kind, version in versions.items():
            if self.card.get(kind) != version:
                other = f"another {MODELS[kind]} model"
                raise ValueError(f"the tie was fitted for {other}; python -m models.train.tie fits it again")


def save_tie(folder: Path, tie: Tie, card: Mapping[str, Any]) -> None:
    """Write ``tie.safetensors`` and, last, ``card.json``."""
    arrays = {**tie.axes.to_arrays(), "shown": tie.shown, "sounding": tie.sounding}
    FORMAT.save(folder, save({name: np.ascontiguousarray(each, np.float32) for name, each in arrays.items()}), card)


def load_tie(name_or_path: str | Path = SHIPPED) -> Tie:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        arrays = {name: each.astype(np.float64) for name, each in load_file(found.weights).items()}
        shown, sounding = arrays.pop("shown"), arrays.pop("sounding")
        return Tie(Axes(**arrays), shown, sounding, found.card)

"""What a tie has learned from pictures and music, neither of which knew the other: axes, a rotation, usual values.

In what pictures differ most from each other becomes in what the bars of a piece differ most: the principal axes of
picture latents, and of how the latents of bars lie about their piece's mean; the first onto the first, each in its own
standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.picture import readouts
from models.picture.film import Pictures
from models.style.bundle import BundleFormat
from models.style.latents import GROUPS, Latents

Floats = npt.NDArray[np.float64]
AXES = 8
MOST = 2.5  # standard deviations
SHIPPED = "tie-cpu"
MODELS = {"pictures": "picture", "style": "style"}  # that axes belong to, by what the card calls them
FORMAT = BundleFormat("tie", "tie", "python -m models.train.tie makes one", ("seed",))


@dataclass(frozen=True)
class Axes:
    """``pictures`` ``(AXES, dims)`` and ``music`` ``(AXES, latent)``, orthonormal rows, with their deviations.

    ``scale`` ``(latent,)`` is by what latents of music are divided.
    """

    pictures: Floats
    picture_sd: Floats
    music: Floats
    music_sd: Floats
    scale: Floats

    @classmethod
    def fit(cls, pictures: Floats, music: Floats, pieces: npt.NDArray[np.int64], scale: Floats) -> Axes:
        """From picture latents ``(n, dims)`` and those of bars ``(bars, latent)``, each of one of ``pieces``."""
        standard = music / scale
        for piece in np.unique(pieces):
            standard[pieces == piece] -= standard[pieces == piece].mean(0)
        return cls(*_principal(pictures - pictures.mean(0)), *_principal(standard), scale)

    def moved(self, latents: Latents, pictures: Floats) -> Latents:
        """Bars of music whose place on the axes is that of the film's ``pictures`` ``(bars, dims)`` on theirs."""
        scores = (pictures - pictures.mean(0)) @ self.pictures.T / self.picture_sd
        scores = np.clip(scores / np.maximum(scores.std(0), 0.5), -MOST, MOST)
        z = _whole(latents) / self.scale
        own = (z - z.mean(0)) @ self.music.T
        z = z + (scores * self.music_sd - own) @ self.music
        return _like(latents, z * self.scale)

    def pictures_of(self, latents: Latents) -> Floats:
        """Picture latents ``(bars, dims)`` of music: the other way."""
        z = _whole(latents) / self.scale
        scores = np.clip((z - z.mean(0)) @ self.music.T / self.music_sd, -MOST, MOST)
        found: Floats = scores * self.picture_sd @ self.pictures
        return found

    def to_arrays(self) -> Mapping[str, Floats]:
        """By name."""
        return dict(self.__dict__)


def _principal(rows: Floats) -> tuple[Floats, Floats]:
    """The first axes of centred ``rows``, each towards its largest weight, and the deviation along each."""
    _, size, axes = np.linalg.svd(rows, full_matrices=False)
    axes = axes[:AXES]
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    return axes, size[:AXES] / np.sqrt(len(rows))


def _whole(latents: Latents) -> Floats:
    return np.concatenate([latents.groups[name] for name in GROUPS], axis=1).astype(np.float64)


def _like(latents: Latents, z: Floats) -> Latents:
    ends = np.cumsum([latents.groups[name].shape[1] for name in GROUPS])[:-1]
    parts = np.split(z.astype(np.float32), ends, axis=1)
    return replace(latents, groups=dict(zip(GROUPS, parts, strict=True)))


def shown_by(pictures: Pictures, latents: Floats) -> Floats:
    """What the ``latents`` ``(n, dims)`` of pictures gain with a deviation of each readout but motion ``(4, dims)``."""
    seen = readouts.of_pictures(pictures)
    standard = (seen - seen.mean(0)) / seen.std(0)
    found, *_ = np.linalg.lstsq(standard, latents - latents.mean(0), rcond=None)
    return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Tie:
    """``axes``, and ``turn`` ``(noise, dims)``, the rotation (``models.picture.tie.rotation``).

    ``shown`` ``(4, dims)``: what picture latents gain with a deviation more of each readout but motion.

    ``sounding`` ``(2, 5)``: mean and deviation of what bars of music sound like, as ``tie.sounding`` measures it.
    """

    axes: Axes
    turn: Floats
    shown: Floats
    sounding: Floats
    card: Mapping[str, Any]

    @classmethod
    def fit(cls, axes: Axes, turn: Floats, shown: Floats, sounding: Floats) -> Tie:
        """From what ties pictures to music, and what bars of music sound like."""
        usual = np.stack([sounding.mean(0), sounding.std(0)])
        return cls(axes, turn, shown, usual, {})

    def require(self, **versions: str) -> None:
        """Raises ``ValueError`` where its axes were fitted for another ``pictures`` or ``style`` model than these."""
        for kind, version in versions.items():
            if self.card.get(kind) != version:
                other = f"another {MODELS[kind]} model"
                raise ValueError(f"the tie was fitted for {other}; python -m models.train.tie fits it again")


def save_tie(folder: Path, tie: Tie, card: Mapping[str, Any]) -> None:
    """Write ``tie.safetensors`` and, last, ``card.json``."""
    arrays = {**tie.axes.to_arrays(), "turn": tie.turn, "shown": tie.shown, "sounding": tie.sounding}
    FORMAT.save(folder, save({name: np.ascontiguousarray(each, np.float32) for name, each in arrays.items()}), card)


def load_tie(name_or_path: str | Path = SHIPPED) -> Tie:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        arrays = {name: each.astype(np.float64) for name, each in load_file(found.weights).items()}
        turn, shown, sounding = (arrays.pop(name) for name in ("turn", "shown", "sounding"))
        return Tie(Axes(**arrays), turn, shown, sounding, found.card)

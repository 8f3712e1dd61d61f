"""The tie by axes: in what pictures differ most from each other becomes in what the bars of a piece differ most.

Principal axes of picture latents, and of how the latents of bars lie about their piece's mean; the first onto the
first, each in its own standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.style.latents import GROUPS, Latents

Floats = npt.NDArray[np.float64]

AXES = 8
MOST = 2.5  # standard deviations


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

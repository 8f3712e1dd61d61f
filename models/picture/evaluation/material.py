"""Held-out pictures with their latents, and principal components of pixels, which the model is measured beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from models.picture.autoencoder import PictureModel
from models.picture.collection import Collection
from models.picture.groups import DIMS
from models.picture.reading import Pixels

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Some:
    """``pixels`` ``(n, 96, 96, 3)``, ``latents`` ``(n, dims)``, the ``series`` and the ``category`` of each."""

    pixels: Pixels
    latents: npt.NDArray[np.float32]
    series: list[str]
    category: list[str | None]

    @classmethod
    def of(cls, model: PictureModel, found: Collection, rows: list[int]) -> Some:
        """The pictures of ``rows``."""
        pixels = np.stack([found.pictures[row].pixels for row in rows])
        return cls(
            pixels, model.encode(pixels), [found.series[row] for row in rows],
            [found.pictures[row].category for row in rows],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Components:
    """Principal components of pixels, as many as the model has latents, each with its spread over training pictures."""

    pca: PCA

    @classmethod
    def of(cls, pixels: Pixels, seed: int) -> Components | None:
        """Of training pictures; None where there are too few of them."""
        if len(pixels) <= DIMS:
            return None
        return cls(PCA(DIMS, svd_solver="randomized", random_state=seed).fit(_flat(pixels)))

    def encode(self, pixels: Pixels) -> Floats:
        """``(n, dims)`` with standard deviation 1 over training pictures."""
        found: Floats = self.pca.transform(_flat(pixels)) / np.sqrt(self.pca.explained_variance_)
        return found

    def decode(self, latents: npt.NDArray[np.floating]) -> Pixels:
        """Pictures of standardised components."""
        shown = self.pca.inverse_transform(latents * np.sqrt(self.pca.explained_variance_))
        levels: Pixels = np.clip(np.round(shown * 255), 0, 255).astype(np.uint8)
        return levels.reshape(-1, 96, 96, 3)


def _flat(pixels: Pixels) -> npt.NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)

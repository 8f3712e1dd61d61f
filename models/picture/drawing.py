"""New pictures from latents, and latents from nothing: the shape is a drawing's, and its styles are N(0, I).

Every picture is measured as it is drawn, and its latents carry what was measured, so whoever scores it needs no
network. They also say of which drawings it is one: pictures without that were decoded by the autoencoder, as all were
until 2026-11-29, and are so again where they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.picture.autoencoder import Pixels
from models.picture.checkpoint import PictureBundle
from models.picture.drawings import Drawings
from models.picture.film import SIDE
from models.picture.groups import DIMS, GROUPS
from models.picture.measuring import NAMES, ink, measured
from models.picture.vector import Drawing
from models.style.latents import DRAWN_FROM, INK, MEASURED, Latents

SIZES = (0.75, 1.0)  # of what is drawn, beside the whole picture
FAITHFUL = 0.85  # cosine of a drawn shape with that of the drawing it comes from

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PictureDrawing:
    """Draws among the ``drawings`` that there are; the picture model ``pictures`` encodes."""

    pictures: PictureBundle
    drawings: Drawings

    def encode(self, pictures: Pixels) -> list[Latents]:
        """Pictures uint8 ``(n, 96, 96, 3)`` as latents, measured as they are drawn."""
        return self.measure([latents_of(row, self.pictures.version) for row in self.pictures.encode(pictures)])

    def draw(self, count: int, seed: int, *, near: Latents | None = None, keep: float = 0.0) -> list[Latents]:
        """``count`` new latents, measured; the same seed gives the same ones.

        ``near``: as much as ``keep`` (0 to 1) of that picture stays: the cosine of a draw with it.
        """
        random = np.random.default_rng(seed)
        drawn = random.standard_normal((count, DIMS))
        if near is None:
            rows = random.integers(len(self.drawings.names), size=count)
            shapes = self.drawings.latents[rows][:, GROUPS["shape"]]
            shape = FAITHFUL * shapes + np.sqrt(1 - FAITHFUL**2) * drawn[:, GROUPS["shape"]]
            sizes = np.linalg.norm(shapes, axis=1) / np.linalg.norm(shape, axis=1) * random.uniform(*SIZES, count)
            drawn[:, GROUPS["shape"]] = shape * sizes[:, None]
        else:
            drawn = keep * vector(near) + np.sqrt(1 - keep**2) * drawn
        return self.measure([latents_of(each, self.pictures.version) for each in drawn])

    def measure(self, latents: Sequence[Latents]) -> list[Latents]:
        """The same as pictures of these drawings, with what is measured of each."""
        shown = [each.pixels() for each in self.decode(latents)]
        pixels = np.array(shown, dtype=np.uint8).reshape(-1, SIDE, SIDE, 3)
        found = np.column_stack([measured(pixels), ink(pixels)])
        names = (*NAMES, INK)
        about = {DRAWN_FROM: self.drawings.version}
        return [
            replace(
                each, piece={**each.piece, **about, MEASURED: dict(zip(names, np.round(row, 5).tolist(), strict=True))}
            )
            for each, row in zip(latents, found, strict=True)
        ]

    def decode(self, latents: Sequence[Latents]) -> list[Drawing]:
        """The drawing of each; raises ``ValueError`` for latents of another model."""
        self._require(latents)
        return [self.drawings.decode(vector(each)) for each in latents]

    def decode_older(self, latents: Sequence[Latents]) -> Pixels:
        """Pictures that aren't drawings, uint8 ``(n, 96, 96, 3)``, as the autoencoder decodes them."""
        self._require(latents)
        return self.pictures.decode(np.array([vector(each) for each in latents]).reshape(-1, DIMS))

    def _require(self, latents: Sequence[Latents]) -> None:
        if wrong := {each.version for each in latents} - {self.pictures.version}:
            raise ValueError(f"latents of {', '.join(sorted(wrong))} were given to {self.pictures.version}")


def is_older(latents: Latents) -> bool:
    """Whether a measured picture was decoded by the autoencoder, and is no drawing."""
    return MEASURED in latents.piece and DRAWN_FROM not in latents.piece


def latents_of(row: npt.ArrayLike, version: str) -> Latents:
    """A vector ``(dims,)`` as latents of one bar."""
    values = np.asarray(row, dtype=np.float32)
    return Latents(version, {name: values[None, where] for name, where in GROUPS.items()})


def vector(latents: Latents) -> Vectors:
    """Latents of a picture as one vector ``(dims,)``; raises ``ValueError`` for those of music or of another size."""
    sizes = {name: where.stop - where.start for name, where in GROUPS.items()}
    given = {name: value.shape for name, value in latents.groups.items()}
    if given != {name: (1, size) for name, size in sizes.items()}:
        raise ValueError(f"latents of a picture have the groups {sizes} of one bar; {given} were given")
    return np.concatenate([latents.groups[name][0] for name in GROUPS]).astype(np.float64)

"""New pictures from latents, and latents from nothing: half of a draw is N(0, I), half has the shape of a drawing.

A picture from N(0, I) is told from a drawing easily (``evaluate.picture``), so the other half has a shape that somebody
drew, and draws its styles alone. Every picture is measured as it is decoded, and its latents carry what was measured,
so whoever scores it needs no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.picture.autoencoder import Pixels
from models.picture.checkpoint import PictureBundle
from models.picture.groups import DIMS, GROUPS
from models.picture.measuring import NAMES, ink, measured
from models.style.latents import INK, MEASURED, Latents

FAITHFUL = 0.85  # cosine of a drawn shape with that of the drawing it comes from
SPREAD = 1.2  # of palette, light and line beside such a shape: a little wider than N(0, I), for contrast

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PictureDrawing:
    """Draws with the picture model ``pictures``; ``shapes`` ``(drawings, 72)`` are those of encoded drawings."""

    pictures: PictureBundle
    shapes: Vectors

    @classmethod
    def of(cls, pictures: PictureBundle, drawings: Pixels) -> PictureDrawing:
        """With the shapes of some ``drawings`` uint8 ``(n, 96, 96, 3)``."""
        return cls(pictures, pictures.encode(drawings)[:, GROUPS["shape"]].astype(np.float64))

    def encode(self, drawings: Pixels) -> list[Latents]:
        """Pictures uint8 ``(n, 96, 96, 3)`` as latents, measured as they are decoded again."""
        return self.measure([latents_of(row, self.pictures.version) for row in self.pictures.encode(drawings)])

    def draw(self, count: int, seed: int, *, near: Latents | None = None, keep: float = 0.0) -> list[Latents]:
        """``count`` new latents, measured; the same seed gives the same ones.

        ``near``: as much as ``keep`` (0 to 1) of that picture stays: the cosine of a draw with it.
        """
        random = np.random.default_rng(seed)
        drawn = random.standard_normal((count, DIMS))
        if near is None:
            of_drawings = random.random(count) < 0.5
            rows = random.integers(len(self.shapes), size=count)
            shape = FAITHFUL * self.shapes[rows] + np.sqrt(1 - FAITHFUL**2) * drawn[:, GROUPS["shape"]]
            drawn[of_drawings] *= SPREAD
            drawn[of_drawings, GROUPS["shape"]] = shape[of_drawings]
        else:
            drawn = keep * vector(near) + np.sqrt(1 - keep**2) * drawn
        return self.measure([latents_of(each, self.pictures.version) for each in drawn])

    def measure(self, latents: Sequence[Latents]) -> list[Latents]:
        """The same with what is measured of each picture as it is decoded."""
        decoded = self.decode(latents)
        found = np.column_stack([measured(decoded), ink(decoded)])
        names = (*NAMES, INK)
        return [
            replace(each, piece={**each.piece, MEASURED: dict(zip(names, np.round(row, 5).tolist(), strict=True))})
            for each, row in zip(latents, found, strict=True)
        ]

    def decode(self, latents: Sequence[Latents]) -> Pixels:
        """Pictures uint8 ``(n, 96, 96, 3)``; raises ``ValueError`` for latents of another model."""
        if wrong := {each.version for each in latents} - {self.pictures.version}:
            raise ValueError(f"latents of {', '.join(sorted(wrong))} were given to {self.pictures.version}")
        return self.pictures.decode(np.array([vector(each) for each in latents]).reshape(-1, DIMS))


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

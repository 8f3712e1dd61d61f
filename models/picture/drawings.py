"""The drawings that come with Kallos, as vectors, with the latents that the picture model's encoder gives each.

Latents become a drawing again by looking up: the subject is the drawing whose shape is nearest, and palette and light
change its colours (``models.picture.styling``), line its strokes. So whatever is decoded is sharp at any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.picture.groups import GROUPS
from models.picture.styling import Styles, edges_of
from models.picture.vector import Drawing, packed, unpacked
from models.style.bundle import BundleFormat

Floats = npt.NDArray[np.float64]

SHIPPED = "drawings-cpu"
SIZES = (0.35, 1.3)  # the least and the most
COLOURFUL, SHAPES, FEWEST = 0.04, 6, 60  # of a drawing that is watched for long, and of such drawings
FORMAT = BundleFormat("drawings", "collection of drawings", "python -m models.train.drawings makes one", ("seed",))


@dataclass(frozen=True)
class Drawings:
    """``drawings`` with the ``names``, ``latents`` ``(n, DIMS)`` and ``edges`` ``(n, LINES)`` of each."""

    names: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    latents: Floats
    edges: Floats
    card: Mapping[str, Any]

    @classmethod
    def of(cls, names: Sequence[str], drawings: Sequence[Drawing], latents: npt.NDArray[np.floating]) -> Drawings:
        """Of drawings and what the encoder says of them."""
        edges = np.stack([edges_of(each) for each in drawings])
        return cls(tuple(names), tuple(drawings), latents.astype(np.float64), edges, {})

    @cached_property
    def styles(self) -> Styles:
        """What is known of palettes, light and lines."""
        return Styles.of(self.drawings, self.latents, self.edges)

    def rich(self) -> Drawings:
        """Those of several shapes and in colour, to be watched for long; all where hardly any is."""
        colourful = np.array([each.measured()[2] for each in self.styles.colours])
        shapes = np.array([len(each.shapes) for each in self.drawings])
        rows = np.flatnonzero((colourful >= COLOURFUL) & (shapes >= SHAPES)).tolist()
        if len(rows) < FEWEST:
            return self
        names, drawings = tuple(self.names[row] for row in rows), tuple(self.drawings[row] for row in rows)
        return Drawings(names, drawings, self.latents[rows], self.edges[rows], self.card)

    def along(self, subject: int, latents: Floats) -> list[Drawing]:
        """The ``subject`` as each of ``latents`` ``(n, DIMS)`` asks for, without a jump between two."""
        return self.styles.along(subject, self.drawings[subject], latents)

    @cached_property
    def _directions(self) -> Floats:
        shape = self.latents[:, GROUPS["shape"]]
        return np.asarray(shape / np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-9))

    @property
    def version(self) -> str:
        """Which drawings these are."""
        return str(self.card["version"])

    def subject(self, latents: Floats) -> int:
        """The row of the drawing whose shape points in the direction that is nearest to that of ``latents``."""
        return int((self._directions @ latents[GROUPS["shape"]]).argmax())

    def decode(self, latents: Floats, subject: int | None = None) -> Drawing:
        """The drawing of ``latents`` ``(DIMS,)``; of a given ``subject``, as large as it is, where there is one.

        As long as the shape's latents are beside the subject's own, so large is what is drawn.
        """
        if subject is not None:
            return self.styles.on(subject, self.drawings[subject], latents)
        row, shape = self.subject(latents), GROUPS["shape"]
        lengths = (float(np.linalg.norm(each)) for each in (latents[shape], self.latents[row][shape]))
        size = next(lengths) / max(next(lengths), 1e-9)
        near = abs(size - 1) < 1e-3
        return self.styles.on(row, self.drawings[row], latents, 1.0 if near else float(np.clip(size, *SIZES)))


def save_drawings(folder: Path, found: Drawings, card: Mapping[str, Any]) -> None:
    """Write ``drawings.safetensors`` and, last, ``card.json``."""
    own = {"latents": found.latents.astype(np.float16), "edges": found.edges.astype(np.float16)}
    arrays = {**packed(found.drawings), **own}
    weights = save({name: np.ascontiguousarray(each) for name, each in arrays.items()})
    FORMAT.save(folder, weights, {**card, "names": list(found.names)})


def load_drawings(name_or_path: str | Path = SHIPPED) -> Drawings:
    """Shipped ones by name or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        arrays = load_file(found.weights)
        latents, edges = (arrays.pop(name).astype(np.float64) for name in ("latents", "edges"))
        return Drawings(tuple(found.card["names"]), tuple(unpacked(arrays)), latents, edges, found.card)

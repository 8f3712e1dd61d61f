"""The pictures that are asked about: drawings in other styles, shipped as SVG with what was measured of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.picture.drawings import load_drawings
from models.picture.fit.head import of_pictures
from models.picture.shorts import SHORTS, Shown
from models.style.bundle import model_folder
from webapp.runtime.errors import NotYours

SHIPPED = "drawings-cpu"
FOLDER = model_folder(SHIPPED)


@dataclass(frozen=True)
class Drawings:
    """``names`` of pictures in the order of their ``measures`` ``(P, 4)``, standardised, and the file of each."""

    names: tuple[str, ...]
    measures: npt.NDArray[np.float64]
    folder: Path

    def svg(self, name: str) -> bytes:
        """A picture's file; raises ``NotYours`` for a name that there is not."""
        if name not in self.names:
            raise NotYours(f"there is no picture {name[:40]!r}; GET /api/fits names those to be shown")
        return (self.folder / f"{name}.svg").read_bytes()


@cache
def short_film(name: str) -> bytes:
    """A short film as a browser draws it (``Shown.to_json``); raises ``NotYours`` for a name that there is not."""
    if name not in SHORTS:
        raise NotYours(f"there is no film {name[:40]!r}; there are {', '.join(SHORTS)}")
    return json.dumps(Shown.of(SHORTS[name], load_drawings()).to_json(), separators=(",", ":")).encode()


@cache
def shipped() -> Drawings:
    """Those that come with Kallos."""
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    names = tuple(card["drawings"])
    measures = of_pictures([card["drawings"][name] for name in names], card["usual"])
    return Drawings(names, measures, FOLDER)

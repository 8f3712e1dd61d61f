"""The pictures that come with Kallos: drawn by the picture model, shipped as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import models
from models.picture.film import Pictures
from models.picture.reading import read_folder

DRAWINGS = Path(models.__file__).parent / "weights" / "drawings-cpu"


def load_drawings(folder: Path = DRAWINGS) -> Pictures:
    """Pictures ``(n, SIDE, SIDE, 3)`` of a folder, by their names; raises ``PictureError`` where there are none."""
    return np.stack([each.pixels for each in read_folder(folder).pictures])

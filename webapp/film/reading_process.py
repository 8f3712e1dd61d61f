"""The process that reads uploaded pictures: whatever a file does to Pillow ends with it.

``python -m webapp.film.reading_process FOLDER`` reads the files ``FOLDER/0``, ``FOLDER/1``, … that
``FOLDER/names.json`` names, and writes ``FOLDER/strip.png`` and ``FOLDER/read.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from models.picture.reading import PictureError, read_picture
from webapp.film.own_pictures import NAMES, READ, SECONDS, STRIP
from webapp.runtime.supervised_process import bound


def main(folder: Path) -> None:
    """See the module docstring."""
    found, problems = [], []
    for number, name in enumerate(json.loads((folder / NAMES).read_text(encoding="utf-8"))):
        try:
            found.append(read_picture((folder / str(number)).read_bytes()))
        except PictureError as error:
            problems.append(f"“{name}”: {error}")
    if found:
        Image.fromarray(np.concatenate(found)).save(folder / STRIP)
    (folder / READ).write_text(json.dumps({"count": len(found), "problems": problems}), encoding="utf-8")


if __name__ == "__main__":
    bound(SECONDS)
    main(Path(sys.argv[1]))

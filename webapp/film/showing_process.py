"""The process that writes music and its pictures as a film: FFmpeg and the piano end with it.

``python -m webapp.film.showing_process FOLDER MOST_S`` reads ``FOLDER/sheet.webp`` and ``FOLDER/shown.json`` and writes
``film.mp4`` beside them. Each line of its output is JSON: how far it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.music.notes import Piece
from models.music.performance import as_written
from models.music.render import render
from models.picture.film import Pictures
from models.picture.movie import write_frames
from models.style.performance import touch
from webapp.film.scored_films import MOVIE
from webapp.film.shown_music import SHEET, TOLD
from webapp.runtime.bounded_work import Progress, bound
from webapp.runtime.supervised_process import end_with_input

A_SECOND = 24
SIDE = 480  # pixels
PLAYING, WRITING = "playing", "writing the film"


def main(folder: Path) -> None:
    """See the module docstring."""
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    progress = Progress()
    progress(PLAYING, 0.0)
    piece = Piece.from_json(told["piece"])
    performance = as_written(piece) if told["written"] else touch.play(piece, told["domain"])
    sound = render(piece, told["seconds"], performance)
    frames = moving(pictures_of(folder / SHEET, told), told["times_s"], told["seconds"])
    progress(WRITING, 0.0)
    write_frames(frames, A_SECOND, sound, folder / MOVIE, lambda share: progress(WRITING, share))


def pictures_of(sheet: Path, told: dict[str, Any]) -> list[Pictures]:
    """The pictures of a sheet, in their order, as large as the film."""
    side, columns = told["side"], told["columns"]
    with Image.open(sheet, formats=("WEBP",)) as image:
        whole = image.convert("RGB")
    places = [divmod(number, columns) for number in range(len(told["times_s"]))]
    boxes = [(column * side, row * side, (column + 1) * side, (row + 1) * side) for row, column in places]
    return [np.asarray(whole.crop(box).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for box in boxes]


def moving(pictures: list[Pictures], times_s: list[float], seconds: float) -> Iterator[Pictures]:
    """``A_SECOND`` pictures: between two of ``times_s`` one fades into the other."""
    clock = np.arange(round(seconds * A_SECOND)) / A_SECOND
    places: npt.NDArray[np.float64] = np.interp(clock, times_s, np.arange(len(times_s)))
    for place in places.tolist():
        one = min(int(place), len(pictures) - 1)
        other, share = min(one + 1, len(pictures) - 1), place - one
        mixed = pictures[one] * (1 - share) + pictures[other] * share
        yield mixed.round().astype(np.uint8)


if __name__ == "__main__":
    end_with_input()
    bound(int(sys.argv[2]))
    main(Path(sys.argv[1]))

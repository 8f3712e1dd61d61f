"""The process that writes music and its pictures as a film: FFmpeg and the piano end with it.

``webapp.film.showing_process FOLDER`` reads ``FOLDER/shown.json`` and writes ``film.mp4`` beside it. Each line of its
output is JSON: how far it is.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.music.notes import Piece
from models.music.performance import as_written
from models.music.render import render
from models.picture.drawings import load_drawings
from models.picture.film import Pictures
from models.picture.movie import write_frames
from models.picture.moving import Moment, Moving
from models.picture.vector import rendered
from models.style.performance import touch
from webapp.film.scored_films import MOVIE
from webapp.film.shown_music import TOLD
from webapp.runtime.supervised_process import Progress

A_SECOND = 24
SIDE = 720  # pixels
PLAYING, WRITING = "playing", "writing the film"


def main(folder: Path) -> None:
    """See the module docstring."""
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    progress = Progress()
    progress(PLAYING, 0.0)
    piece = Piece.from_json(told["piece"])
    performance = as_written(piece) if told["written"] else touch.play(piece, told["domain"])
    sound = render(piece, told["seconds"], performance)
    progress(WRITING, 0.0)
    write_frames(frames(told), A_SECOND, sound, folder / MOVIE, lambda share: progress(WRITING, share))


def frames(told: dict[str, Any]) -> Iterator[Pictures]:
    """``A_SECOND`` pictures of what ``shown.json`` tells."""
    times = np.array(told["times_s"])
    moments = [Moment.from_json(each) for each in told["moments"]]
    clock = np.arange(round(told["seconds"] * A_SECOND)) / A_SECOND
    if any("image" in each for each in told["subjects"]):
        own = [_image(each["image"]) for each in told["subjects"]]
        for place in np.interp(clock, times, np.arange(len(times))).tolist():
            yield _graded(own, moments, place)
        return
    drawings = load_drawings()
    subjects = [drawings.drawings[drawings.names.index(each["name"])] for each in told["subjects"]]
    moving = Moving(subjects, moments, times, told["notes"])
    for time_s in clock.tolist():
        yield rendered(moving.svg(time_s), SIDE)


def _image(png: str) -> Pictures:
    with Image.open(io.BytesIO(base64.b64decode(png)), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _graded(own: list[Pictures], moments: list[Moment], place: float) -> Pictures:
    """A picture of somebody's own in soft light of the moment's colour; between two, one fades into the other."""
    one = min(int(place), len(moments) - 1)
    other, share = min(one + 1, len(moments) - 1), place - one
    tint = (1 - share) * moments[one].colours[0, :3] + share * moments[other].colours[0, :3]
    mixed = ((1 - share) * own[moments[one].subject] + share * own[moments[other].subject]) / 255
    lighter = mixed + (2 * tint - 1) * (np.sqrt(mixed) - mixed)
    darker = mixed - (1 - 2 * tint) * mixed * (1 - mixed)
    return np.asarray(np.clip(np.where(tint > 0.5, lighter, darker) * 255, 0, 255).round().astype(np.uint8))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

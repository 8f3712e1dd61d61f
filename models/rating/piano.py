"""What Kallos itself plays: real pieces on the shipped piano, so that its clips are not unlike anything heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music import corpora
from models.music.notes import MusicError
from models.music.render import SAMPLE_RATE_HZ, render

from .sound import checked
from .spectrogram import log_mel

CORPORA = ("bachChorales", "oneills1850")
EACH, SECONDS = 20, 20.0


def piano_pictures(each: int | None = None) -> list[npt.NDArray[np.float32]]:
    """Pictures ``(MELS, frames)`` of the first pieces, ``EACH`` or ``each``, of two collections that music21 ships."""
    count = EACH if each is None else each
    there = corpora.registry()
    pictures = []
    for name in CORPORA:
        pieces = corpora.load(name, limit=count) if count and there[name].available else []
        for piece in pieces:
            try:
                audio = render(piece, SECONDS)
            except MusicError:
                continue
            pictures.append(log_mel(checked(audio.mean(axis=1), SAMPLE_RATE_HZ).samples))
    return pictures

"""The pictures to train and test on: a folder of one's own, or the drawings below ``KALLOS_CORPORA``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from models.music.corpora import corpora_folder
from models.picture.reading import Picture, PictureError, read_folder
from models.picture.splits import parts_of, series_of

DRAWINGS = "pictures"
DRAWINGS_TERMS = "public domain (Open Clip Art Library 0.18)"


@dataclass(frozen=True)
class Collection:
    """``pictures`` with the ``series`` of each, indices of each of the ``parts``, a line for each unreadable one."""

    pictures: list[Picture]
    series: list[str]
    parts: dict[str, list[int]]
    unreadable: list[str]
    hash: str
    terms: str


def collection(folder: Path | None = None) -> Collection:
    """Reads ``folder``, or the drawings; raises ``PictureError`` where there are none."""
    if folder is None:
        corpora = corpora_folder()
        if corpora is None or not (corpora / DRAWINGS).is_dir():
            raise PictureError(f"KALLOS_CORPORA names no folder with {DRAWINGS}; give --data DIR")
        found, terms = read_folder(corpora / DRAWINGS), DRAWINGS_TERMS
    else:
        found, terms = read_folder(folder), "your own"
    series = series_of(found.pictures)
    return Collection(found.pictures, series, parts_of(series), found.unreadable, data_hash(found.pictures), terms)


def data_hash(pictures: list[Picture]) -> str:
    """Digest of paths and pixels, whatever their order."""
    digests = sorted(hashlib.sha256(p.path.encode() + p.pixels.tobytes()).hexdigest() for p in pictures)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]

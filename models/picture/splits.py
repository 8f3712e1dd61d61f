"""Which pictures are trained on: a stable hash, with series and near-duplicates whole on one side.

A series are the pictures of one folder whose names begin with the same word ("jigsaw red 08", "jigsaw blue 02").
Near-duplicates are pictures whose thumbnails hardly differ, wherever they lie.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from models.picture.reading import Picture

PARTS = ("train", "validation", "test")
THUMBNAIL = 16
ALIKE = 0.985  # correlation of two thumbnails from which on they are near-duplicates
BLOCK = 512


def series_of(pictures: Sequence[Picture]) -> list[str]:
    """The name of the series of each picture: the first path of all that hang together."""
    first: dict[str, int] = {}
    pairs = []
    for index, picture in enumerate(pictures):
        path = PurePosixPath(picture.path)
        word = re.match(r"[^\W\d_]{3,}", path.stem.lower())
        key = f"{path.parent}/{word.group() if word else path.stem}"
        pairs.append((first.setdefault(key, index), index))
    pairs += near_duplicates(pictures)
    one, two = np.array(pairs).T
    count = len(pictures)
    _, found = connected_components(coo_matrix((np.ones(len(one)), (one, two)), shape=(count, count)), directed=False)
    names: dict[int, str] = {}
    for label, picture in zip(found, pictures, strict=True):
        names[int(label)] = min(names.get(int(label), picture.path), picture.path)
    return [names[int(label)] for label in found]


def near_duplicates(pictures: Sequence[Picture]) -> list[tuple[int, int]]:
    """Pairs of pictures whose thumbnails correlate above ``ALIKE``."""
    small = np.stack([_thumbnail(picture) for picture in pictures])
    found = []
    for begin in range(0, len(small), BLOCK):
        alike = small[begin : begin + BLOCK] @ small.T
        for one, two in zip(*np.nonzero(alike > ALIKE), strict=True):
            if begin + one < two:
                found.append((int(begin + one), int(two)))
    return found


def part_of(series: str) -> str:
    """A tenth is for validation and a tenth for test, by a hash of the series' name."""
    share = int.from_bytes(hashlib.sha256(series.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def parts_of(series: Sequence[str]) -> dict[str, list[int]]:
    """Indices of the pictures of each part, by the series of each."""
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for index, name in enumerate(series):
        parts[part_of(name)].append(index)
    return parts


def _thumbnail(picture: Picture) -> npt.NDArray[np.float32]:
    small = Image.fromarray(picture.pixels).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float32).ravel()
    values -= values.mean()
    values /= max(float(np.linalg.norm(values)), 1.0)
    return values

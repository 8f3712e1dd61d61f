"""The pictures to train and test on: a folder of one's own or those below ``KALLOS_CORPORA``, split and laid out.

Which are trained on is a stable hash, with series and near-duplicates whole on one side. A series are the pictures of
one folder whose names begin with the same word ("jigsaw red 08", "jigsaw blue 02"), but for the word with which a
camera or a program numbers all that it saves ("IMG_0001"). Near-duplicates are pictures whose thumbnails hardly differ,
wherever they lie.

Pictures are laid out on a grid so that alike ones are neighbours and none covers another. Their latents on the two main
axes say where they would lie; an assignment to the places of a grid with the least squared distance to that moves each
as little as may be (after "Grid layouts", Fried et al. 2015).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import rankdata

from models.music.corpora import corpora_folder
from models.picture.reading import FILMS, Picture, PictureError, read_folder

Floats = npt.NDArray[np.float64]
PARTS = ("train", "validation", "test")
THUMBNAIL = 16
ALIKE = 0.985  # correlation of two thumbnails from which on they are near-duplicates
BLOCK = 512
NUMBERED = re.compile(  # what cameras, phones and programs save
    r"(img|image|dsc|dscn|dscf|pxl|mvimg|dji|gopr|photo|picture|pic|scan|screenshot|untitled)([\W_]*\d|[\W_]+from\b)"
)
DRAWINGS = "pictures"
DRAWINGS_TERMS = "public domain (Open Clip Art Library 0.18)"


def on_grid(latents: Floats, columns: int) -> Floats:
    """Places ``(pictures, 2)`` in 0 to 1, x to the right and y upwards, of ``latents`` ``(pictures, dims)``.

    Places are the middles of a grid of so many ``columns``. The same latents give the same places. Raises
    ``ValueError`` for fewer than two pictures or no column.
    """
    if len(latents) < 2 or columns < 1:
        raise ValueError(
            f"{len(latents)} pictures in {columns} columns were given; two pictures and a column are needed"
        )
    off = latents - latents.mean(0)
    _, _, axes = np.linalg.svd(off, full_matrices=False)
    main = off @ (axes[:2] * np.sign(axes[:2].sum(1, keepdims=True))).T
    wished = np.column_stack([rankdata(each) for each in main.T]) / len(latents)  # as evenly spread as the grid is
    rows = -(-len(latents) // columns)
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    grid = np.column_stack([x.ravel(), y.ravel()])
    cost = ((wished[:, None] - grid[None]) ** 2).sum(-1)
    _, chosen = linear_sum_assignment(cost)
    found: Floats = grid[chosen]
    return found


def series_of(pictures: Sequence[Picture]) -> list[str]:
    """The name of the series of each picture: the first path of all that hang together."""
    first: dict[str, int] = {}
    pairs = []
    for index, picture in enumerate(pictures):
        path = PurePosixPath(picture.path)
        stem = path.stem.lower()
        word = None if NUMBERED.match(stem) else re.match(r"[^\W\d_]{3,}", stem)
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


def halves(pictures: Sequence[Picture]) -> tuple[list[int], list[int]]:
    """Indices of two halves that share no series; all frames of a film are one series.

    The largest series is dealt first, each to the half with fewer pictures. Raises ``PictureError`` for one series.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(series_of([_of_whole_film(each) for each in pictures])):
        rows.setdefault(name, []).append(row)
    if len(rows) < 2:
        raise PictureError(
            f"{len(pictures)} pictures of one series are too few series; whole series, or films, are dealt into two "
            "halves: add pictures of another"
        )
    dealt: tuple[list[int], list[int]] = [], []
    for some in sorted(rows.values(), key=len, reverse=True):
        min(dealt, key=len).extend(some)
    return sorted(dealt[0]), sorted(dealt[1])


def _of_whole_film(picture: Picture) -> Picture:
    """A film's frame with the path that it would have if the film were one shot."""
    film = next((each for each in PurePosixPath(picture.path).parents if each.suffix.lower() in FILMS), None)
    return picture if film is None else replace(picture, path=f"{film}/frame")


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

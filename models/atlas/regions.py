"""Where points of a map lie close together, and what each such region is called.

Regions are the hills of a smoothed density (mode seeking: Fukunaga & Hostetler 1975): each point belongs to the peak
that lies uphill of it. A region is named by the labels that are commoner in it than elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.atlas.projection import FloatArray, IntArray

CELL = 0.05  # of the mean radius, which is 1
SMOOTH_CELLS = 2.0
SHORE_CELLS = 2  # points whose cells, each grown by so many, do not meet are on different islands
MOST_CELLS = 400  # a side; an outlier does not make the grid larger
LEAST_SHARE = 1 / 60  # of all points, for a region that is named
LEAST_ISLAND = 1 / 200
LEAST_POINTS = 5
MOST_REGIONS = 16

COMMON = 0.4  # share of a region's points that a label needs to name it
TYPICAL = 1.15  # times as common as on the whole map
ADDED = 1.25  # times as common as among all that bear the first label
WORD_SHARE, WORD_LIFT, WORD_COUNT = 0.12, 4.0, 5
WORD = re.compile(r"[^\W\d_]{3,}")
SMALL_WORDS = frozenset(("the", "and", "for", "with", "from", "his", "her", "our", "your", "its", "out", "off", "not"))


@dataclass(frozen=True)
class Box:
    """A rectangle of a map and how many points it is drawn around."""

    left: float
    right: float
    low: float
    high: float
    size: int


@dataclass(frozen=True)
class Region:
    """A named region: its densest place, and the box of nearly all of its points."""

    name: str
    x: float
    y: float
    box: Box


@dataclass(frozen=True)
class Terrain:
    """``regions``, the largest first, and ``islands``: boxes of what hangs together, the largest first."""

    regions: list[Region]
    islands: list[Box]


def terrain(places: FloatArray, colours: Mapping[str, Sequence[str]], titles: Sequence[str]) -> Terrain:
    """The regions and islands of points at ``places`` ``(n, 2)``, named by their labels in ``colours``.

    ``titles``: a text for each point whose words may name a region, "" for none.
    """
    peak, island, spots = _hills(places)
    total = len(places)
    islands = [rows for rows in _groups(island) if len(rows) >= max(LEAST_POINTS, LEAST_ISLAND * total)]
    named = [rows for rows in _groups(peak) if len(rows) >= max(LEAST_POINTS, LEAST_SHARE * total)]
    inhabited = set(island[np.concatenate(named)].tolist()) if named else set()
    named += [rows for rows in islands if int(island[rows[0]]) not in inhabited]
    named = sorted(named, key=len, reverse=True)[:MOST_REGIONS]
    regions = []
    for rows in named:
        peaks, counts = np.unique(peak[rows], return_counts=True)
        x, y = spots[int(peaks[np.argmax(counts)])]
        regions.append(Region(name(rows, colours, titles), x, y, _box(places[rows])))
    return Terrain(regions, [_box(places[rows]) for rows in islands])


def name(rows: IntArray, colours: Mapping[str, Sequence[str]], titles: Sequence[str] = ()) -> str:
    """What the points ``rows`` have in common that the others have less: one or two labels, or a word of their titles.

    Where nothing sets them apart it is the commonest label.
    """
    inside = np.zeros(_count(colours), dtype=bool)
    inside[rows] = True
    labels = {colour: np.asarray(each, dtype=np.str_) for colour, each in colours.items()}
    everything = np.ones(len(inside), dtype=bool)
    first = _most_typical(labels, inside, everything, TYPICAL)
    word = _word(rows, titles)
    if first is None:
        return word or _commonest(labels, inside)
    colour, label = first
    bear = labels[colour] == label
    others = {each: values for each, values in labels.items() if each != colour}
    second = _most_typical(others, inside & bear, bear, ADDED)
    return ", ".join(filter(None, [label, word or (second[1] if second else "")]))


def _hills(places: FloatArray) -> tuple[IntArray, IntArray, dict[int, tuple[float, float]]]:
    """For each point the peak uphill of it and its island; and where each peak is."""
    from scipy.ndimage import binary_dilation, gaussian_filter, label  # noqa: PLC0415 (a moment to import)

    middle = np.median(places, axis=0)
    reach = CELL * MOST_CELLS / 2
    near = np.clip(places - middle, -reach, reach)
    corner = near.min(0) - 4 * SMOOTH_CELLS * CELL
    cells = ((near - corner) / CELL).astype(np.int64)
    shape = tuple((cells.max(0) + 1 + int(4 * SMOOTH_CELLS)).tolist())
    counts = np.zeros(shape)
    np.add.at(counts, (cells[:, 0], cells[:, 1]), 1.0)
    density = gaussian_filter(counts, SMOOTH_CELLS, mode="constant")
    islands, _ = label(binary_dilation(counts > 0, iterations=SHORE_CELLS))
    uphill = _uphill(density).ravel()
    while not np.array_equal(uphill, uphill[uphill]):
        uphill = uphill[uphill]
    peak = uphill[np.ravel_multi_index((cells[:, 0], cells[:, 1]), shape)]
    spots = {}
    for each in np.unique(peak).tolist():
        where = np.array(np.unravel_index(each, shape))
        x, y = (corner + (where + 0.5) * CELL + middle).tolist()
        spots[each] = (round(x, 4), round(y, 4))
    return peak, islands[cells[:, 0], cells[:, 1]].astype(np.int64), spots


def _uphill(density: npt.NDArray[np.float64]) -> IntArray:
    """The flat number of the highest cell among each cell and its eight neighbours."""
    high, wide = density.shape
    framed = np.pad(density, 1, constant_values=-1.0)
    number = np.pad(np.arange(high * wide).reshape(high, wide), 1)
    steps = [(row, column) for row in range(3) for column in range(3)]
    steps.sort(key=lambda step: step != (1, 1))  # of equals the cell itself
    around = np.stack([framed[row : row + high, column : column + wide] for row, column in steps])
    numbers = np.stack([number[row : row + high, column : column + wide] for row, column in steps])
    best: IntArray = np.take_along_axis(numbers, around.argmax(0)[None], axis=0)[0]
    return best


def _groups(numbers: IntArray) -> list[IntArray]:
    """Rows of equal numbers, the largest group first."""
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    return sorted(np.split(order, starts), key=len, reverse=True)


def _box(places: FloatArray) -> Box:
    low, high = np.percentile(places.astype(np.float64), [1, 99], axis=0).round(4).tolist()
    return Box(low[0], high[0], low[1], high[1], len(places))


def _count(colours: Mapping[str, Sequence[str]]) -> int:
    return len(next(iter(colours.values()), ()))


def _most_typical(
    labels: Mapping[str, npt.NDArray[np.str_]],
    inside: npt.NDArray[np.bool_],
    among: npt.NDArray[np.bool_],
    least: float,
) -> tuple[str, str] | None:
    """The colouring and label that says most about ``inside`` compared with ``among``."""
    best, most = None, 0.0
    for colour, values in labels.items():
        there, counts = np.unique(values[inside], return_counts=True)
        for label, count in zip(there.tolist(), counts.tolist(), strict=True):
            share = count / max(1, int(inside.sum()))
            usual = float((values[among] == label).mean())
            if label and share >= COMMON and share >= least * usual and share * np.log(share / usual) > most:
                best, most = (colour, label), share * np.log(share / usual)
    return best


def _commonest(labels: Mapping[str, npt.NDArray[np.str_]], inside: npt.NDArray[np.bool_]) -> str:
    counted = Counter(label for values in labels.values() for label in values[inside].tolist() if label)
    return counted.most_common(1)[0][0] if counted else ""


def _word(rows: IntArray, titles: Sequence[str]) -> str:
    """The word that the titles of these points share and others hardly have, in quotation marks."""
    if not any(titles):
        return ""
    everywhere = Counter(word for title in titles for word in _words(title))
    here = Counter(word for row in rows.tolist() for word in _words(titles[row]))
    told, of_all = sum(bool(titles[row]) for row in rows.tolist()), sum(map(bool, titles))
    if not told:
        return ""
    fits = [
        (count / told * np.log(count / told / (everywhere[word] / of_all)), word)
        for word, count in here.items()
        if count >= WORD_COUNT and count / told >= WORD_SHARE and count / told >= WORD_LIFT * everywhere[word] / of_all
    ]
    return f"“{max(fits)[1]}”" if fits else ""


def _words(title: str) -> set[str]:
    return set(WORD.findall(title.casefold())) - SMALL_WORDS

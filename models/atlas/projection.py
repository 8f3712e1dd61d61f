"""From vectors to a plane: the space of styles, nearest neighbours, UMAP, new points placed without moving any.

The space in which clips are mapped is that of mean style latents, every style group counting the same. Nearest
neighbours are exact and the same on every run: every later step of a map starts from them.

UMAP (McInnes, Healy & Melville 2018, umap-learn) gives the same picture for the same seed. A new point is placed as
UMAP's own transform begins: at the mean of its neighbours' places, weighted by the strength of its membership (their
section 3.1); the optimisation that follows there, which moves it a little, is left out (``python -m
models.evaluate.atlas`` compares).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.music.corpora import Tell, silent
from models.style.latents import GROUPS, STYLE_GROUPS

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

LEAST_SD = 0.05  # of a latent dimension's scale: below it nothing is told

ROWS_AT_ONCE = 512
SPARE = 8  # candidates beyond k: products of float32 order near ties wrongly, differences don't

NEIGHBOURS = 15
MIN_DIST = 0.1
LEAST_POINTS = NEIGHBOURS + 2
SEARCH_STEPS = 64


def style_vectors(summaries: npt.ArrayLike, sizes: Mapping[str, int], among: npt.ArrayLike | None = None) -> FloatArray:
    """Vectors float32 ``(n, sum of style sizes)`` of summaries ``(n, D)`` (``models.taste.readouts.summary``).

    ``sizes``: dimensions of each latent group. Every dimension is divided by its standard deviation ``among`` the
    summaries of the map (these themselves by default) and every group by the root of its size; content is left out.
    """
    rows = np.atleast_2d(np.asarray(summaries, dtype=np.float64))
    base = rows if among is None else np.asarray(among, dtype=np.float64)
    ends = np.cumsum([0, *(sizes[name] for name in GROUPS)])
    parts = []
    for name, (start, end) in zip(GROUPS, pairwise(ends), strict=True):
        if name in STYLE_GROUPS:
            own = base[:, start:end]
            scale = np.maximum(own.std(0), LEAST_SD) * np.sqrt(end - start)
            parts.append((rows[:, start:end] - own.mean(0)) / scale)
    vectors: FloatArray = np.concatenate(parts, axis=1).astype(np.float32)
    return vectors


@dataclass(frozen=True)
class Neighbours:
    """``index`` int64 ``(queries, k)`` and Euclidean ``distance`` float32 ``(queries, k)``, nearest first."""

    index: IntArray
    distance: FloatArray


def nearest(vectors: FloatArray, k: int, queries: FloatArray | None = None, tell: Tell = silent) -> Neighbours:
    """The ``k`` nearest of ``vectors`` ``(n, d)`` to each query ``(q, d)``; of equal ones that of the lower index.

    Without ``queries`` every vector asks for its neighbours and is none of its own. Raises ``ValueError`` where there
    are fewer than ``k`` others.
    """
    own = queries is None
    asked = vectors if queries is None else queries
    there = len(vectors) - own
    if not 1 <= k <= there:
        raise ValueError(f"{k} neighbours were asked for; there are {there} other points")
    middle = vectors.mean(0, dtype=np.float64)  # far from the origin float32 would tell near points apart wrongly
    centred = (vectors - middle).astype(np.float32)
    squares = (centred**2).sum(1)
    index = np.empty((len(asked), k), dtype=np.int64)
    distance = np.empty((len(asked), k), dtype=np.float32)
    kept = min(len(vectors), k + own + SPARE)
    for start in range(0, len(asked), ROWS_AT_ONCE):
        tell(start / len(asked))
        rows = slice(start, min(start + ROWS_AT_ONCE, len(asked)))
        part = asked[rows]
        rough = squares[None, :] - 2 * ((part - middle).astype(np.float32) @ centred.T)
        if own:
            rough[np.arange(len(part)), np.arange(rows.start, rows.stop)] = np.inf
        candidates = np.sort(np.argpartition(rough, kept - 1, axis=1)[:, :kept], axis=1)
        exact = np.linalg.norm(vectors[candidates].astype(np.float64) - part[:, None], axis=2)
        if own:
            exact[candidates == np.arange(rows.start, rows.stop)[:, None]] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        index[rows] = np.take_along_axis(candidates, order, axis=1)
        distance[rows] = np.take_along_axis(exact, order, axis=1)
    return Neighbours(index, distance)


@contextmanager
def expected_warnings_of_umap() -> Iterator[None]:
    """Silences what UMAP says of things done on purpose, by their words; any other warning is heard."""
    with warnings.catch_warnings():
        # no tensorflow, one thread because of the seed, neighbours without an index
        for told in ("Tensorflow not installed", "n_jobs value .* overridden", r"precomputed_knn\[2\]"):
            warnings.filterwarnings("ignore", told)
        yield


class _Epochs(io.TextIOBase):
    """What UMAP's own progress bar writes to: tells how many epochs are over, as a share of all."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def write(self, text: str) -> int:
        done, _, total = text.strip().partition("/")
        if total:
            self._tell(int(done) / int(total))
        return len(text)


def project(vectors: FloatArray, seed: int, neighbours: Neighbours | None = None, tell: Tell = silent) -> FloatArray:
    """Places float32 ``(n, 2)`` of ``vectors`` ``(n, d)``, centred, with a mean radius of 1.

    ``neighbours``: at least ``NEIGHBOURS`` of each, where they are known. Raises ``ValueError`` on too few points.
    """
    if len(vectors) < LEAST_POINTS:
        raise ValueError(f"{len(vectors)} points are too few for a map; at least {LEAST_POINTS} are needed")
    known = neighbours or nearest(vectors, NEIGHBOURS)
    itself = np.arange(len(vectors), dtype=np.int64)[:, None]
    index = np.hstack([itself, known.index[:, : NEIGHBOURS - 1]])  # UMAP counts a point among its neighbours
    distance = np.hstack([np.zeros_like(itself, dtype=np.float32), known.distance[:, : NEIGHBOURS - 1]])
    with expected_warnings_of_umap():
        from umap import UMAP  # noqa: PLC0415 (numba: seconds)

        reducer = UMAP(
            n_neighbors=NEIGHBOURS,
            min_dist=MIN_DIST,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(index, distance, None),
            tqdm_kwds={"disable": False, "file": _Epochs(tell), "bar_format": "{n_fmt}/{total_fmt}"},
        )
        places = np.asarray(reducer.fit_transform(vectors), dtype=np.float64)
    places -= places.mean(0)
    scaled: FloatArray = (places / np.linalg.norm(places, axis=1).mean()).astype(np.float32)
    return scaled


def place(new: FloatArray, vectors: FloatArray, places: FloatArray) -> FloatArray:
    """Places ``(q, 2)`` of ``new`` vectors ``(q, d)`` on the map of ``vectors`` ``(n, d)`` at ``places`` ``(n, 2)``."""
    if len(new) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    found = nearest(vectors, min(NEIGHBOURS, len(vectors)), new)
    weight = membership(found.distance)
    weight /= weight.sum(1, keepdims=True)
    placed: FloatArray = np.einsum("qk,qkd->qd", weight, places[found.index]).astype(np.float32)
    return placed


def membership(distances: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """UMAP's membership strengths of neighbours at ``distances`` ``(q, k)``, nearest first.

    ``exp(-(d - d_1) / sigma)`` with ``sigma`` such that they sum to ``log2(k)``; where that can't be (all equally far),
    they are equal.
    """
    beyond = np.asarray(distances, dtype=np.float64)
    beyond = beyond - beyond[:, :1]
    target = np.log2(beyond.shape[1])
    scale = np.maximum(beyond.mean(1, keepdims=True), 1e-12)
    low, high = np.full_like(scale, -40.0), np.full_like(scale, 40.0)  # log sigma / scale
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        above = np.exp(-beyond / (scale * np.exp(middle))).sum(1, keepdims=True) > target
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    strengths: npt.NDArray[np.float64] = np.exp(-beyond / (scale * np.exp((low + high) / 2)))
    return strengths

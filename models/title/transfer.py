"""Pairs of linear towers that start from what was learned elsewhere: a writer of music, vectors of words.

A tune is a row of values, counted here (``melody_encoders.shares``) or learned by the piece model (``written``), and so
is a title: weighted strings of letters, or ``title_encoders.sentence_vectors``. The writer has heard melodies of all
collections, and neither it nor the vectors have seen which title belongs to which tune.

Every pair is in closed form, as ``two_tower.fit_linear`` has it: whitened principal components of the tunes' values,
and a ridge regression to them from those of the titles (Hoerl & Kennard 1970). So pairs differ in what they start from
and in nothing else. What a pair is free to choose, it chooses by MRR on validation tunes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, issparse
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge

from models.metrics.retrieval import MEASURES, ranked
from models.music.tokens import BAR, DURATIONS, TokenArray
from models.title.melody_encoders import FLOOR, METER_LENGTHS, METER_TOKENS, padded, shares
from models.title.tunes import FIELDS, LOWEST_PITCH, Pool, Tune

Floats = npt.NDArray[np.float64]
Rows = Floats | csr_matrix

COMPONENTS = (10, 20, 40)
PENALTIES = (1.0, 5.0, 20.0)
MOST = 96  # notes that the writer reads of a tune


@dataclass(frozen=True)
class Values:
    """Tables of values by their names, one row a tune in ``melodies`` and one row a title in ``titles``."""

    melodies: Mapping[str, Floats]
    titles: Mapping[str, Rows]

    def pairs(self, owners: Sequence[int]) -> Values:
        """The same with one row a title in both, where ``owners`` ``(titles,)`` are the rows of their tunes."""
        return Values({name: rows[owners] for name, rows in self.melodies.items()}, self.titles)


@dataclass(frozen=True)
class Setting:
    """The tables that a pair starts from, how many components it has and its ridge penalty."""

    melody: str
    title: str
    components: int
    penalty: float


class Components:
    """Whitened principal components of ``rows``, the largest first."""

    def __init__(self, rows: Floats) -> None:
        self.mean, self.scale = rows.mean(0), rows.std(0) + FLOOR
        most = min(max(COMPONENTS), *rows.shape)
        self.pca = PCA(most, whiten=True, svd_solver="covariance_eigh").fit((rows - self.mean) / self.scale)

    def of(self, rows: Floats) -> Floats:
        """``(rows, values)`` → ``(rows, components)``."""
        found: Floats = self.pca.transform((rows - self.mean) / self.scale)
        return found


class Pairs:
    """One pair of towers for each ``Setting``, all fitted to the same ``values``, whose rows are pairs."""

    def __init__(self, values: Values) -> None:
        self.titles = values.titles
        self.components = {name: Components(rows) for name, rows in values.melodies.items()}
        parts = {name: found.of(values.melodies[name]) for name, found in self.components.items()}
        ends = np.cumsum([0, *(part.shape[1] for part in parts.values())]).tolist()
        self.columns = {name: slice(*edges) for name, edges in zip(parts, itertools.pairwise(ends), strict=True)}
        wanted = np.concatenate([*parts.values()], axis=1)
        self.regressions: dict[tuple[str, float], KernelRidge] = {}
        for name, rows in self.titles.items():
            alike = _products(rows, rows)
            for penalty in PENALTIES:
                self.regressions[name, penalty] = KernelRidge(alpha=penalty, kernel="precomputed").fit(alike, wanted)

    def scores(self, setting: Setting, values: Values) -> Floats:
        """Cosines ``(titles, tunes)`` of what titles foretell and what tunes have."""
        alike = _products(values.titles[setting.title], self.titles[setting.title])
        foretold = self.regressions[setting.title, setting.penalty].predict(alike)
        foretold = foretold[:, self.columns[setting.melody]][:, : setting.components]
        there = self.components[setting.melody].of(values.melodies[setting.melody])[:, : setting.components]
        return unit(foretold) @ unit(there).T

    def best(self, melodies: Sequence[str], titles: Sequence[str], values: Values, pool: Pool) -> tuple[Setting, float]:
        """Of the settings with one of these tables on each side, that of the greatest MRR in ``pool``, and its MRR."""
        tried = itertools.product(melodies, titles, COMPONENTS, PENALTIES)
        found = {setting: _mrr(self.scores(setting, values), pool) for setting in itertools.starmap(Setting, tried)}
        best = max(found, key=lambda setting: found[setting])
        return best, found[best]


def counted(tunes: Sequence[Tune]) -> Floats:
    """Shares of notes of each tune, with those of how strains end: ``(tunes, values)``."""
    notes = padded([tune.notes for tune in tunes])
    return shares(notes, (notes >= 0).any(-1), cadences=True).double().numpy()


def summary(states: torch.Tensor) -> Floats:
    """Means and standard deviations of states ``(steps, dim)`` of a tune: ``(2 dim,)``."""
    found: Floats = torch.cat([states.mean(0), states.std(0, correction=0)]).double().numpy()
    return found


def tokens_of(tune: Tune) -> TokenArray:
    """The first ``MOST`` notes of a tune as the piece model reads them, with a step for each bar, ``(steps, 7)``.

    Nobody knows their tempo and loudness (-1).
    """
    notes = tune.notes[:MOST].astype(np.int64)
    meter, place, pitch, duration = (notes[:, FIELDS.index(n)] for n in ("meter", "position", "pitch", "duration"))
    length = METER_LENGTHS[meter[0]]
    position = np.minimum(np.round(place * length / 24), length - 1)
    steps = np.maximum(1, np.round(2 ** (duration / 2) / 48 * length))
    nearest = np.abs(DURATIONS - steps[:, None]).argmin(1)
    begins = np.flatnonzero(np.append(True, np.diff(place) <= 0))  # a bar begins where positions fall back
    unknown = np.full(len(notes), -1)
    rows = np.stack([position, pitch + LOWEST_PITCH, nearest, *[unknown] * 4], axis=1)
    bar = (BAR, -1, -1, -1, -1, METER_TOKENS[meter[0]], length)
    return np.insert(rows, begins, bar, axis=0).astype(np.int16)


def alike_in_length(tokens: Sequence[TokenArray], at_once: int = 32) -> Iterator[list[int]]:
    """Indices of ``tokens`` in batches of like length, the shortest first."""
    order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
    for begin in range(0, len(order), at_once):
        yield order[begin : begin + at_once]


def _mrr(scores: Floats, pool: Pool) -> float:
    """The mean of both directions."""
    found = [ranked(scores, pool.right, 0), ranked(scores.T, pool.right.T, 0)]
    return float(np.mean([MEASURES["mrr"](each, np.arange(len(each))) for each in found]))


def _products(first: Rows, second: Rows) -> Floats:
    """Inner products of all rows of two tables, dense."""
    found = first @ second.T
    return np.asarray(found.todense() if issparse(found) else found)


def unit(vectors: Floats) -> Floats:
    """Each row of ``(n, dim)`` at length 1; one of zeros stays."""
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)

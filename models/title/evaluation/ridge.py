"""The plain way to connect titles and tunes, which the towers have to beat: ridge regression between two bags.

Titles are tf-idf weighted strings of 2 to 5 letters, tunes the principal components (whitened) of how often they have
each interval, degree, place, duration and so on. A title is asked which components it expects; tunes are ranked by the
cosine with what they have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from models.title.titles import spelled
from models.title.tunes import FIELD_SIZES, FIELDS, LONGEST, Tune

COMPONENTS = 20
PENALTY = 5.0
PAIR = ("position", "duration")
Floats = npt.NDArray[np.float64]


class RidgeBaseline:
    """Fitted on ``tunes``, every title of theirs a pair."""

    def __init__(self, tunes: Sequence[Tune]) -> None:
        pairs = [(title, tune) for tune in tunes for title in tune.titles]
        rows = np.array([occurrences(tune) for _, tune in pairs])
        self.mean, self.scale = rows.mean(0), rows.std(0) + 0.02
        components = min(COMPONENTS, *rows.shape)
        self.pca = PCA(components, whiten=True, svd_solver="full").fit((rows - self.mean) / self.scale)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=min(3, len(pairs)))
        self.regression = make_pipeline(letters, Ridge(alpha=PENALTY))
        self.regression.fit([spelled(title) for title, _ in pairs], self.melodies([tune for _, tune in pairs]))

    def melodies(self, tunes: Sequence[Tune]) -> Floats:
        """Whitened components ``(tunes, components)``."""
        rows = np.array([occurrences(tune) for tune in tunes])
        found: Floats = self.pca.transform((rows - self.mean) / self.scale)
        return found

    def scores(self, titles: Sequence[str], tunes: Sequence[Tune]) -> Floats:
        """Cosines ``(titles, tunes)``."""
        asked = self.regression.predict([spelled(title) for title in titles])
        return _unit(asked) @ _unit(self.melodies(tunes)).T


def occurrences(tune: Tune) -> Floats:
    """Square roots of the shares of every value of every field, and of place with duration; and two lengths."""
    notes = tune.notes.astype(np.int64)
    column = {name: notes[:, index] + 1 for index, name in enumerate(FIELDS)}
    counts = [np.bincount(column[name], minlength=FIELD_SIZES[name] + 1) for name in FIELDS if name != "bar"]
    first, second = PAIR
    width = FIELD_SIZES[second] + 1
    counts.append(np.bincount(column[first] * width + column[second], minlength=width * (FIELD_SIZES[first] + 1)))
    lengths = [column["bar"].max() / FIELD_SIZES["bar"], len(notes) / LONGEST]
    return np.concatenate([np.sqrt(np.concatenate(counts) / len(notes)), lengths])


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)

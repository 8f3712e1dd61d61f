"""Can a picture's category be read from its latents? By logistic regression, beside principal components of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.picture.evaluation.material import Components, Some

STRENGTH = 0.02  # inverse of the ridge penalty, chosen on validation pictures
FOLDS = 5
Words = npt.NDArray[np.str_]


def categories(report: Report, held: Some, fit: Some | None, components: Components | None) -> None:
    """``picture.latents.category``: the share read right; chance: always the most common one. Null without categories.

    The probe is fitted on training pictures, ``fit``; without those on the other folds of the held-out ones.
    """
    known = [name is not None for name in held.category]
    if not all(known) or len(set(held.category)) < 2 or (fit is None and len(set(held.series)) < FOLDS):
        report.add("picture.latents.category", Metric(None))
        return
    wanted = np.array(held.category, dtype=str)
    ours = _read(held.latents, held, fit.latents if fit else None, fit)
    beside, other = None, None
    if components is not None:
        other = _read(components.encode(held.pixels), held, components.encode(fit.pixels) if fit else None, fit)
        beside = float((other == wanted).mean())
    learned = np.array(fit.category, dtype=str) if fit else wanted
    names, counts = np.unique(learned, return_counts=True)
    chance = float((wanted == names[counts.argmax()]).mean())
    report.add("picture.latents.category", mean_over_songs(held.series, ours == wanted, baseline=beside, chance=chance))
    report.add(
        "picture.latents.category.balanced",
        over_songs(
            held.series, lambda rows: _balanced(ours[rows], wanted[rows]), draws=200, chance=1 / len(names),
            baseline=None if other is None else _balanced(other, wanted),
        ),
    )  # fmt: skip


def _balanced(said: Words, wanted: Words) -> float:
    """The share read right of each category, its mean over those there are."""
    return float(np.mean([(said[wanted == name] == name).mean() for name in np.unique(wanted)]))


def _read(
    latents: npt.NDArray[np.floating], held: Some, known: npt.NDArray[np.floating] | None, fit: Some | None
) -> Words:
    """What the probe says of each held-out picture."""
    wanted = np.array(held.category, dtype=str)
    if fit is not None and known is not None:
        return np.asarray(probe().fit(known, np.array(fit.category, dtype=str)).predict(latents), dtype=str)
    said = wanted.copy()
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(latents, wanted, held.series):
        said[test] = probe().fit(latents[train], wanted[train]).predict(latents[test])
    return said


def probe() -> LogisticRegression:
    """The classifier, not fitted yet."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))

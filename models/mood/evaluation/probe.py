"""Where in the latents mood lies: a linear probe reads it from each group of held-out clips, song by song."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.report import Metric, Report, mean_over_songs
from models.mood.checkpoint import MoodBundle
from models.style.compose import Composer
from models.style.evaluation.clips import Clips
from models.style.latents import GROUPS, Latents

FOLDS = 5
STRENGTH = 0.1  # of the probe's fit beside its penalty: there are few clips

Floats = npt.NDArray[np.float64]


def probe(report: Report, bundle: MoodBundle, composer: Composer, clips: Clips) -> None:
    """Adds ``mood.probe.GROUP.{valence,arousal}``: how often a logistic regression says which half a clip is in.

    The halves are those above and below the median of what both judges say. It reads the mean and the spread over bars
    of a group's latents, and has learned from other songs.
    """
    said = bundle.judge(clips.pieces)
    latents = [composer.encode(piece) for piece in clips.pieces]
    songs = np.array(clips.songs)
    few = len(set(clips.songs)) < FOLDS
    for group in GROUPS:
        heard = np.stack([_of_group(each, group) for each in latents])
        for name, values in (("valence", said.valence), ("arousal", said.arousal)):
            high = values > np.median(values)
            if few or high.all() or not high.any():
                report.add(f"mood.probe.{group}.{name}", Metric(None, chance=0.5))
                continue
            reading = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
            found = cross_val_predict(reading, heard, high, groups=songs, cv=GroupKFold(FOLDS))
            report.add(f"mood.probe.{group}.{name}", mean_over_songs(clips.songs, found == high, chance=0.5))


def _of_group(latents: Latents, group: str) -> Floats:
    own = np.asarray(latents.groups[group], dtype=np.float64)
    return np.concatenate([own.mean(0), own.std(0)])

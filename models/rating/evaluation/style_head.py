"""For piano: the taste head's features of the notes, as a rival that has never heard a sound.

A ridge regression on features scaled by the head's prior is what a head is that learns from p (its weights are normal
with that variance); how noisy p is, the penalty, is chosen by leaving one track out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeCV

from models.experiments.dataset import neutral
from models.music.midi import read_midi
from models.music.notes import MusicError
from models.style.compose import Composer
from models.taste.space import TasteSpace, summary

Floats = npt.NDArray[np.float64]
PENALTIES = np.logspace(-1, 4, 16)


def style_features(composer: Composer, notes: Sequence[Path | None]) -> Floats | None:
    """The head's features ``(tracks, features)`` of MIDI files, scaled by its prior; None where a track has no notes.

    None as well where the style model has no taste space.
    """
    path = composer.bundle.taste_space_path
    if path is None or not all(notes):
        return None
    space = TasteSpace.load(path, composer.version)
    try:
        pieces = [neutral(read_midi(each)) for each in notes if each is not None]
        found = [space.features(summary(composer.encode(each)))[0] for each in pieces]
    except MusicError:
        return None
    return np.asarray(np.array(found) * np.sqrt(space.prior_variance), dtype=np.float64)


def head(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """See the module; a ``Fit`` of ``rivals.crossfitted``."""
    del seed
    model = RidgeCV(PENALTIES).fit(x, p, sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)

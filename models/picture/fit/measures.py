"""What is measured of music and of a still picture where one is to fit the other, in usual deviations.

The first four sides of the music stand in the order of the four readouts that the annotated tie links them with
(``models.picture.tie.annotated``). Tempo goes with motion there, which a still picture has none of.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain

Floats = npt.NDArray[np.float64]

SEEN = ("brightness", "warmth", "busyness", "size")  # the readouts of ``models.picture.readouts`` but motion
HEARD: Mapping[str, str] = {  # what the tie calls it → the attribute that measures it in a clip
    "register": "mean_pitch",
    "mode": "mode",
    "density": "onsets_per_bar",
    "loudness": "mean_velocity",
    "tempo": "tempo_bpm",
}
# Mean and standard deviation of each side in 300 real excerpts of eight bars of each kind, tempo as log2 of quarters a
# minute; dance tunes and chorales are written without dynamics, and chorales in one tempo: there the deviation is pop's
USUAL_MUSIC: Mapping[Domain, Floats] = {
    "pop": np.array([[62.5, 0.07, 7.0, 63.6, 6.82], [4.3, 0.19, 2.6, 4.8, 0.38]]),
    "dance": np.array([[72.2, 0.14, 6.6, 70.8, 7.32], [3.1, 0.17, 1.5, 4.8, 0.33]]),
    "chorale": np.array([[61.0, 0.04, 6.0, 72.7, 6.24], [1.6, 0.19, 1.4, 4.8, 0.38]]),
}
MOST = 3.0  # standard deviations


def of_music(attributes: Mapping[str, float], domain: Domain) -> Floats:
    """``attributes`` of a clip, as ``models.metrics.music_statistics`` measures them, standardised: ``(5,)``."""
    values = np.array([attributes[name] for name in HEARD.values()])
    values[-1] = np.log2(max(values[-1], 1.0))
    mean, deviation = USUAL_MUSIC[domain]
    found: Floats = np.clip((values - mean) / deviation, -MOST, MOST)
    return found


def of_pictures(readouts: npt.ArrayLike, usual: npt.ArrayLike) -> Floats:
    """Four ``readouts`` of each picture ``(pictures, 4)`` in deviations of ``usual`` ``(2, 4)``, mean and deviation."""
    mean, deviation = np.asarray(usual, dtype=np.float64)
    found: Floats = np.clip((np.atleast_2d(np.asarray(readouts)) - mean) / deviation, -MOST, MOST)
    return found

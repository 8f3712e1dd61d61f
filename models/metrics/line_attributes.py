"""Four attributes of one-bar lines, after AR-VAE (Pati & Lerch, "Attribute-based regularization of latent spaces").

Rhythmic complexity is the sum of weights of the places where notes start (Toussaint 2002), as a share of all weights.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.lines import FIRST_PITCH, STEPS

ATTRIBUTES = ("rhythmic_complexity", "pitch_range", "note_density", "contour")
WEIGHTS = np.array([0.2, 1, 0.5, 1, 0.67, 1, 0.5, 1, 0.25, 1, 0.5, 1, 0.67, 1, 0.5, 1])


def line_attributes(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Attributes of bars of tokens ``(bars, 16)``: float64 ``(bars, 4)``, columns as in ``ATTRIBUTES``.

    Pitch range is highest less lowest, contour last less first pitch that starts in the bar, in semitones (0 where none
    does); note density is the share of steps at which a note starts.
    """
    starts = tokens >= FIRST_PITCH
    pitch = tokens - FIRST_PITCH
    some = starts.any(1)
    rows = np.arange(len(tokens))
    first = pitch[rows, starts.argmax(1)]
    last = pitch[rows, STEPS - 1 - starts[:, ::-1].argmax(1)]
    spread = np.where(starts, pitch, -1).max(1) - np.where(starts, pitch, 128).min(1)
    return np.stack(
        [
            starts @ WEIGHTS / WEIGHTS.sum(),
            np.where(some, spread, 0),
            starts.mean(1),
            np.where(some, last - first, 0),
        ],
        axis=1,
    ).astype(np.float64)

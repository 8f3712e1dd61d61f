"""What the two judges hear of a clip: statistics of its notes, and histograms. In seconds: bars may mean nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.metrics.music_statistics import note_statistics
from models.mood.variants import as_heard
from models.music.keys import key_fits
from models.music.notes import Piece

Floats = npt.NDArray[np.float64]
Features = Callable[[Piece], Floats]

OF_BARS = {"onsets_per_bar", "tempo_bpm", "bar_similarity", "first_onset", "contour"}
HAND_MADE = ("onsets_per_second", "mode", "mean_pitch", "pitch_sd", "mean_velocity")
LONGEST_S = 1.5  # of a note, as far as it counts for the key
STEP_S, WITHIN_S = 0.5, 0.25
GAPS = (-9.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, 0.0, 9.0)  # edges in octaves of a second
HEIGHTS = (0, 36, 43, 50, 57, 64, 71, 78, 85, 128)  # edges in MIDI pitches
QUANTILES = (0.1, 0.5, 0.9)


def named_statistics(piece: Piece) -> dict[str, float]:
    """Statistics that need no bars by name; raises ``ValueError`` without a note."""
    found = note_statistics(as_heard(piece))
    return {name: value for name, value in found.items() if name not in OF_BARS}


def statistics(piece: Piece) -> Floats:
    """What the first judge hears: 45 statistics, in the order of ``named_statistics``."""
    return np.array(list(named_statistics(piece).values()))


def hand_made(piece: Piece) -> Floats:
    """Density of onsets, mode, register, spread of pitch and loudness ``(5,)``."""
    found = named_statistics(piece)
    return np.array([found[name] for name in HAND_MADE])


def histograms(piece: Piece) -> Floats:
    """What the second judge hears: pitch classes above the tonic and its bass, gaps, heights, loudness, lengths (61).

    Raises ``ValueError`` without a note.
    """
    heard = as_heard(piece)
    if len(heard.notes) == 0:
        raise ValueError("the clip has no notes; at least one is needed")
    pitch = heard.notes[:, 2]
    onset, end = heard.seconds_at(heard.notes[:, 0]), heard.seconds_at(heard.notes[:, 0] + heard.notes[:, 1])
    chroma = np.bincount(pitch % 12, np.minimum(end - onset, LONGEST_S), minlength=12)
    fits = key_fits(chroma)
    major, minor = float(fits[:12].max()), float(fits[12:].max())
    tonic = int(fits[:12].argmax()) if major >= minor else int(fits[12:].argmax())
    relative = tonic if major >= minor else (tonic + 3) % 12  # the major key with the same notes
    gaps = np.log2(np.maximum(np.diff(np.unique(onset)), 0.02))
    shares = chroma / chroma.sum()
    bass = _bass(onset, end, pitch)
    return np.concatenate(
        [
            [major - minor, float(major >= minor)],
            np.roll(shares, -tonic), np.roll(shares, -relative), np.roll(bass, -relative),
            np.histogram(gaps, GAPS)[0] / max(len(gaps), 1),
            np.histogram(pitch, HEIGHTS)[0] / len(pitch),
            np.quantile(heard.notes[:, 3], QUANTILES),
            np.quantile(np.log(end - onset), QUANTILES),
        ]
    )  # fmt: skip


def _bass(onset: Floats, end: Floats, pitch: npt.NDArray[np.int32]) -> Floats:
    """How often each pitch class is the lowest that sounds ``(12,)``, every half second."""
    found = np.zeros(12)
    for start in np.arange(0, end.max(), STEP_S):
        sounding = (onset <= start + WITHIN_S) & (end > start)
        if sounding.any():
            found[pitch[sounding].min() % 12] += 1
    shares: Floats = found / max(float(found.sum()), 1.0)
    return shares


FEATURES: dict[str, Features] = {"first": statistics, "second": histograms}

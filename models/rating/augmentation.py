"""The same music a little louder, higher or faster, or through a duller microphone, in the log-mel picture.

A phase vocoder's stretch of magnitudes is interpolation along time (Flanagan & Golden 1966), and another pitch moves
each mel band to the band of its frequency: both are done where the picture is, so every step sees new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .mel_bands import MELS, band_centres_hz, mel_of_hz
from .spectrogram import DARK

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """The most of each: decibels, semitones, share of the tempo; and how often the upper bands are cut off."""

    gain_db: float = 4.0
    semitones: float = 2.0
    stretch: float = 0.15
    dull: float = 0.1


def gain(picture: Picture, decibels: float) -> Picture:
    """Louder or softer; nothing falls below the floor."""
    return np.asarray(np.maximum(picture + decibels * np.log(10) / 10, DARK), dtype=np.float32)


def pitch_shift(picture: Picture, semitones: float) -> Picture:
    """``(MELS, frames)`` of the same music at another pitch; what comes from above the highest band is silent."""
    centres = band_centres_hz()
    bands = mel_of_hz(centres)
    place = np.interp(mel_of_hz(centres / 2 ** (semitones / 12)), bands, np.arange(MELS), right=np.nan, left=0.0)
    known = np.isfinite(place)
    low = np.clip(np.floor(np.nan_to_num(place)).astype(int), 0, MELS - 2)
    share = (np.nan_to_num(place) - low).astype(np.float32)[:, None]
    moved = picture[low] * (1 - share) + picture[low + 1] * share
    moved[~known] = DARK
    return np.asarray(moved, dtype=np.float32)


def time_stretch(picture: Picture, frames: int, start: float, speed: float) -> Picture:
    """``frames`` frames from ``start`` on, ``speed`` times as fast."""
    place = np.clip(start + speed * np.arange(frames), 0, picture.shape[1] - 1)
    low = np.minimum(place.astype(int), max(picture.shape[1] - 2, 0))
    share = (place - low).astype(np.float32)
    high = np.minimum(low + 1, picture.shape[1] - 1)
    return np.asarray(picture[:, low] * (1 - share) + picture[:, high] * share, dtype=np.float32)


def dulled(picture: Picture, bands: int) -> Picture:
    """As through a telephone: nothing in the bands from ``bands`` on."""
    found = picture.copy()
    found[bands:] = DARK
    return found


def drawn(picture: Picture, frames: int, most: Augmentation, rng: np.random.Generator) -> Picture:
    """A random excerpt ``(MELS, at most frames)`` of ``picture``, changed by at most ``most``."""
    speed = float(np.exp(rng.uniform(-1, 1) * np.log1p(most.stretch)))
    frames = min(frames, max(1, int((picture.shape[1] - 1) / speed)))
    start = rng.uniform(0, max(picture.shape[1] - 1 - speed * (frames - 1), 0))
    found = time_stretch(picture, frames, start, speed)
    if most.semitones:
        found = pitch_shift(found, rng.uniform(-1, 1) * most.semitones)
    if rng.random() < most.dull:
        found = dulled(found, int(rng.integers(MELS // 2, MELS)))
    return gain(found, rng.uniform(-1, 1) * most.gain_db) if most.gain_db else found

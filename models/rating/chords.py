"""Chords that stand alone and die away, as somebody strikes them who tries out an instrument."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.notes import TICKS_PER_QUARTER, Piece
from models.music.render import SAMPLE_RATE_HZ as PIANO_RATE_HZ
from models.music.render import render

from .mel_bands import SAMPLE_RATE_HZ
from .sound import checked
from .spectrogram import log_mel

Samples = npt.NDArray[np.float32]
Picture = npt.NDArray[np.float32]

STRINGS = 40
STEPS = (0, 3, 4, 7, 10, 12, 15, 16, 19, 24)  # semitones above the lowest note
WHOLE = 4 * TICKS_PER_QUARTER


def lone_chords(played: int) -> list[Picture]:
    """Pictures ``(MELS, frames)`` of ``STRINGS`` made-up chords, and of ``played`` on the shipped piano."""
    rng = np.random.default_rng(29)
    sounds = [strings(rng) for _ in range(STRINGS)] + [_piano(rng) for _ in range(played)]
    return [log_mel(each) for each in sounds]


def strings(rng: np.random.Generator) -> Samples:
    """Partials that are a little sharp (Fletcher 1964) and die away, the higher the sooner."""
    time = np.arange(round(rng.uniform(1.5, 8.0) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    stiff, falling = rng.uniform(0, 8e-4), rng.uniform(0.8, 2.0)
    slowest, sooner = rng.uniform(0.3, 1.5), rng.uniform(0.05, 0.6)
    partials = int(rng.integers(4, 16))
    sound = np.zeros(len(time))
    for pitch in _pitches(rng):
        base = 440 * 2 ** ((pitch - 69) / 12)
        for k in range(1, partials):
            if (sharp := base * k * np.sqrt(1 + stiff * k * k)) < SAMPLE_RATE_HZ / 2:
                sound += (
                    np.sin(2 * np.pi * sharp * time + rng.uniform(0, 6)) * np.exp(-time * (slowest + sooner * k))
                ) / k**falling
    return checked(0.2 * sound / np.abs(sound).max(), SAMPLE_RATE_HZ).samples


def _piano(rng: np.random.Generator) -> Samples:
    held = int(4 * WHOLE * rng.uniform(0.3, 1))
    notes = np.array([(0, held, pitch, int(rng.integers(50, 110))) for pitch in _pitches(rng)])
    piece = Piece(notes, np.array([(0, 8 * WHOLE, 4, 4)]), np.array([120.0]))
    return checked(render(piece, float(rng.uniform(1.5, 8.0))).mean(axis=1), PIANO_RATE_HZ).samples


def _pitches(rng: np.random.Generator) -> list[int]:
    lowest = int(rng.integers(36, 73))
    return sorted(lowest + int(each) for each in rng.choice(STEPS, int(rng.integers(1, 6)), replace=False))

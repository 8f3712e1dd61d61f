"""Sounds that are made for training: noises, chords that stand alone, and what Kallos itself plays.

Noises are no music: the network learns to rate them at nothing, and the evaluation asks it about others. Outlier
exposure (Hendrycks, Mazeika & Dietterich 2019): an ensemble that has seen some noise knows other noise too. Lone chords
die away, as somebody strikes them who tries out an instrument. Real pieces on the shipped piano are there so that
Kallos' clips are not unlike anything heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from models.music import corpora
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.music.render import SAMPLE_RATE_HZ as PIANO_RATE_HZ
from models.music.render import render
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.sound import checked, log_mel

Samples = npt.NDArray[np.float32]
Picture = npt.NDArray[np.float32]

STRINGS = 40
STEPS = (0, 3, 4, 7, 10, 12, 15, 16, 19, 24)  # semitones above the lowest note
WHOLE = 4 * TICKS_PER_QUARTER

CORPORA = ("bachChorales", "oneills1850")
EACH, SECONDS = 20, 20.0  # pieces of each collection, and how long each of them plays


def coloured(seconds: float, rng: np.random.Generator, exponent: float = 0.0) -> Samples:
    """Noise whose power falls with frequency to the ``exponent``: 0 white, 1 pink, 2 brown."""
    count = round(seconds * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ), 20.0) ** (exponent / 2)
    return _full(np.fft.irfft(spectrum, count))


def band_noise(seconds: float, rng: np.random.Generator) -> Samples:
    """Noise in a band of one to four octaves."""
    low = float(rng.uniform(60, 3000))
    high = min(low * 2 ** rng.uniform(1, 4), SAMPLE_RATE_HZ / 2 * 0.95)
    sections = butter(4, [low, high], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return _full(sosfilt(sections, rng.standard_normal(round(seconds * SAMPLE_RATE_HZ))))


def scrape(seconds: float, rng: np.random.Generator) -> Samples:
    """Metal on metal: harsh resonances that slide, over noise that sticks and slips some thirty times a second."""
    count = round(seconds * SAMPLE_RATE_HZ)
    time = np.arange(count) / SAMPLE_RATE_HZ
    slip = np.clip(np.sin(2 * np.pi * rng.uniform(20, 45) * time + np.cumsum(rng.standard_normal(count)) / 200), 0, 1)
    sound = rng.standard_normal(count) * slip
    for base in rng.uniform(900, 6000, 5):
        slide = base * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.1, 0.8) * time + rng.uniform(0, 6)))
        sound += 0.6 * slip * np.sign(np.sin(2 * np.pi * np.cumsum(slide) / SAMPLE_RATE_HZ))
    return _full(sound)


def clicks(seconds: float, rng: np.random.Generator) -> Samples:
    """A scratched record without a record."""
    sound = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    at = rng.integers(0, len(sound), max(3, int(rng.uniform(2, 60) * seconds)))
    sound[at] = rng.standard_normal(len(at))
    return _full(sosfilt(butter(2, 7000, fs=SAMPLE_RATE_HZ, output="sos"), sound))


def hum(seconds: float, rng: np.random.Generator) -> Samples:
    """A machine's steady hum: odd harmonics and a little noise."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    base = rng.uniform(45, 130)
    sound = sum(np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5, 7, 9))
    return _full(sound + rng.uniform(0.01, 0.3) * rng.standard_normal(len(time)))


def gated(seconds: float, rng: np.random.Generator) -> Samples:
    """White noise in a beat."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    beat = np.exp(-((time * rng.uniform(1, 8)) % 1) * rng.uniform(2, 12))
    return _full(coloured(seconds, rng, float(rng.uniform(0, 1.5))) * beat)


def _full(sound: npt.ArrayLike) -> Samples:
    x = np.asarray(sound, dtype=np.float64)
    return np.asarray(0.5 * x / max(float(np.abs(x).max()), 1e-9), dtype=np.float32)


Noise = Callable[[float, np.random.Generator], Samples]


LEARNED: Mapping[str, Noise] = {
    "white": lambda seconds, rng: coloured(seconds, rng, 0.0),
    "coloured": lambda seconds, rng: coloured(seconds, rng, float(rng.uniform(0.3, 2.5))),
    "band": band_noise,
    "clicks": clicks,
    "hum": hum,
}


UNSEEN: Mapping[str, Noise] = {"scrape": scrape, "gated": gated}  # asked about, never learned from


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


def piano_pictures(each: int | None = None) -> list[npt.NDArray[np.float32]]:
    """Pictures ``(MELS, frames)`` of the first pieces, ``EACH`` or ``each``, of two collections that music21 ships."""
    count = EACH if each is None else each
    there = corpora.registry()
    pictures = []
    for name in CORPORA:
        pieces = corpora.load(name, limit=count) if count and there[name].available else []
        for piece in pieces:
            try:
                audio = render(piece, SECONDS)
            except MusicError:
                continue
            pictures.append(log_mel(checked(audio.mean(axis=1), PIANO_RATE_HZ).samples))
    return pictures

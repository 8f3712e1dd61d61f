"""Sounds that are no music: what the network learns to rate at nothing, and the evaluation asks it about.

Outlier exposure (Hendrycks, Mazeika & Dietterich 2019): an ensemble that has seen some noise knows other noise too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from .mel_bands import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.float32]


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

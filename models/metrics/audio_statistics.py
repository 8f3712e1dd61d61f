"""Statistics of a recording for taste heads: timbre, loudness, brightness, pulse and harmony, each a number.

Mel-frequency cepstra after Davis & Mermelstein (1980), spectral shape and flux after Tzanetakis & Cook (2002), pulse
from the autocorrelation of the onset strength. Everything is computed in mono at 22,050 Hz.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.fft import dct
from scipy.signal import resample_poly, stft
from scipy.stats import kurtosis, skew

from models.music.decoding import decode

Floats = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 22_050
WINDOW, HOP = 1024, 512
MELS, CEPSTRA = 40, 20
LONGEST_S = 120.0
FRAME_S = HOP / SAMPLE_RATE_HZ
PULSE = ("onset_mean", "onset_sd", "onset_skew", "onsets_per_second", "tempo", "pulse", "beat")


def read_audio(path: Path) -> Floats:
    """Mono samples ``(samples,)`` at ``SAMPLE_RATE_HZ``, two minutes at most; raises ``ValueError`` for no sound."""
    with path.open("rb") as file:
        decoded = decode(file, path.name, most_s=LONGEST_S)
    rate, samples = decoded.rate_hz, decoded.samples.astype(np.float64)
    if len(samples) < rate // 2 or not np.isfinite(samples).all() or np.abs(samples).max() < 1e-6:
        raise ValueError(f"{path.name} holds no sound; at least half a second that is not silent is needed")
    divisor = int(np.gcd(rate, SAMPLE_RATE_HZ))
    resampled: Floats = resample_poly(samples, SAMPLE_RATE_HZ // divisor, rate // divisor)
    return resampled


def audio_statistics(samples: npt.ArrayLike) -> dict[str, float]:
    """Named statistics of mono ``samples`` ``(samples,)`` at ``SAMPLE_RATE_HZ``; loudness is taken out of timbre."""
    x = np.asarray(samples, dtype=np.float64)
    x = x / max(float(np.sqrt((x**2).mean())), 1e-9)
    _, _, spectrum = stft(x, SAMPLE_RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP, padded=False)
    power: Floats = np.abs(spectrum.T).astype(np.float64) ** 2
    mel = np.log(power @ mel_filters().T + 1e-8)
    cepstra = dct(mel, type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    found: dict[str, float] = {}
    for index in range(CEPSTRA):
        column = cepstra[:, index]
        found[f"mfcc_{index}_mean"] = float(column.mean())
        found[f"mfcc_{index}_sd"] = float(column.std())
        found[f"mfcc_{index}_change"] = float(np.diff(column).std())
    for index in range(0, MELS, 4):
        band = mel[:, index : index + 4].mean(axis=1)
        found[f"mel_{index}_skew"] = _moment(skew, band)
        found[f"mel_{index}_kurtosis"] = _moment(kurtosis, band)
    return found | _shape(power) | _pulse(mel) | _harmony(x)


def mel_filters() -> Floats:
    """Triangular mel filters ``(MELS, WINDOW // 2 + 1)`` of equal area between 30 Hz and half the sample rate."""
    edges = np.linspace(_to_mel(30.0), _to_mel(SAMPLE_RATE_HZ / 2), MELS + 2)
    hz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    rising = (bins - hz[:-2, None]) / (hz[1:-1] - hz[:-2])[:, None]
    falling = (hz[2:, None] - bins) / (hz[2:] - hz[1:-1])[:, None]
    filters: Floats = np.maximum(np.minimum(rising, falling), 0) * (2 / (hz[2:] - hz[:-2]))[:, None]
    return filters


def _to_mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _moment(moment: Callable[[Floats], float], values: Floats) -> float:
    """Skew or kurtosis; 0, that of a symmetric or normal distribution, where nothing varies and neither is defined."""
    return float(moment(values)) if values.std() > 1e-9 else 0.0


def _shape(power: Floats) -> dict[str, float]:
    """Loudness, centroid, bandwidth, roll-off, flatness and flux over frames: mean and SD of each."""
    total = power.sum(axis=1)
    live = total > 1e-6 * total.max()
    share = power[live] / total[live, None]
    hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    centroid = share @ hz
    bandwidth = np.sqrt(np.maximum(share @ hz**2 - centroid**2, 0))
    rolloff = hz[(share.cumsum(axis=1) < 0.85).sum(axis=1).clip(max=len(hz) - 1)]
    flatness = np.log(power[live] + 1e-10).mean(axis=1) - np.log(power[live].mean(axis=1) + 1e-10)
    flux = np.maximum(np.diff(np.sqrt(share), axis=0), 0).sum(axis=1) if len(share) > 1 else np.zeros(1)
    loudness = np.log(total[live])
    columns = {
        "loudness": loudness,
        "centroid": np.log(centroid + 1),
        "bandwidth": np.log(bandwidth + 1),
        "rolloff": np.log(rolloff + 1),
        "flatness": flatness,
        "flux": flux,
    }
    found = {"silent_share": float(1 - live.mean())}
    for name, values in columns.items():
        if name != "loudness":
            found[f"{name}_mean"] = float(values.mean())
        found[f"{name}_sd"] = float(values.std())
    found["loudness_skew"] = _moment(skew, loudness)
    found["loudness_range"] = float(np.subtract(*np.quantile(loudness, [0.95, 0.1])))
    return found


def _pulse(mel: Floats) -> dict[str, float]:
    """Onset strength, tempo and how clear the pulse is, from the autocorrelation between 40 and 240 beats a minute."""
    strength = np.maximum(np.diff(mel, axis=0), 0).mean(axis=1)
    if len(strength) < 8 or strength.std() < 1e-9:
        return dict.fromkeys(PULSE, 0.0)
    centred = strength - strength.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    auto = np.fft.irfft(spectrum)[: len(centred)]
    auto = auto / auto[0]
    first, last = int(60 / 240 / FRAME_S), min(int(60 / 40 / FRAME_S), len(auto) - 1)
    lags = np.arange(first, last + 1)
    best = int(lags[np.argmax(auto[lags])]) if len(lags) else 1
    peak = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    peak &= strength[1:-1] > strength.mean() + strength.std()
    return {
        "onset_mean": float(strength.mean()),
        "onset_sd": float(strength.std()),
        "onset_skew": float(skew(strength)),
        "onsets_per_second": float(peak.sum() / (len(strength) * FRAME_S)),
        "tempo": float(np.log(60 / (best * FRAME_S))),
        "pulse": float(auto[best]),
        "beat": float(auto[lags].std()) if len(lags) else 0.0,
    }


def _harmony(x: Floats) -> dict[str, float]:
    """Chroma of a finer spectrum: how few pitch classes sound, and how fast they change."""
    size = 4096
    _, _, spectrum = stft(x, SAMPLE_RATE_HZ, nperseg=min(size, len(x)), noverlap=min(size, len(x)) // 2, padded=False)
    magnitude = np.abs(spectrum.T).astype(np.float64)
    hz = np.fft.rfftfreq(min(size, len(x)), 1 / SAMPLE_RATE_HZ)
    heard = (hz > 55) & (hz < 2000)
    pitch = np.round(12 * np.log2(hz[heard] / 440) + 69).astype(int) % 12
    chroma = np.zeros((len(magnitude), 12))
    np.add.at(chroma.T, pitch, magnitude[:, heard].T)
    share = chroma / np.maximum(chroma.sum(axis=1, keepdims=True), 1e-9)
    whole = np.sort(share.mean(axis=0))[::-1]
    unit = share / np.maximum(np.linalg.norm(share, axis=1, keepdims=True), 1e-9)
    second = max(1, round(SAMPLE_RATE_HZ / (size // 2)))
    found = {
        "chroma_entropy": float(-(share * np.log(share + 1e-9)).sum(axis=1).mean()),
        "chroma_entropy_whole": float(-(whole * np.log(whole + 1e-9)).sum()),
        "chroma_top": float(whole[:3].sum()),
        "chroma_change": float(1 - (unit[1:] * unit[:-1]).sum(axis=1).mean()) if len(unit) > 1 else 0.0,
    }
    for seconds in (1, 4):
        lag = seconds * second
        found[f"chroma_change_{seconds}s"] = (
            float(1 - (unit[lag:] * unit[:-lag]).sum(axis=1).mean()) if len(unit) > lag else 0.0
        )
    return found

"""Equal loudness for every clip: ITU-R BS.1770-4 loudness through pyloudnorm, true peak by four-fold oversampling.

Where a clip's peaks leave no room for the loudness asked for, a look-ahead limiter rounds off those few peaks, so that
loudness never tells two clips apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import resample_poly

SAMPLE_RATE_HZ = 44_100
TARGET_LUFS = -18.0
CEILING_DB = -1.8  # true peak before the codec, which may add some tenths; after it the peak stays under -1 dB
BLOCK_SECONDS = 0.4  # the meter's gating block: nothing shorter has a loudness
SILENCE_LUFS = -70.0  # the meter's absolute gate
RELATIVE_GATE = 10.0  # below the mean of what is above the absolute one
LOOK_AHEAD_SAMPLES = 221  # 5 ms
OVERSAMPLING = 4

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness in LUFS (−inf for silence) and true peak in dB of full scale."""

    lufs: float
    true_peak_db: float


def measure(audio: Audio) -> Loudness:
    """Loudness and true peak of ``(samples, channels)`` audio at 44,100 Hz; a clip under 0.4 s is measured repeated."""
    return Loudness(_lufs(audio), _decibels(float(_true_peaks(audio).max(initial=0.0))))


def normalise(audio: Audio) -> Audio:
    """``audio`` ``(samples, channels)`` at ``TARGET_LUFS`` with its true peak under −1.8 dB; silence stays as it is."""
    lufs = _lufs(audio)
    if lufs <= SILENCE_LUFS:
        return audio
    louder = audio * np.float32(10 ** ((TARGET_LUFS - lufs) / 20))
    limited = _limited(louder)
    if limited is louder:
        return louder
    lost_db = TARGET_LUFS - _lufs(limited)
    return _limited(limited * np.float32(10 ** (lost_db / 20)))


def normalise_parts(parts: Sequence[Audio]) -> None:
    """What ``normalise`` does to a whole, to its consecutive ``parts`` ``(samples, channels)`` in place.

    Peaks are rounded off within each part.
    """
    for _ in range(2):  # the second time for what the limiter took
        lufs = _lufs_of_parts(parts)
        if lufs <= SILENCE_LUFS:
            return
        gain = np.float32(10 ** ((TARGET_LUFS - lufs) / 20))
        for part in parts:
            part[:] = _limited(part * gain)


def _lufs_of_parts(parts: Sequence[Audio]) -> float:
    """Integrated loudness of what comes in parts: both gates over the blocks of all (BS.1770-4)."""
    blocks: list[float] = []
    for part in parts:
        if len(part) > BLOCK_SECONDS * SAMPLE_RATE_HZ and part.any():
            meter = pyloudnorm.Meter(SAMPLE_RATE_HZ, block_size=BLOCK_SECONDS)
            meter.integrated_loudness(part)
            blocks += meter.blockwise_loudness
    levels = np.array([each for each in blocks if each > SILENCE_LUFS])
    if len(levels) == 0:
        return -np.inf
    loud = levels[levels > _mean_level(levels) - RELATIVE_GATE]
    return _mean_level(loud)


def _mean_level(levels: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _lufs(audio: Audio) -> float:
    block = int(BLOCK_SECONDS * SAMPLE_RATE_HZ) + 1
    if len(audio) == 0 or not audio.any():
        return -np.inf
    if len(audio) < block:
        audio = np.tile(audio, (-(-block // len(audio)), 1))
    return float(_meter().integrated_loudness(audio))


@cache
def _meter() -> pyloudnorm.Meter:
    return pyloudnorm.Meter(SAMPLE_RATE_HZ, block_size=BLOCK_SECONDS)


def _limited(audio: Audio) -> Audio:
    """The same audio where it has room; else with a gain that dips 5 ms before a peak and comes back 5 ms after it."""
    ceiling = 10 ** (CEILING_DB / 20)
    peaks = _true_peaks(audio)
    if peaks.max(initial=0.0) <= ceiling:
        return audio
    gain = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    window = 2 * LOOK_AHEAD_SAMPLES + 1
    # The lowest gain within reach, then its mean over the same reach: never above the gain a peak needs.
    smooth = uniform_filter1d(minimum_filter1d(gain, window), LOOK_AHEAD_SAMPLES)
    limited: Audio = audio * smooth[:, None].astype(np.float32)
    return limited


def _true_peaks(audio: Audio) -> npt.NDArray[np.float64]:
    """Largest magnitude around each sample ``(samples,)``: between samples too, wherever that could matter.

    Only stretches within 9 dB of full scale are oversampled; between lower samples a band-limited piano stays lower.
    """
    peaks: npt.NDArray[np.float64] = np.abs(audio).max(axis=1, initial=0.0).astype(np.float64)
    for start, stop in _stretches(peaks > max(0.35, 0.7 * peaks.max(initial=0.0)), margin=64, samples=len(audio)):
        between = np.abs(resample_poly(audio[start:stop], OVERSAMPLING, 1, axis=0)).max(axis=1)
        each = between.reshape(stop - start, OVERSAMPLING).max(axis=1)
        peaks[start:stop] = np.maximum(peaks[start:stop], each)
    return peaks


def _stretches(loud: npt.NDArray[np.bool_], *, margin: int, samples: int) -> list[tuple[int, int]]:
    where = np.flatnonzero(loud)
    if len(where) == 0:
        return []
    breaks = np.flatnonzero(np.diff(where) > 2 * margin)
    starts = np.maximum(0, where[np.concatenate([[0], breaks + 1])] - margin)
    stops = np.minimum(samples, where[np.concatenate([breaks, [len(where) - 1]])] + margin + 1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf

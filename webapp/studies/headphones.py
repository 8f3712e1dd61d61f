"""A check for headphones: which of three tones is the quietest? Over loudspeakers the wrong one seems to be.

One of the tones is 6 dB quieter; another has its sides in antiphase, which loudspeakers in a room cancel and headphones
don't (Woods et al. 2017, Attention, Perception, & Psychophysics 79, 2064-2072).
"""

from __future__ import annotations

import hashlib
import io
import uuid

import numpy as np
import numpy.typing as npt
import soundfile

TRIALS, NEEDED, ATTEMPTS = 6, 5, 2
TONES = ("quiet", "antiphase", "loud")
SAMPLE_RATE_HZ = 44_100
FREQUENCY_HZ = 200.0
TONE_S, RAMP_S, PAUSE_S = 1.0, 0.1, 0.5
AMPLITUDE, QUIETER_DB = 0.3, -6.0


def order(participant_id: uuid.UUID, number: int) -> list[str]:
    """The order of the tones of check ``number``: always the same for one participant."""
    seed = int.from_bytes(hashlib.sha256(participant_id.bytes + number.to_bytes(4, "big")).digest()[:8], "big")
    return [TONES[each] for each in np.random.default_rng(seed).permutation(len(TONES))]


def is_right(participant_id: uuid.UUID, number: int, answer: int) -> bool:
    """Whether tone ``answer`` (1 to 3) is the quietest."""
    return order(participant_id, number)[answer - 1] == "quiet"


def passed(right: list[bool]) -> bool | None:
    """Whether so many answers pass; None until that is known. After a failed round there is a second one."""
    rounds = [right[begin : begin + TRIALS] for begin in range(0, len(right), TRIALS)]
    whole = [each for each in rounds if len(each) == TRIALS]
    if any(sum(each) >= NEEDED for each in whole):
        return True
    return False if len(whole) >= ATTEMPTS else None


def sound(participant_id: uuid.UUID, number: int) -> bytes:
    """The three tones, one after the other, as WAV with 16 bits."""
    pause = np.zeros((round(PAUSE_S * SAMPLE_RATE_HZ), 2))
    parts = [part for tone in order(participant_id, number) for part in (_tone(tone), pause)]
    file = io.BytesIO()
    soundfile.write(file, np.concatenate(parts[:-1]), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _tone(kind: str) -> npt.NDArray[np.float64]:
    """One tone, ``(samples, 2)``, with raised-cosine ramps."""
    time = np.arange(round(TONE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    ramp = np.clip(np.minimum(time, TONE_S - time) / RAMP_S, 0, 1)
    level = 10 ** (QUIETER_DB / 20) if kind == "quiet" else 1.0
    left = AMPLITUDE * level * (0.5 - 0.5 * np.cos(np.pi * ramp)) * np.sin(2 * np.pi * FREQUENCY_HZ * time)
    return np.stack([left, -left if kind == "antiphase" else left], axis=1)

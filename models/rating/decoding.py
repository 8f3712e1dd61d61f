"""A file's samples in mono, at its own rate; needs neither torch nor much memory, so strangers' files may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

LONGEST_S = 120.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 192_000
BLOCK = 65_536  # frames


class SoundError(ValueError):
    """This is no sound that can be rated; the message says what it is and what is needed."""


@dataclass(frozen=True)
class Decoded:
    """Mono float32 ``samples`` at ``rate_hz``, the first two minutes of ``seconds``."""

    samples: Samples
    rate_hz: int
    seconds: float


def decode(file: BinaryIO, name: str) -> Decoded:
    """The channels' mean; raises ``SoundError`` with one line."""
    try:
        with soundfile.SoundFile(file) as opened:
            rate = opened.samplerate
            if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
                raise SoundError(
                    f"{name} has {rate} samples a second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} can be read"
                )
            blocks = opened.blocks(BLOCK, frames=int(LONGEST_S * rate), dtype="float32", always_2d=True)
            found = [block.mean(axis=1) for block in blocks]
            length = opened.frames
    except (soundfile.LibsndfileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].strip().rstrip(".")
        raise SoundError(f"{name} is no audio ({why}); WAV, FLAC, Ogg, Opus or MP3 is needed") from None
    samples = np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
    return Decoded(samples, rate, max(length, len(samples)) / rate)

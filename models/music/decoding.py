"""A file's samples in mono, at its own rate; needs neither torch nor much memory, so strangers' files may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

LONGEST_S = 120.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 192_000
BLOCK = 65_536  # frames
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,aac,matroska,webm"  # of one file alone, which names no others
NEEDED = "WAV, FLAC, Ogg, Opus, MP3 or M4A"


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
        return _by_libsndfile(file, name)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].strip().rstrip(".")
    file.seek(0)
    try:
        return _by_ffmpeg(file, name)
    except SoundError:
        raise
    except (av.FFmpegError, OSError, ValueError, IndexError):
        raise SoundError(f"{name} is no audio ({why}); {NEEDED} is needed") from None


def _by_libsndfile(file: BinaryIO, name: str) -> Decoded:
    with soundfile.SoundFile(file) as opened:
        rate = _allowed(opened.samplerate, name)
        blocks = opened.blocks(BLOCK, frames=int(LONGEST_S * rate), dtype="float32", always_2d=True)
        samples = _joined([block.mean(axis=1) for block in blocks])
        return Decoded(samples, rate, max(opened.frames, len(samples)) / rate)


def _by_ffmpeg(file: BinaryIO, name: str) -> Decoded:
    """What libsndfile doesn't read: above all what phones record."""
    with av.open(file, "r", options={"format_whitelist": CONTAINERS}, metadata_errors="ignore") as container:
        stream = container.streams.audio[0]
        rate = _allowed(stream.rate or 0, name)
        mono, found, length = av.AudioResampler("flt", "mono", rate), list[Samples](), 0
        for frame in container.decode(stream):
            for part in mono.resample(frame):
                found.append(part.to_ndarray()[0])
                length += len(found[-1])
            if length >= LONGEST_S * rate:
                break
        seconds = (container.duration or 0) / av.time_base
    samples = _joined(found)[: int(LONGEST_S * rate)]
    return Decoded(samples, rate, max(seconds, len(samples) / rate))


def _allowed(rate: int, name: str) -> int:
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise SoundError(f"{name} has {rate} samples a second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} can be read")
    return rate


def _joined(parts: list[Samples]) -> Samples:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

"""A sound file's samples at its own rate, decoded to its end: what a file says of its length is not believed.

Through FFmpeg's decoders (PyAV), which read what phones, browsers and broadcasters write: MP3 without a header, chained
Ogg, streamed WAV, FLAC of unknown length. Needs neither torch nor much memory, so it may read untrusted files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

LONGEST_S = 120.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 192_000
# Containers of one file alone, which names no others
CONTAINERS = "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
NEEDED = "WAV, AIFF, FLAC, Ogg, Opus, MP3 or M4A"
CANCELS = 0.03  # of the channels' level: a mean that is quieter has lost what they play against each other


class SoundError(ValueError):
    """This is no sound that can be used; the message says what it is and what is needed."""


@dataclass(frozen=True)
class Decoded:
    """Float32 ``samples``, mono ``(n,)`` or ``(n, 2)``, at ``rate_hz``: the first part of ``seconds``."""

    samples: Samples
    rate_hz: int
    seconds: float


def decode(file: BinaryIO, name: str, *, most_s: float = LONGEST_S, stereo: bool = False) -> Decoded:
    """The first ``most_s`` seconds, more channels than two mixed down; raises ``SoundError`` with one line.

    Mono is the channels' mean, or the left one where they cancel out, as with one that is inverted.
    """
    try:
        with av.open(file, "r", options={"format_whitelist": CONTAINERS}, metadata_errors="ignore") as container:
            rate = _allowed(container.streams.audio[0].rate or 0, name)
            both, seconds = _beginning(container, rate, most_s)
    except SoundError:
        raise
    except (av.FFmpegError, OSError, ValueError, IndexError):
        raise SoundError(f"{name} is no audio; {NEEDED} is needed") from None
    return Decoded(both if stereo else _mono(both), rate, seconds)


def _allowed(rate: int, name: str) -> int:
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise SoundError(f"{name} has {rate} samples a second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} can be read")
    return rate


def _beginning(container: av.container.InputContainer, rate: int, most_s: float) -> tuple[Samples, float]:
    """The first seconds ``(n, 2)``, and how many there are in all: counted, or as the file says of a longer one."""
    parts, length = list[Samples](), 0
    for part in _parts(container, rate):
        parts.append(part)
        length += len(part)
        if length > most_s * rate:
            break
    said = (container.duration or 0) / av.time_base if length > most_s * rate else 0.0
    both = np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.float32)
    return both[: int(most_s * rate)], max(said, length / rate)


def _parts(container: av.container.InputContainer, rate: int) -> Iterator[Samples]:
    """The sound in pieces ``(n, 2)``; what can't be decoded is left out, what a file chains goes on at ``rate``."""
    stream = container.streams.audio[0]
    mixer = av.AudioResampler("fltp", "stereo", rate)
    form: tuple[object, ...] = ()
    packets = container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except av.EOFError:
            return
        except av.FFmpegError:
            continue
        for frame in frames:
            frame.pts = None
            if form not in {(), now := (frame.format.name, frame.layout.name, frame.sample_rate)}:
                mixer = av.AudioResampler("fltp", "stereo", rate)
            form = now
            for mixed in mixer.resample(frame):
                yield mixed.to_ndarray().T.astype(np.float32, copy=False)


def _mono(both: Samples) -> Samples:
    mean, left = both.mean(axis=1), both[:, 0]
    return left.copy() if np.dot(mean, mean) < CANCELS**2 * np.dot(left, left) else mean

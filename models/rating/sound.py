"""Reading a sound of any rate, length and channels, and saying in one line why one can't be used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import torch

from .signal_work import functional

Samples = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 22_050
SHORTEST_S, LONGEST_S = 1.0, 120.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 768_000
SILENCE = 1e-4  # of full scale, root mean square


class SoundError(ValueError):
    """This is no sound that can be rated; the message says what it is and what is needed."""


@dataclass(frozen=True)
class Sound:
    """Mono float32 ``samples`` at ``SAMPLE_RATE_HZ``, ``remarks`` on what was left out, a digest of the file."""

    samples: Samples
    remarks: tuple[str, ...] = ()
    digest: str = ""

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / SAMPLE_RATE_HZ


def read_sound(path: Path) -> Sound:
    """A file's first two minutes; raises ``SoundError`` with one line."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            file.seek(0)
            return _decoded(file, path.name, digest)
    except OSError as error:
        raise SoundError(f"{path.name} can't be opened ({error.strerror})") from None


def _decoded(file: BinaryIO, name: str, digest: str) -> Sound:
    try:
        with soundfile.SoundFile(file) as opened:
            rate, length = opened.samplerate, opened.frames
            if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
                raise SoundError(
                    f"{name} has {rate} samples a second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} can be read"
                )
            read = opened.read(int(LONGEST_S * rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].strip().rstrip(".")
        raise SoundError(f"{name} is no audio ({why}); WAV, FLAC, Ogg, Opus or MP3 is needed") from None
    sound = checked(read.mean(axis=1), rate, name)
    remarks = list(sound.remarks)
    if length > LONGEST_S * rate:
        remarks.append(f"{name} lasts {length / rate / 60:.0f} minutes; the first {LONGEST_S / 60:.0f} are heard")
    return Sound(sound.samples, tuple(remarks), digest)


def checked(samples: npt.ArrayLike, rate_hz: int, name: str = "the sound") -> Sound:
    """Mono ``samples`` ``(n,)`` at the network's rate and loudness; raises ``SoundError`` with one line."""
    x = np.asarray(samples, dtype=np.float32)
    if x.size == 0:
        raise SoundError(f"{name} is empty; at least {SHORTEST_S:g} second of sound is needed")
    if not np.isfinite(x).all():
        raise SoundError(f"{name} holds values that are no numbers; export it again")
    if len(x) < SHORTEST_S * rate_hz:
        raise SoundError(f"{name} lasts {len(x) / rate_hz:.2g} s; at least {SHORTEST_S:g} s is needed")
    x = x - x.mean()
    if float(np.sqrt(np.mean(x.astype(np.float64) ** 2))) < SILENCE:
        raise SoundError(f"{name} is silent; there is nothing to rate")
    remarks: tuple[str, ...] = ()
    if rate_hz < SAMPLE_RATE_HZ * 0.9:
        remarks = (f"{name} has {rate_hz} samples a second; nothing above {rate_hz // 2} Hz is in it",)
    if rate_hz != SAMPLE_RATE_HZ:
        x = functional.resample(torch.from_numpy(x), rate_hz, SAMPLE_RATE_HZ).numpy()
    return Sound(x, remarks)

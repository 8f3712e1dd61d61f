"""Reading a sound of any rate, length and channels, and the picture of it that the networks see.

Where a sound can't be used, one line says why. The picture is a log-mel spectrogram at one loudness, with a gradient.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.experiments.dataset import neutral
from models.music.decoding import LONGEST_S, Decoded, Samples, SoundError, decode
from models.music.midi import read_midi
from models.music.midi_file import SUFFIXES
from models.music.notes import MusicError
from models.music.performance import sounding_seconds
from models.music.render import SAMPLE_RATE_HZ as RENDERED_HZ
from models.music.render import render
from models.rating.mel_bands import MELS, SAMPLE_RATE_HZ
from models.rating.signal_work import functional, transforms

SHORTEST_S = 1.0
SILENCE = 1e-4  # of full scale, root mean square
EVEN_HZ = 50  # rates are taken as a multiple of it: resampling between rates without a common factor takes gigabytes

WINDOW, HOP = 512, 256
FRAMES_A_SECOND = SAMPLE_RATE_HZ / HOP
LOUDNESS = 0.1  # root mean square of what is seen
FLOOR = 1e-4
DARK = math.log(FLOOR)  # the value of a band in which nothing sounds


@dataclass(frozen=True)
class Sound:
    """Mono float32 ``samples`` at ``rate_hz``, ``remarks`` on what was left out, a digest of the file."""

    samples: Samples
    remarks: tuple[str, ...] = ()
    digest: str = ""
    rate_hz: int = SAMPLE_RATE_HZ

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / self.rate_hz


def read_sound(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> Sound:
    """A file's first two minutes, played by the shipped piano if it has notes; raises ``SoundError`` with one line."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            file.seek(0)
            decoded = _played(file.read(), path.name) if path.suffix.lower() in SUFFIXES else decode(file, path.name)
    except OSError as error:
        raise SoundError(f"{path.name} can't be opened ({error.strerror})") from None
    sound = checked(decoded.samples, decoded.rate_hz, path.name, wanted_hz=rate_hz)
    remarks = list(sound.remarks)
    if decoded.seconds > LONGEST_S + 1:
        minutes = decoded.seconds / 60
        remarks.append(f"{path.name} lasts {minutes:.0f} minutes; the first {LONGEST_S / 60:.0f} are heard")
    return Sound(sound.samples, tuple(remarks), digest, rate_hz)


def _played(midi: bytes, name: str) -> Decoded:
    """What the shipped piano makes of a MIDI file."""
    try:
        piece = neutral(read_midi(midi))
        seconds = sounding_seconds(piece)
        audio = render(piece, min(seconds, LONGEST_S))
    except MusicError as error:
        raise SoundError(f"{name} can't be played ({error})") from None
    return Decoded(audio.mean(axis=1), RENDERED_HZ, seconds)


def checked(samples: npt.ArrayLike, rate_hz: int, name: str = "the sound", *, wanted_hz: int = SAMPLE_RATE_HZ) -> Sound:
    """Mono ``samples`` ``(n,)`` at the rate that is wanted; raises ``SoundError`` with one line."""
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
    if rate_hz < wanted_hz * 0.9:
        remarks = (f"{name} has {rate_hz} samples a second; nothing above {rate_hz // 2} Hz is in it",)
    even = round(rate_hz / EVEN_HZ) * EVEN_HZ
    if even != wanted_hz:
        x = functional.resample(torch.from_numpy(x), even, wanted_hz).numpy()
    return Sound(x, remarks, rate_hz=wanted_hz)


class LogMel(nn.Module):
    """``(batch, samples)`` to natural-log mel power ``(batch, MELS, frames)``; how loud the sound is falls away."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = transforms.MelSpectrogram(
            SAMPLE_RATE_HZ, WINDOW, hop_length=HOP, n_mels=MELS, norm="slaney", mel_scale="slaney"
        )

    def forward(self, samples: Tensor) -> Tensor:
        """See the class."""
        level = samples.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-9)
        return torch.log(self.mel(samples * (LOUDNESS / level)) + FLOOR)


def log_mel(samples: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The picture ``(MELS, frames)`` of mono samples at ``SAMPLE_RATE_HZ``."""
    with torch.inference_mode():
        seen = LogMel()(torch.from_numpy(np.asarray(samples, dtype=np.float32))[None])[0]
    return np.asarray(seen.numpy())

"""What a dream is painted on: the picture itself, a decorrelated Fourier basis of it, or the waveform.

The basis is that of Olah, Mordvintsev & Schubert (Feature Visualization, Distill 2017), carried over: slow changes are
as easy to paint as fast ones, and bands move together as they do in music.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.rating.mel_bands import MELS, SAMPLE_RATE_HZ
from models.rating.spectrogram import DARK, FRAMES_A_SECOND, HOP, LogMel

Picture = npt.NDArray[np.float32]


class Real:
    """Real spectrograms: their mean ``(MELS, 1)``, how bands move together, and the level that they have."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        if not pictures:
            raise ValueError("a dream needs at least one real spectrogram beside it")
        self.pictures = [torch.from_numpy(np.ascontiguousarray(each)) for each in pictures]
        columns = torch.cat(self.pictures, dim=1)
        self.mean = columns.mean(1, keepdim=True)
        self.highest = float(columns.max())
        covariance = torch.cov(columns) + 0.05 * torch.eye(MELS)
        self.mixing = torch.linalg.cholesky(covariance)
        self.level = float(columns.mean())

    def levelled(self, picture: Tensor) -> Tensor:
        """At the level of real ones, nowhere below silence nor above the loudest there is.

        How loud it is must not be dreamt of. The mean of the logarithm counts, so a burst takes nothing from the rest.
        """
        even = picture - picture.mean() + self.level
        below = self.highest - nn.functional.softplus(self.highest - even, beta=1.0)
        above: Tensor = nn.functional.softplus(below - DARK, beta=4.0)
        return above.add(DARK)

    def excerpts(self, count: int, frames: int, generator: torch.Generator) -> Tensor:
        """Random excerpts ``(count, MELS, frames)``; a shorter recording goes round."""
        found = []
        for _ in range(count):
            picture = self.pictures[int(torch.randint(len(self.pictures), (1,), generator=generator))]
            start = int(torch.randint(max(picture.shape[1] - frames, 0) + 1, (1,), generator=generator))
            found.append(picture[:, (start + torch.arange(frames)) % picture.shape[1]])
        return torch.stack(found)


def noise_picture(seconds: float, generator: torch.Generator) -> Tensor:
    """The log-mel picture of white noise, where every dream begins."""
    samples = torch.randn(round(seconds * SAMPLE_RATE_HZ), generator=generator) * 0.1
    return torch.as_tensor(LogMel()(samples[None])[0])


class Pixels(nn.Module):
    """Every place of the picture by itself."""

    rate = 0.1

    def __init__(self, real: Real, seconds: float, generator: torch.Generator) -> None:
        super().__init__()
        self.real = real
        self.values = nn.Parameter(noise_picture(seconds, generator))

    def forward(self) -> Tensor:
        """The picture ``(MELS, frames)``."""
        return self.real.levelled(self.values)


class Fourier(nn.Module):
    """Frequencies in time, each as strong as it is slow, mixed over bands as in real music."""

    rate = 0.006

    def __init__(self, real: Real, seconds: float, generator: torch.Generator) -> None:
        super().__init__()
        self.real = real
        start = noise_picture(seconds, generator)
        self.frames = start.shape[1]
        frequency = torch.fft.rfftfreq(self.frames).clamp_min(1 / self.frames)
        self.strength = (1 / frequency)[None]
        apart = torch.linalg.solve_triangular(real.mixing, start - real.mean, upper=False)
        values = torch.fft.rfft(apart) / self.strength
        self.values = nn.Parameter(torch.view_as_real(values).contiguous())

    def forward(self) -> Tensor:
        """The picture ``(MELS, frames)``."""
        spectrum = torch.view_as_complex(self.values) * self.strength
        apart = torch.fft.irfft(spectrum, n=self.frames)
        return self.real.levelled(self.real.mean + self.real.mixing @ apart)


class Waveform(nn.Module):
    """The samples themselves, as a spectrum in which low frequencies are the easier to move."""

    rate = 0.02

    def __init__(self, real: Real, seconds: float, generator: torch.Generator) -> None:
        super().__init__()
        self.real = real
        self.count = int(seconds * FRAMES_A_SECOND) * HOP
        samples = torch.randn(self.count, generator=generator) * 0.1
        frequency = torch.fft.rfftfreq(self.count, 1 / SAMPLE_RATE_HZ).clamp_min(30.0)
        self.strength = (frequency / 1000) ** -0.5 * self.count**0.5
        self.values = nn.Parameter(torch.view_as_real(torch.fft.rfft(samples) / self.strength).contiguous())
        self.see = LogMel()

    def samples(self) -> Tensor:
        """What it sounds like, ``(samples,)``."""
        samples: Tensor = torch.fft.irfft(torch.view_as_complex(self.values) * self.strength, n=self.count)
        return samples

    def forward(self) -> Tensor:
        """The picture ``(MELS, frames)`` of the samples."""
        return self.real.levelled(torch.as_tensor(self.see(self.samples()[None])[0]))

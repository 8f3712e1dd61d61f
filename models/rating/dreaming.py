"""Music dreamt by the rating network: up the gradient of p from white noise, with and without a critic of realness.

A dream is painted on a surface: the picture itself, a decorrelated Fourier basis of it, or the waveform. The basis is
that of Olah, Mordvintsev & Schubert (Feature Visualization, Distill 2017), carried over: slow changes are as easy to
paint as fast ones, and bands move together as they do in music.

The critic of realness tells real spectrograms from the dream as it forms, and the dream has to persuade it too. It is a
small patch discriminator (Isola et al. 2017) with the hinge loss and spectral norms (Miyato et al. 2018); dreams of
earlier steps are shown again, so that what once gave a dream away stays known.

Each step leaves a trail of all that is needed to distrust it. The judge is a network of another architecture that no
dream ever climbs. Where p rises and the judge does not follow, the dream found a weakness of the network and not music:
the alarm says so. From a log-mel picture to sound: mel bands back to frequencies, then phases by Griffin & Lim (1984).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.music.decoding import Samples
from models.rating.mel_bands import MELS, SAMPLE_RATE_HZ
from models.rating.network import Ensemble
from models.rating.signal_work import transforms
from models.rating.sound import DARK, FLOOR, FRAMES_A_SECOND, HOP, LOUDNESS, WINDOW, LogMel

Picture = npt.NDArray[np.float32]

REMEMBERED = 64
ROWS = 6

MethodName = Literal["naive", "regularised", "critic", "both"]
Surface = Literal["picture", "waveform"]
COMPARED, FEWEST = 12, 4  # steps over which p and the judge are compared, and at the beginning at least
LESSONS = 2  # of the critic, a step
RISE = 0.05  # standard deviations of p: less is no rise
FOLLOWS = 0.1  # of p's rise, from which on the judge's counts: a naive dream's judge creeps up by hundredths

ROUNDS = 48
MULTIPLICATIVE = 60
EDGE = 220  # samples over which a part of a trail fades


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


class Critic(nn.Module):
    """``(batch, MELS, frames)`` to how real each patch looks, ``(batch,)`` on average."""

    def __init__(self, real: Real, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                spectral_norm(nn.Conv2d(1, 16, (5, 3), stride=2, padding=(2, 1))), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(16, 32, 3, stride=2, padding=1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(32, 32, 3, stride=2, padding=1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(32, 1, 3, padding=1)),
            )  # fmt: skip
        self.real, self.generator = real, torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.Adam(self.parameters(), 1e-3, betas=(0.0, 0.9))
        self.remembered: list[Tensor] = []
        self.spread = torch.cat(real.pictures, dim=1).std(1, keepdim=True).clamp_min(0.1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        found = self.layers(((pictures - self.real.mean) / self.spread)[:, None])
        return torch.as_tensor(found.mean((1, 2, 3)))

    def learn(self, dream: Tensor) -> float:
        """One step on real excerpts beside this dream ``(MELS, frames)`` and earlier ones; the loss."""
        self.remembered.append(dream.detach().clone())
        if len(self.remembered) > REMEMBERED:
            drop = int(torch.randint(REMEMBERED, (1,), generator=self.generator))
            self.remembered.pop(drop)
        chosen = torch.randint(len(self.remembered), (ROWS - 1,), generator=self.generator).tolist()
        dreams = torch.stack([dream.detach(), *(self.remembered[each] for each in chosen)])
        real = self.real.excerpts(ROWS, dream.shape[1], self.generator)
        self.optimiser.zero_grad()
        loss = nn.functional.relu(1 - self(real)).mean() + nn.functional.relu(1 + self(dreams)).mean()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.item())


@dataclass(frozen=True)
class Method:
    """``regularised``: Fourier basis, jitter, stretch, total variation; ``realness``: weight of the critic's word."""

    regularised: bool = False
    realness: float = 0.0
    variation: float = 0.02
    jitter: int = 6  # frames, and a third of it in bands
    stretch: float = 0.06


METHODS: dict[MethodName, Method] = {
    "naive": Method(),
    "regularised": Method(regularised=True),
    "critic": Method(realness=1.0),
    "both": Method(regularised=True, realness=1.0),
}


@dataclass(frozen=True)
class Step:
    """The picture ``(MELS, frames)`` of a step; p and the judge's p, in standard deviations; the critic's word.

    ``realness`` is NaN where there is no critic; ``alarm``: p has risen over the last steps and the judge hardly.
    ``samples`` ``(n,)`` are the sound itself where that is what the dream changes.
    """

    number: int
    picture: npt.NDArray[np.float32]
    p: float
    judge: float
    realness: float
    alarm: bool
    samples: Samples | None = None


def moved(picture: Tensor, method: Method, generator: torch.Generator) -> Tensor:
    """``picture`` a little later, higher or faster: what is good only at one place is not worth painting."""
    draw = torch.rand(3, generator=generator).mul(2).sub(1).tolist()
    speed = 1 + draw[0] * method.stretch
    stretched = nn.functional.interpolate(picture[None], scale_factor=speed, mode="linear", align_corners=False)[0]
    bands = round(draw[2] * method.jitter / 3)
    shifted = torch.roll(stretched, round(draw[1] * method.jitter), dims=1)
    rows = (torch.arange(picture.shape[0]) - bands).clamp(0, picture.shape[0] - 1)
    return shifted[rows]


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbours in time and in frequency."""
    return (picture[:, 1:] - picture[:, :-1]).abs().mean() + (picture[1:] - picture[:-1]).abs().mean()


def hacked(p: Sequence[float], judge: Sequence[float]) -> bool:
    """Whether p has risen over the last ``WINDOW`` steps, or all so far, and the judge by less than its share of that.

    The share is ``FOLLOWS``.
    """
    back = min(COMPARED, len(p) - 1)
    if back < FEWEST:
        return False
    rise = p[-1] - p[-1 - back]
    return rise > RISE and judge[-1] - judge[-1 - back] < FOLLOWS * rise


def dream(
    ensemble: Ensemble,
    judge: nn.Module,
    real: Real,
    method: Method,
    *,
    steps: int = 128,
    seconds: float = 10.0,
    seed: int = 0,
    surface: Surface = "picture",
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Step]:
    """Every step from the noise to the end, or until ``go_on`` says no; the same seed dreams the same."""
    generator = torch.Generator().manual_seed(seed)
    kind = Waveform if surface == "waveform" else Fourier if method.regularised else Pixels
    canvas = kind(real, seconds, generator)
    critic = Critic(real, seed) if method.realness else None
    optimiser = torch.optim.Adam(canvas.parameters(), kind.rate)
    rises: list[float] = []
    follows: list[float] = []
    for number in range(steps + 1):
        if not go_on():
            return
        picture = canvas()
        seen = moved(picture, method, generator) if method.regularised else picture
        worth = ensemble.standard(seen[None]).mean()
        with torch.no_grad():
            p = float((ensemble.standard(picture[None]).mean() if method.regularised else worth).item())
            judged = float(judge(picture[None]).p.item())
            realness = float(critic(picture[None]).item()) if critic else float("nan")
        rises.append(p)
        follows.append(judged)
        shown = np.asarray(picture.detach().numpy(), dtype=np.float32).copy()
        samples = canvas.samples().detach().numpy().copy() if isinstance(canvas, Waveform) else None
        yield Step(number, shown, p, judged, realness, hacked(rises, follows), samples)
        if number == steps:
            return
        if critic:
            for _ in range(LESSONS):
                critic.learn(picture)
        if method.regularised:
            worth = worth - method.variation * total_variation(picture)
        if critic:
            worth = worth + method.realness * critic(picture[None]).mean()
        optimiser.zero_grad()
        torch.autograd.backward(-worth)
        optimiser.step()


def audible(picture: Picture) -> Samples:
    """Mono samples ``(n,)`` whose log-mel picture is near ``picture`` ``(MELS, frames)``."""
    power = (torch.from_numpy(np.ascontiguousarray(picture)).exp() - FLOOR).clamp_min(0)
    filters = LogMel().mel.mel_scale.fb.T  # (MELS, bins)
    spectrum = filters.T @ power + 1e-10
    reached = filters.T.sum(1, keepdim=True).clamp_min(1e-6)
    for _ in range(MULTIPLICATIVE):  # of non-negative least divergence (Lee & Seung 2001)
        spectrum = spectrum * (filters.T @ (power / (filters @ spectrum + 1e-12))) / reached
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        back = transforms.GriffinLim(WINDOW, ROUNDS, hop_length=HOP, power=2.0)
        samples = back(spectrum[None])[0]
    return levelled(samples.numpy())


def levelled(samples: Samples) -> Samples:
    """``samples`` ``(n,)`` at the loudness that the networks hear, within full scale."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.asarray((samples * (LOUDNESS / max(level, 1e-9))).clip(-1, 1), dtype=np.float32)


def trail_samples(sounds: Sequence[Samples]) -> Samples:
    """As ``trail_picture``, of sounds ``(n,)``: each part fades in and out, so that no edge clicks."""
    edges = np.linspace(0, len(sounds[0]), len(sounds) + 1).astype(int)
    parts = [levelled(each[a:b]) for each, a, b in zip(sounds, edges, edges[1:], strict=False)]
    for part in parts:
        ramp = np.linspace(0, 1, min(EDGE, len(part) // 2), dtype=np.float32)
        part[: len(ramp)] *= ramp
        part[len(part) - len(ramp) :] *= ramp[::-1]
    return np.concatenate(parts)


def trail_picture(pictures: Sequence[Picture]) -> Picture:
    """One picture from noise to the end: the k-th part of the time as it was at the k-th of ``pictures``.

    All parts are equally loud: beside a dream the noise could not be heard.
    """
    frames = pictures[0].shape[1]
    edges = np.linspace(0, frames, len(pictures) + 1).astype(int)
    parts = [each[:, a:b] for each, a, b in zip(pictures, edges, edges[1:], strict=False)]
    return np.concatenate([part - np.log(np.exp(part).mean(dtype=np.float32)) for part in parts], axis=1)

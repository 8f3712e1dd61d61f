"""One dream, step by step: up the gradient of p from white noise, with a trail of all that is needed to distrust it.

The judge is a network of another architecture that no dream ever climbs. Where p rises and the judge does not follow,
the dream found a weakness of the network and not music: the alarm says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.music.decoding import Samples
from models.rating.ensemble import Ensemble

from .critic import Critic
from .surface import Fourier, Pixels, Real, Waveform

WayName = Literal["naive", "regularised", "critic", "both"]
Surface = Literal["picture", "waveform"]

WINDOW, FEWEST = 12, 4  # steps over which p and the judge are compared, and at the beginning at least
LESSONS = 2  # of the critic, a step
RISE = 0.05  # standard deviations of p: less is no rise
FOLLOWS = 0.1  # of p's rise, from which on the judge's counts: a naive dream's judge creeps up by hundredths


@dataclass(frozen=True)
class Way:
    """``regularised``: Fourier basis, jitter, stretch, total variation; ``realness``: weight of the critic's word."""

    regularised: bool = False
    realness: float = 0.0
    variation: float = 0.02
    jitter: int = 6  # frames, and a third of it in bands
    stretch: float = 0.06


WAYS: dict[WayName, Way] = {
    "naive": Way(),
    "regularised": Way(regularised=True),
    "critic": Way(realness=1.0),
    "both": Way(regularised=True, realness=1.0),
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


def moved(picture: Tensor, way: Way, generator: torch.Generator) -> Tensor:
    """``picture`` a little later, higher or faster: what is good only at one place is not worth painting."""
    draw = torch.rand(3, generator=generator).mul(2).sub(1).tolist()
    speed = 1 + draw[0] * way.stretch
    stretched = nn.functional.interpolate(picture[None], scale_factor=speed, mode="linear", align_corners=False)[0]
    bands = round(draw[2] * way.jitter / 3)
    shifted = torch.roll(stretched, round(draw[1] * way.jitter), dims=1)
    rows = (torch.arange(picture.shape[0]) - bands).clamp(0, picture.shape[0] - 1)
    return shifted[rows]


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbours in time and in frequency."""
    return (picture[:, 1:] - picture[:, :-1]).abs().mean() + (picture[1:] - picture[:-1]).abs().mean()


def hacked(p: Sequence[float], judge: Sequence[float]) -> bool:
    """Whether p has risen over the last ``WINDOW`` steps, or all so far, and the judge by less than its share of that.

    The share is ``FOLLOWS``.
    """
    back = min(WINDOW, len(p) - 1)
    if back < FEWEST:
        return False
    rise = p[-1] - p[-1 - back]
    return rise > RISE and judge[-1] - judge[-1 - back] < FOLLOWS * rise


def dream(
    ensemble: Ensemble,
    judge: nn.Module,
    real: Real,
    way: Way,
    *,
    steps: int = 128,
    seconds: float = 10.0,
    seed: int = 0,
    surface: Surface = "picture",
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Step]:
    """Every step from the noise to the end, or until ``go_on`` says no; the same seed dreams the same."""
    generator = torch.Generator().manual_seed(seed)
    kind = Waveform if surface == "waveform" else Fourier if way.regularised else Pixels
    canvas = kind(real, seconds, generator)
    critic = Critic(real, seed) if way.realness else None
    optimiser = torch.optim.Adam(canvas.parameters(), kind.rate)
    rises: list[float] = []
    follows: list[float] = []
    for number in range(steps + 1):
        if not go_on():
            return
        picture = canvas()
        seen = moved(picture, way, generator) if way.regularised else picture
        worth = ensemble.standard(seen[None]).mean()
        with torch.no_grad():
            p = float((ensemble.standard(picture[None]).mean() if way.regularised else worth).item())
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
        if way.regularised:
            worth = worth - way.variation * total_variation(picture)
        if critic:
            worth = worth + way.realness * critic(picture[None]).mean()
        optimiser.zero_grad()
        torch.autograd.backward(-worth)
        optimiser.step()

"""How the decoder hears latents that it is to doubt: with noise, or as the prior would have drawn them.

What a prior draws doesn't agree wholly, and not in any direction alike: each group is likely in itself, and what
content and harmony tell of a tune no longer fits. So once there is a prior, the decoder learns from latents that were
taken some of the way to noise and back by it (SDEdit: Meng et al. 2022), beside the notes of the clip that they are of.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.metrics.music_statistics import likely_key
from models.music.tokens import DURATION, DURATIONS, METER, PITCH, POSITION, POSITIONS
from models.style.prior import Prior, Setting

BLUR = 0.6  # SD of the noise at full doubt
FAR, INTERVALS = 0.4, 3  # how far towards noise latents go at full doubt, and in how many steps they come back


def blurred(z: Tensor, doubt: Tensor, generator: torch.Generator) -> Tensor:
    """Latents ``(clips, bars, latent)`` with noise of the strength of ``doubt`` ``(clips,)``."""
    noise = torch.randn(z.shape, generator=generator, device=z.device)
    return z + BLUR * doubt[:, None, None] * noise


@torch.no_grad()
def redrawn(prior: Prior, z: Tensor, doubt: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Latents ``(clips, bars, latent)`` taken ``FAR`` of ``doubt`` ``(clips,)`` to noise and back, as ``setting`` asks.

    Those without doubt stay as they are.
    """
    noise = torch.randn(z.shape, generator=generator, device=z.device)
    time, step = 1 - FAR * doubt, FAR * doubt / INTERVALS
    x = time[:, None, None] * prior.standardise(z) + (1 - time[:, None, None]) * noise
    x = x * (prior.weight > 0)
    for _ in range(INTERVALS):  # Heun's method
        first = prior(x, time, setting)
        time = time + step
        second = prior(x + step[:, None, None] * first, time, setting)
        x = x + 0.5 * step[:, None, None] * (first + second)
    return torch.where(doubt[:, None, None] > 0, x * prior.scale + prior.mean, z)


def setting_of(tokens: Tensor, domain: Tensor, codes: Tensor) -> Setting:
    """What a draw would be asked for to give these clips ``(clips, steps, 7)``; ``codes`` are theirs."""
    key = torch.tensor([key_of(clip) for clip in tokens.cpu().numpy()], device=tokens.device)
    meter = tokens[:, 0, METER]
    return Setting(domain, meter, key, codes)


def key_of(clip: npt.NDArray[np.int64]) -> int:
    """The key of token steps ``(steps, 7)``, by how long each pitch class sounds."""
    notes = clip[clip[:, POSITION] < POSITIONS]
    return likely_key(np.bincount(notes[:, PITCH] % 12, np.array(DURATIONS)[notes[:, DURATION]], minlength=12))

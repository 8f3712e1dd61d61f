"""Group-relative policy optimisation (Shao et al. 2024, DeepSeekMath, equations 3 and 4), without a value network.

Of clips that were drawn side by side, those above the group's mean become likelier. The ratio of probabilities is
clipped as in PPO (Schulman et al. 2017), and a leash holds the policy near the writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

CLIPPED = 0.2
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """The ``loss`` to descend, the mean divergence from the writer in nats a step, and the share of clipped steps."""

    loss: Tensor
    kl: Tensor
    clipped: Tensor


def advantages(reward: Floats, *, standardise: bool = True) -> Floats:
    """How much better than its group each clip is, ``(clips,)``: in the group's deviations where ``standardise``.

    A clip without a reward counts as the worst of its group. Where all are alike nobody is better.
    """
    told = np.isfinite(reward)
    if not told.any():
        return np.zeros_like(reward)
    filled = np.where(told, reward, np.nanmin(reward))
    away = filled - filled.mean()
    return np.asarray(away / (filled.std() + 1e-6) if standardise else away)


def kl_to(frozen: Tensor, own: Tensor) -> Tensor:
    """KL(own ‖ frozen) by the estimator k3 (Schulman 2020), never below 0: log-probabilities of what ``own`` drew."""
    less = frozen - own
    return less.exp() - 1 - less


def objective(
    now: Tensor, drawn: Tensor, frozen: Tensor, advantage: Tensor, played: Tensor, *, leash: float
) -> Objective:
    """GRPO's loss.

    Args:
        now: log-probabilities ``(clips, steps)`` of the drawn steps under the policy as it is, with a gradient.
        drawn: the same under the policy that drew them.
        frozen: the same under the writer.
        advantage: ``(clips,)``.
        played: bool ``(clips, steps)``, whether a step belongs to its clip.
        leash: the weight of the divergence from the writer.
    """
    ratio = (now - drawn).exp()
    kept = ratio.clamp(1 - CLIPPED, 1 + CLIPPED)
    gain = torch.minimum(ratio * advantage[:, None], kept * advantage[:, None])
    kl = kl_to(frozen, now)
    weight = played / played.sum(1, keepdim=True).clamp_min(1) / len(played)
    loss = -((gain - leash * kl) * weight).sum()
    clipped = ((ratio != kept) & played).sum() / played.sum()
    return Objective(loss, (kl * weight).sum().detach(), clipped.detach())

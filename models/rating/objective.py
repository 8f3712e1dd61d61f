"""What the network is asked to get right: p itself, which of two tracks has more of it, or how many steps it climbs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

Loss = Literal["mse", "pairwise", "ordinal"]
LOSSES: tuple[Loss, ...] = ("mse", "pairwise", "ordinal")
STEPS = 8
SHARPNESS = 0.3  # of a step between two ranks, in the target's standard deviations


def mse(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Squared error ``(batch,)`` weighted by ``weight``."""
    return (weight * (p - wanted).square()).sum() / weight.sum()


def pairwise(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """RankNet's loss (Burges et al. 2005) of all pairs, weighted by how far apart the two are, and a little of ``mse``.

    Pairs alone leave p's size open.
    """
    apart = wanted[:, None] - wanted
    each = (weight[:, None] * weight) * apart.clamp_min(0)
    ranked = F.softplus(-(p[:, None] - p) / SHARPNESS) * each
    return ranked.sum() / each.sum().clamp_min(1e-6) + 0.2 * mse(p, wanted, weight)


def ordinal(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Cumulative logits (McCullagh 1980) at fixed steps of the standardised target."""
    edges = torch.linspace(-1.5, 1.5, STEPS, dtype=p.dtype, device=p.device)
    above = (wanted[:, None] > edges).to(p.dtype)
    losses = F.binary_cross_entropy_with_logits((p[:, None] - edges) / SHARPNESS, above, reduction="none").mean(1)
    return (weight * losses).sum() / weight.sum()


OBJECTIVES = {"mse": mse, "pairwise": pairwise, "ordinal": ordinal}

"""Fine-tuned weights averaged with those that they began from.

On the way from the one to the other lie weights that keep more of what was known before and nearly all that was
learned since (WiSE-FT, Wortsman et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.style.pieces.data import Batch
from models.style.pieces.losses import validate
from models.style.pieces.model import PieceConfig, PieceModel

SHARES = (0.9, 0.75, 0.6, 0.5, 0.25)  # of the fine-tuned weights


@dataclass(frozen=True)
class Average:
    """Weights of which a ``share`` is fine-tuned, and their ``validation``, as ``validate`` gives it."""

    share: float
    weights: Mapping[str, Tensor]
    validation: Mapping[str, float]


def best_average(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    config: PieceConfig,
    held_out: Mapping[str, Batch],
    device: str = "cpu",
) -> Average:
    """The one of ``SHARES`` with the fewest nats in the mean over the domains; both are weights of ``config``."""
    model = PieceModel(config).to(device)
    found: list[Average] = []
    for share in SHARES:
        weights = {name: torch.lerp(before[name].to(last), last, share) for name, last in after.items()}
        model.load_state_dict(weights)
        found.append(Average(share, weights, validate(model, held_out)))
    return min(found, key=lambda average: average.validation["mean"])

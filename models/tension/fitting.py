"""Fitting a small head: so many steps on rows of training pieces, the best by its loss on others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

ROWS = 256  # a step, if nothing else is said
CHECK = 50  # steps between looks at the validation rows

Head = TypeVar("Head", bound=nn.Module)


def fitted(
    head: Head,
    loss: Callable[[Any, Any], Tensor],
    rows: Any,
    validation: Any,
    *,
    count: int,
    steps: int,
    seed: int,
    learning_rate: float = 2e-3,
    each: int = ROWS,
) -> Head:
    """``head`` as it was when ``loss`` ``(rows,)`` was least in the mean of ``validation``.

    ``rows`` has ``count`` rows, of which ``some``, ``each`` many, are taken at random in each step.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=0.05)
    best, least = _state(head), math.inf
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * (1 - step / steps)
        value = loss(head.train(), rows.some(rng.integers(count, size=each))).mean()
        optimiser.zero_grad()
        torch.autograd.backward(value)
        optimiser.step()
        if (step + 1) % CHECK == 0 or step + 1 == steps:
            with torch.inference_mode():
                now = float(loss(head.eval(), validation).mean())
            if now < least:
                best, least = _state(head), now
    head.load_state_dict(best)
    return head.eval()


def _state(head: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in head.state_dict().items()}

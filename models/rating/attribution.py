"""What raised and lowered p, on the spectrogram: integrated gradients (Sundararajan, Taly & Yan 2017).

From the mean of all music, band by band, to the sound: what is shown adds up to the difference in p between the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from .checkpoint import Trained

STEPS = 32  # closer together near the mean, where the network bends most


def attribution(members: Sequence[Trained], picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each place of ``picture`` ``(MELS, frames)`` adds to p, of the same shape."""
    seen = torch.from_numpy(np.ascontiguousarray(picture))
    total = torch.zeros_like(seen)
    for one in members:
        usual = one.network.mean.expand_as(seen)
        away = seen - usual
        evenly = (torch.arange(STEPS) + 0.5) / STEPS
        gradient = torch.zeros_like(seen)
        for part in evenly.tolist():
            at = (usual + part**3 * away).detach().requires_grad_()
            gradient += 3 * part**2 * torch.autograd.grad(one.network(at[None]).p.sum(), at)[0]
        total += away * gradient / STEPS * one.scale.deviation
    return np.asarray((total / len(members)).numpy())

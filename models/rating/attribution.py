"""What raised and lowered p, on the spectrogram: integrated gradients (Sundararajan, Taly & Yan 2017).

From the mean of all music, band by band, to the sound: what is shown adds up to the difference in p between the two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from .ensemble import Ensemble

STEPS = 8  # of Gauss and Legendre, closer together near the mean, where the networks bend most
BEND = 3


def attribution(ensemble: Ensemble, picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each place of ``picture`` ``(MELS, frames)`` adds to p, of the same shape."""
    seen = torch.from_numpy(np.ascontiguousarray(picture))
    usual = torch.stack([one.network.mean for one in ensemble.members]).mean(0).expand_as(seen)
    deviation = torch.tensor([one.scale.deviation for one in ensemble.members])
    away, gradient = seen - usual, torch.zeros_like(seen)
    for node, weight in zip(*np.polynomial.legendre.leggauss(STEPS), strict=True):
        part = (float(node) + 1) / 2
        at = (usual + part**BEND * away).detach().requires_grad_()
        p = (ensemble.standard(at[None])[:, 0] * deviation).mean()
        gradient += weight / 2 * BEND * part ** (BEND - 1) * torch.autograd.grad(p, at)[0]
    return np.asarray((away * gradient).numpy())

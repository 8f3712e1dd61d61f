"""What comes one, two and four bars on: a mixture over the coming bar's latents, as some of what was heard or anew.

Each bar is a point: its latents in the style model, on their first principal components. The coming bar is one that was
heard already, give or take a Gaussian, or is drawn from Gaussians of its own; a gate says which, from what was heard
(mixture density networks: Bishop 1994; with pointers: Merity et al. 2017). Surprise is its negative log density, in
nats. A bar that comes back is a point of no width, so no Gaussian is narrower than ``NARROWEST``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

HORIZONS = (1, 2, 4)  # bars ahead
COMPONENTS = 16  # principal components of a bar's latents
BACK = 8  # bars that may come again: the last one heard, and those before it
FREE = 4  # Gaussians of bars that are new
NARROWEST = 0.1  # standard deviations of a component


@dataclass(frozen=True)
class Points:
    """How latents ``(latent,)`` become points: less ``mean``, times ``axes`` ``(latent, COMPONENTS)``."""

    mean: Floats32
    axes: Floats32
    explained: float

    @classmethod
    def of(cls, latents: Floats32) -> Points:
        """The principal components of latents ``(bars, latent)``, each scaled to variance 1."""
        mean: Floats32 = np.asarray(latents.mean(0), dtype=np.float32)
        _, sizes, axes = np.linalg.svd((latents - mean).astype(np.float64), full_matrices=False)
        spread = np.maximum(sizes[:COMPONENTS] / math.sqrt(len(latents)), 1e-6)
        explained = float((sizes[:COMPONENTS] ** 2).sum() / max((sizes**2).sum(), 1e-12))
        return cls(mean, (axes[:COMPONENTS].T / spread).astype(np.float32), explained)

    def __call__(self, latents: Floats32) -> Floats32:
        """Points ``(bars, COMPONENTS)``."""
        found: Floats32 = np.asarray((latents - self.mean) @ self.axes, dtype=np.float32)
        return found


@dataclass(frozen=True)
class Coming:
    """Rows to predict: what was ``heard`` ``(rows, inputs)``, the ``back`` last bars ``(rows, BACK, COMPONENTS)``,
    whether each was ``there`` ``(rows, BACK)``, the bar that ``came`` ``(rows, COMPONENTS)``, and the piece's number.
    """

    heard: Tensor
    back: Tensor
    there: Tensor
    came: Tensor
    owner: IntArray

    def some(self, rows: IntArray) -> Coming:
        """Those of the given rows."""
        at = torch.from_numpy(rows)
        return Coming(self.heard[at], self.back[at], self.there[at], self.came[at], self.owner[rows])

    @classmethod
    def of(
        cls, heard: Sequence[Floats32], points: Sequence[Floats32], sounds: Sequence[npt.NDArray[np.bool_]], ahead: int
    ) -> Coming:
        """From pieces: what was heard up to each bar ``(bars, inputs)``, and its point and whether it sounds.

        From the fourth bar on, where a bar sounds ``ahead`` bars later.
        """
        rows = [
            (piece, bar) for piece, own in enumerate(sounds) for bar in range(3, len(own) - ahead) if own[bar + ahead]
        ]
        back = np.zeros((len(rows), BACK, COMPONENTS), dtype=np.float32)
        there = np.zeros((len(rows), BACK), dtype=bool)
        for row, (piece, bar) in enumerate(rows):
            before = [bar - lag for lag in range(BACK) if bar >= lag]
            back[row, : len(before)], there[row, : len(before)] = points[piece][before], sounds[piece][before]
        return cls(
            torch.from_numpy(np.array([heard[piece][bar] for piece, bar in rows], dtype=np.float32)),
            torch.from_numpy(back),
            torch.from_numpy(there),
            torch.from_numpy(np.array([points[piece][bar + ahead] for piece, bar in rows], dtype=np.float32)),
            np.array([piece for piece, _ in rows], dtype=np.int64),
        )


class BarPredictor(nn.Module):
    """A mixture over the coming bar; ``lags``: which of the last bars may come again; no layer if ``hidden`` is 0."""

    def __init__(self, inputs: int, hidden: int = 96, lags: Sequence[int] = range(BACK), dropout: float = 0.2) -> None:
        super().__init__()
        self.lags = list(lags)
        width = hidden or inputs
        self.inner = (
            nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout))
            if hidden
            else nn.Identity()
        )
        self.gate = nn.Linear(width, FREE + len(self.lags))
        self.middle, self.width = (nn.Linear(width, FREE * COMPONENTS) for _ in range(2))
        self.near = nn.Linear(width, COMPONENTS)
        nn.init.normal_(self.middle.bias)
        nn.init.constant_(self.near.bias, -1.0)

    def mixture(self, coming: Coming) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights ``(rows, parts)``, means and log widths ``(rows, parts, COMPONENTS)``."""
        inner = self.inner(coming.heard)
        rows = len(inner)
        mean, width = (layer(inner).view(rows, FREE, COMPONENTS) for layer in (self.middle, self.width))
        near = self.near(inner)[:, None].expand(-1, len(self.lags), -1)
        gate = self.gate(inner)
        absent = ~coming.there[:, self.lags]
        gate = torch.cat([gate[:, :FREE], gate[:, FREE:].masked_fill(absent, -1e9)], 1)
        widths = torch.cat([width, near], 1).clamp(math.log(NARROWEST), 2.0)
        return F.log_softmax(gate, 1), torch.cat([mean, coming.back[:, self.lags]], 1), widths

    def surprise(self, coming: Coming) -> Tensor:
        """Nats of the bar that came ``(rows,)``."""
        weight, mean, width = self.mixture(coming)
        return -_log_density(coming.came[:, None], weight, mean, width)[:, 0]

    @torch.inference_mode()
    def uncertainty(self, coming: Coming, draws: int = 64) -> Tensor:
        """The mixture's entropy, nats ``(rows,)``, over ``draws`` that are the same for each row (Monte Carlo)."""
        weight, mean, width = self.mixture(coming)
        generator = torch.Generator().manual_seed(0)
        share = (torch.arange(draws) + 0.5) / draws
        part = (weight.exp().cumsum(1)[:, None] < share[None, :, None]).sum(2).clamp(max=weight.shape[1] - 1)
        noise = torch.randn((1, draws, COMPONENTS), generator=generator)
        chosen = part[..., None].expand(-1, -1, COMPONENTS)
        drawn = mean.gather(1, chosen) + noise * width.gather(1, chosen).exp()
        return -_log_density(drawn, weight, mean, width).mean(1)


def _log_density(at: Tensor, weight: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Of points ``(rows, draws, COMPONENTS)``: ``(rows, draws)``."""
    far = (at[:, :, None] - mean[:, None]) / width.exp()[:, None]
    each = -0.5 * (far**2).sum(-1) - width.sum(-1)[:, None] - 0.5 * COMPONENTS * math.log(2 * math.pi)
    return torch.logsumexp(weight[:, None] + each, -1)

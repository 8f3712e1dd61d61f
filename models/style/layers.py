"""What the style model and its decoders are built of; true bfloat16 on CPUs decides the forms (plain products).

What an encoder says of bar latents: a Gaussian each, or one of a few levels (finite scalar quantisation).

Quantised latents have a fixed rate and no noise; Mentzer et al. 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussian over bar latents: ``mean``, ``log_variance`` ``(bars, latent_dim)``."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One reparameterised draw, ``(bars, latent_dim)``."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def kl(self) -> Tensor:
        """KL to N(0, 1) in nats, ``(bars, latent_dim)``."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1 - self.log_variance)


@dataclass(frozen=True)
class Quantised(Posterior):
    """Those dimensions that ``stepped`` ``(latent_dim,)`` marks have ``levels`` equally likely values in -1..1."""

    stepped: Tensor
    levels: int

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """What is stepped, and a draw of the rest."""
        return torch.where(self.stepped, self.mean, super().sample(generator))

    def kl(self) -> Tensor:
        """The rate in nats: fixed where stepped."""
        return torch.where(self.stepped, math.log(self.levels), super().kl())


def finite_scalar(x: Tensor, levels: int) -> Tensor:
    """The nearest of an odd number of ``levels`` in -1..1 to ``tanh(x)``, with a straight-through gradient."""
    steps = (levels - 1) // 2
    bounded = steps * torch.tanh(x)
    return (bounded + (bounded.round() - bounded).detach()) / steps


def norm(x: Tensor) -> Tensor:
    """Layer normalisation over the last dimension without gain or bias (one fused kernel on CPUs)."""
    return F.layer_norm(x, (x.shape[-1],))


class Multihot(nn.Module):
    """Embedding of several class fields at once, summed; however many of them are absent, that is one summand.

    In training as one matrix product, which is fast in bfloat16 on CPUs; else the rows are looked up.
    """

    first: Tensor

    def __init__(self, sizes: list[int], dim: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.weight = nn.Parameter(torch.randn(sum(sizes) + 1, dim) * 0.02)  # the last row: none
        self.register_buffer("first", torch.tensor([0, *sizes[:-1]]).cumsum(0), persistent=False)

    def forward(self, fields: list[Tensor]) -> Tensor:
        """Fields ``(...)`` of class indices, -1 for none → ``(..., dim)``."""
        classes, none = torch.stack(fields, -1), len(self.weight) - 1
        absent = classes < 0
        index = torch.where(absent, none, classes + self.first)
        if not torch.is_grad_enabled():
            present = F.embedding_bag(index.flatten(0, -2), self.weight, mode="sum", padding_idx=none)
            return present.reshape(*index.shape[:-1], -1) + absent.any(-1, keepdim=True) * self.weight[none]
        hot = self.weight.new_zeros(*index.shape[:-1], len(self.weight))
        return hot.scatter_(-1, index, 1.0) @ self.weight


def rotary(positions: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of rotary embeddings for step indices ``(...)`` → ``(..., head_dim / 2)``."""
    frequency = 10_000.0 ** (-torch.arange(0, head_dim, 2, device=positions.device) / head_dim)
    angle = positions[..., None].float() * frequency
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of ``x`` ``(..., head_dim)`` by the angles of ``rotary``."""
    a, b = x.chunk(2, -1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def dropped(x: Tensor, share: float) -> Tensor:
    """``x`` with a ``share`` of it left out at random."""
    return F.dropout(x, share) if share else x


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Softmax attention by plain products (faster than the fused kernel in bfloat16 on CPUs); ``mask`` is added."""
    scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5 + mask
    return torch.softmax(scores, -1) @ v


class Head(nn.Module):
    """One element's logits from the note-level state and the slot's memory: ``(..., inputs)`` → ``(..., classes)``."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Linear(inputs, hidden, bias=False)
        self.out = nn.Linear(hidden, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits in float32."""
        logits: Tensor = self.out(F.gelu(self.inner(x), approximate="tanh"))
        return logits.float()


class GroupEncoder(nn.Module):
    """Features of one group ``(bars, features)`` → mean and log-variance ``(bars, dim)``."""

    def __init__(self, features: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, hidden, bias=False)
        self.deep = nn.Linear(hidden, hidden // 2, bias=False)
        self.out = nn.Linear(hidden // 2, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, the latter kept within -8..2."""
        x = F.silu(self.deep(F.silu(norm(self.inner(x.to(self.inner.weight.dtype))))))
        mean, log_variance = self.out(x).float().chunk(2, -1)
        return mean, -3 + 5 * torch.tanh(log_variance)


class Block(nn.Module):
    """Decoder layer: latents added, causal self-attention, GELU MLP; no biases."""

    def __init__(self, dim: int, heads: int, heard: int) -> None:
        super().__init__()
        self.heads = heads
        self.latent = nn.Linear(heard, dim, bias=False)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries and keys, values: ``(batch, steps, dim)`` → three ``(batch, heads, steps, head_dim)``."""
        qkv = self.qkv(norm(x)).unflatten(-1, (3, self.heads, -1)).movedim(2, 0).transpose(2, 3)
        q, k = rotate(norm(qkv[:2]), cos, sin)
        return q, k, qkv[2]

    def finish(self, x: Tensor, attended: Tensor, dropout: float = 0.0) -> Tensor:
        """Add attention ``(batch, heads, steps, head_dim)`` and the MLP to ``x`` ``(batch, steps, dim)``.

        ``dropout``: the share of what either adds that is left out in training.
        """
        dropout = dropout if self.training else 0.0
        x = x + dropped(self.out(attended.transpose(1, 2).flatten(2)), dropout)
        more: Tensor = self.down(F.gelu(self.up(norm(x)), approximate="tanh"))
        return x + dropped(more, dropout)

    def forward(self, x: Tensor, z: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """``x`` ``(batch, steps, dim)``, ``z`` ``(batch, steps, heard)``, ``mask`` ``(steps, steps)`` to add."""
        x = x + self.latent(z)
        q, k, v = self.project(x, cos, sin)
        return self.finish(x, attend(q, k, v, mask))

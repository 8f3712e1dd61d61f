"""What the style model is trained to do: tell the notes from the latents, at the price of the latents' KL.

And to tell rearranged notes (``models.style.rearrange``) from latents that don't agree with one another.

Penalties on the mutual information of latent groups, beside the bottleneck and the restricted encoders.

For the study of the style model's parts (``models.evaluate.style_study``), which says whether they earn their place.
Both are in nats a bar, and cost ``price`` each, as the KL does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from models.music.tokens import POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS, GROUPS
from models.style.likelihood import losses
from models.style.model import StyleConfig, StyleModel
from models.style.rearrange import Swaps
from models.style.windows import WindowSet, batches

Penalty = Literal["adversary", "correlation"]
HIDDEN, LEARNING_RATE = 64, 3e-3
LEAST = 1e-3  # share of a latent's variance that is always left to be told


class Correlation:
    """Linear mutual information between groups: half the squared correlations of their latents in the batch.

    That is what mutual information of Gaussians comes to where they are weak. What so few bars would show of
    independent latents is the same for all encoders, and is no part of the gradient.
    """

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Nats a bar, from latents ``(bars, dim)`` of each group."""
        latents = {name: _standardised(part) for name, part in parts.items()}
        every = torch.cat([*latents.values()], -1)
        bars = len(every)
        across = (every.T @ every / bars).square().sum()
        within = sum((part.T @ part / bars).square().sum() for part in latents.values())
        return (across - within) / 4  # each pair is there twice

    def learn(self) -> None:
        """Has nothing to learn."""


class Adversary(nn.Module):
    """A network for each group that learns to tell all other groups' latents from it; encoders learn to prevent it.

    What it can tell bounds their mutual information from below (Barber & Agakov 2003), as in the adversarial
    disentangling of Lample et al. 2017 and Ganin et al. 2016, by regression.
    """

    def __init__(self, price: float, config: StyleConfig) -> None:
        super().__init__()
        self.price = price
        every = config.latent_dim
        self.readers = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(size, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, every - size))
                for name, size in config.latent.items()
            }
        )
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Nats a bar, from latents ``(bars, dim)`` of each group; what two groups tell of each other counts once."""
        told = []
        for name, part in parts.items():
            others = torch.cat([other for group, other in parts.items() if group != name], -1)
            missed = (self.readers[name](part) - _standardised(others.detach())).square().mean(0)
            told.append(-0.5 * (missed + LEAST).log().sum())
        return torch.stack(told).sum() / 2

    def learn(self) -> None:
        """One step up the gradient that encoders have just gone down."""
        for weight in self.parameters():
            if weight.grad is not None:
                weight.grad.neg_()
        self.optimiser.step()
        self.optimiser.zero_grad()


def independence_penalty(
    how: Penalty | None, price: float, config: StyleConfig, device: str
) -> Correlation | Adversary | None:
    """What prices what groups tell of one another; raises ``ValueError`` for another ``how``."""
    if how is None:
        return None
    if how not in get_args(Penalty):
        raise ValueError(f"latents are kept apart by {how!r}; it must be one of {get_args(Penalty)}")
    return Correlation(price) if how == "correlation" else Adversary(price, config).to(device)


def _standardised(part: Tensor) -> Tensor:
    part = part.float()
    return (part - part.mean(0)) / (part.var(0, unbiased=False) + 1e-4).sqrt()


KL_WEIGHT = {  # content cheap: nothing else holds the tune, and what it hears is restricted
    "content": 0.02, "rhythm": 0.05, "register": 0.05, "harmony": 0.03, "dynamics": 0.05, "tempo": 0.05,
    "texture": 0.02,
}  # fmt: skip
ELEMENT_WEIGHT = {"chroma": 0.4, "sounding": 1.0, "height": 8.0, "loudness": 4.0}  # beside the notes' own likelihood
TOLD = ("position", "pitch", "duration", "velocity")  # losses that tell the notes
DOUBTED, BLUR = 0.5, 0.6  # share of clips whose latents are heard with noise, and its SD at full doubt
VALIDATION_STEPS = 4096  # padded steps a batch


def step_loss(
    model: StyleModel,
    tokens: Tensor,
    domain: Tensor,
    generator: torch.Generator,
    *,
    swaps: Swaps | None = None,
    warmth: float = 1.0,
    doubted: float = DOUBTED,
    penalty: Correlation | Adversary | None = None,
) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise.

    ``tokens`` ``(batch, steps, 7)``, ``domain`` ``(batch,)``; ``swaps`` are clips of the batch that are told once more,
    with styles of others; ``warmth`` in 0..1 scales the KL weights; ``doubted`` is the share of the clips whose latents
    the note-level decoder hears with noise of a known strength.
    ``penalty`` prices what groups tell of one another, which is then among the losses.
    """
    posterior = model.encode(bar_features(gather_notes(tokens, BARS), jitter=generator))
    z = posterior.sample(generator)
    told = {"apart": penalty(model.config.split(z))} if penalty else {}
    z = z.view(len(tokens), BARS, -1)
    if swaps is not None:
        z = torch.cat([z, mixed_latents(model, z, swaps)])
        tokens, domain = torch.cat([tokens, swaps.tokens]), torch.cat([domain, domain[swaps.rows]])
    doubt = torch.rand(len(z), generator=generator, device=z.device)
    doubt = torch.where(torch.rand(len(z), generator=generator, device=z.device) < doubted, doubt, 0.0)
    heard = z + BLUR * doubt[:, None, None] * torch.randn(z.shape, generator=generator, device=z.device)
    nll = losses(model, tokens, domain, z, doubt=doubt, heard=heard)
    count = (tokens[..., POSITION] < POSITIONS).sum()
    kl = {name: value.sum(-1).mean() for name, value in model.config.split(posterior.kl()).items()}
    price = sum(KL_WEIGHT[name] * kl[name] for name in GROUPS)
    price = price + penalty.price * told["apart"] if penalty else price
    bottleneck = price * len(posterior.mean) * warmth
    weight = ELEMENT_WEIGHT if model.config.two_level else dict.fromkeys(ELEMENT_WEIGHT, 0.0)
    return {
        **{name: value / count for name, value in nll.items()},
        **told,
        **{f"kl.{name}": value for name, value in kl.items()},
        "total": (sum(weight.get(name, 1.0) * value for name, value in nll.items()) + bottleneck) / count,
    }


def nats_a_note(told: Mapping[str, Tensor], tokens: Tensor) -> float:
    """What the notes of ``tokens`` cost, by the summed ``likelihood.losses`` of them."""
    return sum(told[name].item() for name in TOLD) / int((tokens[..., POSITION] < POSITIONS).sum())


def mixed_latents(model: StyleModel, z: Tensor, swaps: Swaps) -> Tensor:
    """Latents ``(swaps, bars, latent)`` of the rearranged clips of a batch with latents ``z``."""
    parts = model.config.split(z)
    mixed = {name: z_[swaps.donors[name]] if name in swaps.donors else z_[swaps.rows] for name, z_ in parts.items()}
    return torch.cat([mixed[name] for name in GROUPS], -1)


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int, count: int = 12) -> dict[str, float]:
    """Mean losses over ``count`` fixed validation batches, without transposition."""
    device = next(model.parameters()).device
    stream = batches(windows, steps_per_batch=VALIDATION_STEPS, seed=seed, transpose=False)
    total: dict[str, float] = {}
    for tokens, domain in islice(stream, count):
        generator = torch.Generator(device).manual_seed(seed)
        found = step_loss(model, tokens.to(device), domain.to(device), generator, doubted=0)
        for name, value in found.items():
            total[name] = total.get(name, 0.0) + value.item() / count
    return total

"""What the style model is trained to do: tell the notes from the latents, at the price of the latents' KL."""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from models.music.tokens import POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.model import BARS, StyleModel
from models.style.windows import WindowSet, batches

KL_WEIGHT = {  # content cheap: nothing else holds the tune, and what it hears is restricted
    "content": 0.03, "rhythm": 0.05, "register": 0.05, "harmony": 0.06, "dynamics": 0.05, "tempo": 0.05,
    "texture": 0.05,
}  # fmt: skip
ELEMENT_WEIGHT = {"chroma": 0.2, "thickness": 0.5}  # beside the notes' own likelihood
VALIDATION_STEPS = 4096  # padded steps a batch


def step_loss(
    model: StyleModel, tokens: Tensor, domain: Tensor, generator: torch.Generator, warmth: float = 1.0
) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise.

    ``tokens`` ``(batch, steps, 7)``, ``domain`` ``(batch,)``; ``warmth`` in 0..1 scales the KL weights.
    """
    notes = gather_notes(tokens, BARS)
    posterior = model.encode(bar_features(notes, jitter=generator))
    z = posterior.sample(generator).view(len(tokens), BARS, -1)
    nll = model.losses(tokens, domain, z)
    count = (tokens[..., POSITION] < POSITIONS).sum()
    kl = {name: value.sum(-1).mean() for name, value in model.config.split(posterior.kl()).items()}
    penalty = sum(KL_WEIGHT[name] * kl[name] for name in GROUPS) * len(posterior.mean) * warmth
    losses = {name: value / count for name, value in nll.items()}
    return {
        **losses,
        **{f"kl.{name}": value for name, value in kl.items()},
        "total": (sum(ELEMENT_WEIGHT.get(name, 1.0) * value for name, value in nll.items()) + penalty) / count,
    }


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int, count: int = 12) -> dict[str, float]:
    """Mean losses over ``count`` fixed validation batches, without transposition."""
    device = next(model.parameters()).device
    stream = batches(windows, steps_per_batch=VALIDATION_STEPS, seed=seed, transpose=False)
    total: dict[str, float] = {}
    for tokens, domain in islice(stream, count):
        generator = torch.Generator(device).manual_seed(seed)
        for name, value in step_loss(model, tokens.to(device), domain.to(device), generator).items():
            total[name] = total.get(name, 0.0) + value.item() / count
    return total

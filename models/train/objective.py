"""What the style model is trained to do: tell the notes from the latents, at the price of the latents' KL.

And to tell rearranged notes (``models.train.rearrange``) from latents that don't agree with one another.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from models.music.tokens import POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.model import BARS, StyleModel
from models.style.windows import WindowSet, batches
from models.train.rearrange import REARRANGED, rearrange

KL_WEIGHT = {  # content cheap: nothing else holds the tune, and what it hears is restricted
    "content": 0.02, "rhythm": 0.05, "register": 0.05, "harmony": 0.04, "dynamics": 0.05, "tempo": 0.05,
    "texture": 0.03,
}  # fmt: skip
ELEMENT_WEIGHT = {"chroma": 0.4, "thickness": 1.0, "span": 8.0}  # beside the notes' own likelihood
SWAPPED = 0.35  # share of a batch that is told once more, with styles of others
SWAP_CHANCE = 0.5  # that a group of a rearranged clip is another's
DOUBTED, BLUR = 0.5, 0.6  # share of clips whose latents are heard with noise, and its SD at full doubt
VALIDATION_STEPS = 4096  # padded steps a batch


def step_loss(
    model: StyleModel,
    tokens: Tensor,
    domain: Tensor,
    generator: torch.Generator,
    *,
    warmth: float = 1.0,
    swapped: float = SWAPPED,
    doubted: float = DOUBTED,
    keep_latents: bool = False,
) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise.

    ``tokens`` ``(batch, steps, 7)``, ``domain`` ``(batch,)``; ``warmth`` in 0..1 scales the KL weights; ``swapped`` is
    the share of the clips to which ``with_swaps`` gives a second, rearranged one; ``doubted`` that of the clips whose
    latents the note-level decoder hears with noise of a known strength. ``keep_latents``: the encoders learn
    nothing.
    """
    notes = gather_notes(tokens, BARS)
    with torch.set_grad_enabled(torch.is_grad_enabled() and not keep_latents):
        posterior = model.encode(bar_features(notes, jitter=generator))
    z = posterior.sample(generator).view(len(tokens), BARS, -1)
    if swapped:
        tokens, domain, z = with_swaps(model, tokens, domain, z, share=swapped, generator=generator)
    doubt = torch.rand(len(z), generator=generator, device=z.device)
    doubt = torch.where(torch.rand(len(z), generator=generator, device=z.device) < doubted, doubt, 0.0)
    heard = z + BLUR * doubt[:, None, None] * torch.randn(z.shape, generator=generator, device=z.device)
    nll = model.losses(tokens, domain, z, doubt, heard)
    count = (tokens[..., POSITION] < POSITIONS).sum()
    kl = {name: value.sum(-1).mean() for name, value in model.config.split(posterior.kl()).items()}
    penalty = sum(KL_WEIGHT[name] * kl[name] for name in GROUPS) * len(posterior.mean) * warmth
    losses = {name: value / count for name, value in nll.items()}
    return {
        **losses,
        **{f"kl.{name}": value for name, value in kl.items()},
        "total": (sum(ELEMENT_WEIGHT.get(name, 1.0) * value for name, value in nll.items()) + penalty) / count,
    }


def with_swaps(
    model: StyleModel, tokens: Tensor, domain: Tensor, z: Tensor, *, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The batch (as for ``StyleModel.losses``) and, behind it, ``share`` of it with styles of other clips in it.

    Donors are of the same domain; each group of ``REARRANGED`` is another's by a chance of ``SWAP_CHANCE``.
    """
    clips, device = len(tokens), tokens.device
    mixed = torch.randperm(clips, generator=generator, device=device)
    mixed = mixed[torch.argsort(domain[mixed], stable=True)]  # clips of one domain side by side
    donors = {}
    for number, group in enumerate(REARRANGED, start=1):
        other = torch.empty_like(mixed)
        other[mixed] = mixed.roll(number)
        taken = torch.rand(clips, generator=generator, device=device) < SWAP_CHANCE
        donors[group] = torch.where(taken & (domain[other] == domain), other, torch.arange(clips, device=device))
    made, whole = rearrange(tokens, donors)
    rows = torch.nonzero(whole & (torch.rand(clips, generator=generator, device=device) < share))[:, 0]
    groups = {
        name: part[donors[name][rows]] if name in donors else part[rows] for name, part in model.config.split(z).items()
    }
    swapped = torch.cat([groups[name] for name in GROUPS], -1)
    return torch.cat([tokens, made[rows]]), torch.cat([domain, domain[rows]]), torch.cat([z, swapped])


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int, count: int = 12) -> dict[str, float]:
    """Mean losses over ``count`` fixed validation batches, without transposition."""
    device = next(model.parameters()).device
    stream = batches(windows, steps_per_batch=VALIDATION_STEPS, seed=seed, transpose=False)
    total: dict[str, float] = {}
    for tokens, domain in islice(stream, count):
        generator = torch.Generator(device).manual_seed(seed)
        for name, value in step_loss(
            model, tokens.to(device), domain.to(device), generator, swapped=0, doubted=0
        ).items():
            total[name] = total.get(name, 0.0) + value.item() / count
    return total

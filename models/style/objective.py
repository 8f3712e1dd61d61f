"""What the style model is trained to do: tell the notes from the latents, at the price of the latents' KL.

``losses`` are the likelihood of notes given bar latents, by teacher forcing. In training it also tells rearranged notes
(``models.style.swap_augmentation``) from latents that don't agree with one another. Penalties on what latent groups
tell of one another, or don't tell of what names them, are for the study of the style model's parts
(``models.evaluate.style_study``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.tokens import BAR, DURATION, END, LOWEST_PITCH, PITCH, POSITION, POSITIONS, TEMPO, VELOCITY
from models.style.elements import (
    LevelBudget,
    ahead,
    group_losses,
    half_of,
    notes_at_once,
    notes_left,
    place_in_half,
    so_far,
    sounded_so_far,
    sounds_in_halves,
    weight_of_sure,
)
from models.style.features import (
    BEATS,
    SLOTS,
    NoteBatch,
    bar_features,
    gather_notes,
    heights,
    held_thickness,
    levels,
    slot_of,
    sounding_time,
)
from models.style.latents import BARS, GROUPS
from models.style.layers import norm, rotary
from models.style.model import BarPlan, StyleConfig, StyleModel
from models.style.swap_augmentation import Swaps
from models.style.windows import WindowSet, batches

KL_WEIGHT = {  # content cheap: nothing else holds the tune, and what it hears is restricted
    "content": 0.02, "rhythm": 0.05, "register": 0.05, "harmony": 0.03, "dynamics": 0.05, "tempo": 0.05,
    "texture": 0.02,
}  # fmt: skip
ELEMENT_WEIGHT = {"chroma": 0.4, "sounding": 1.0, "height": 8.0, "loudness": 4.0}  # beside the notes' own likelihood
NOTE_LOSSES = ("position", "pitch", "duration", "velocity")  # losses that tell the notes
DOUBTED, BLUR = 0.5, 0.6  # share of clips whose latents are heard with noise, and its SD at full doubt
VALIDATED, VALIDATION_STEPS = 12, 4096  # batches, and padded steps of each


def step_loss(
    model: StyleModel,
    tokens: Tensor,
    domain: Tensor,
    generator: torch.Generator,
    *,
    swaps: Swaps | None = None,
    warmth: float = 1.0,
    doubted: float = DOUBTED,
    penalty: Correlation | Adversary | Ordering | None = None,
) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise.

    ``tokens`` ``(batch, steps, 7)``, ``domain`` ``(batch,)``; ``swaps`` are clips of the batch that are told once more,
    with styles of others; ``warmth`` in 0..1 scales the KL weights; ``doubted`` is the share of the clips whose latents
    the note-level decoder hears with noise of a known strength.
    ``penalty`` prices what groups tell of one another, which is then among the losses.
    """
    features = bar_features(gather_notes(tokens, BARS), jitter=generator)
    posterior = model.encode(features)
    z = posterior.sample(generator)
    told = {"apart": penalty(model.config.split(z), features)} if penalty else {}
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
    return sum(told[name].item() for name in NOTE_LOSSES) / int((tokens[..., POSITION] < POSITIONS).sum())


def mixed_latents(model: StyleModel, z: Tensor, swaps: Swaps) -> Tensor:
    """Latents ``(swaps, bars, latent)`` of the rearranged clips of a batch with latents ``z``."""
    parts = model.config.split(z)
    mixed = {name: z_[swaps.donors[name]] if name in swaps.donors else z_[swaps.rows] for name, z_ in parts.items()}
    return torch.cat([mixed[name] for name in GROUPS], -1)


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int) -> dict[str, float]:
    """Mean losses over ``VALIDATED`` fixed validation batches, without transposition."""
    device = next(model.parameters()).device
    stream = batches(windows, steps_per_batch=VALIDATION_STEPS, seed=seed, transpose=False)
    total: dict[str, float] = {}
    for tokens, domain in islice(stream, VALIDATED):
        generator = torch.Generator(device).manual_seed(seed)
        found = step_loss(model, tokens.to(device), domain.to(device), generator, doubted=0)
        for name, value in found.items():
            total[name] = total.get(name, 0.0) + value.item() / VALIDATED
    return total


@dataclass(frozen=True)
class _Steps:
    """The steps of a batch but the last, each with the one behind it, which it tells; all ``(batch, steps, …)``."""

    previous: Tensor  # (batch, steps, 7)
    target: Tensor  # (batch, steps, 7)
    row: Tensor  # the clip of each step
    bar: Tensor  # its bar
    length: Tensor  # of that bar, in steps of the grid
    slot: Tensor  # that the previous step stands in
    coming: Tensor  # (batch, steps, 3): what is ``ahead`` of the target one
    state: Tensor  # (batch, steps, dim): the note-level decoder's


@dataclass(frozen=True)
class _Budgeted:
    """What harmony, register and dynamics ask of the target notes, with their budgets, and of whole bars."""

    chroma: Tensor  # (notes, 12)
    height: Tensor  # (notes, PITCHES)
    loudness: Tensor  # (notes, VELOCITY_BINS)
    bar_height: Tensor  # as ``BarPlan.height``, moved by the count of notes
    bar_loudness: Tensor  # as ``BarPlan.loudness``


def losses(
    model: StyleModel,
    tokens: Tensor,
    domain: Tensor,
    z: Tensor,
    *,
    doubt: Tensor | float = 0.0,
    heard: Tensor | None = None,
) -> dict[str, Tensor]:
    """Negative log-likelihoods in nats, summed: position (of all steps), pitch, duration, velocity, tempo.

    And of what one group tells alone: ``chroma``, the notes' pitch classes by harmony, which keeps it from leaving
    them to content; ``sounding``, the cross-entropy of how long each sounds in a half bar; ``thickness``, the
    squared error of notes an onset in log2, in all slots, by texture; ``height`` and ``loudness``, that of pitch
    levels by register and of velocity levels by dynamics. Where latents are doubted, harmony, register and dynamics
    learn from the notes alone.

    ``tokens`` ``(batch, steps, 7)`` padded with END steps, ``z`` ``(batch, bars, latent)``, teacher forcing;
    ``doubt`` and ``heard`` are those of ``StyleModel.plan``.
    """
    plan = model.plan(z, doubt=doubt, heard=heard)
    steps = _steps(model, plan, tokens, domain)
    notes = gather_notes(tokens, z.shape[1])
    counts = torch.bincount(notes.bar, minlength=len(notes.length)).view(z.shape[:2])
    note = steps.target[..., POSITION] < POSITIONS
    budgeted = _budgeted(model, plan, steps, notes, counts)
    sounding = sounding_time(notes)
    share = sounding / sounding.sum(-1, keepdim=True).clamp(min=1)
    sure = weight_of_sure(doubt, len(tokens), z.device)
    pitch_class = steps.target[note][:, PITCH] % 12
    return {
        "position": _position_loss(model, plan, steps, domain),
        **_note_losses(model, plan, steps, budgeted),
        "chroma": (F.cross_entropy(budgeted.chroma, pitch_class, reduction="none") * sure[steps.row[note]]).sum(),
        "thickness": (plan.thickness.flatten(0, 1) - held_thickness(notes).log2()).square().sum(),
        **group_losses(
            plan.chroma,
            share,
            (budgeted.bar_height, heights(notes)),
            (budgeted.bar_loudness, levels(notes)),
            sure[:, None] * (counts > 0),
        ),
        "tempo": F.cross_entropy(
            plan.tempo_logits.flatten(0, 1), tokens[tokens[..., POSITION] == BAR][:, TEMPO], reduction="sum"
        ),
    }


def _steps(model: StyleModel, plan: BarPlan, tokens: Tensor, domain: Tensor) -> _Steps:
    previous, target = tokens[:, :-1], tokens[:, 1:]
    batch, steps = previous.shape[:2]
    is_bar = tokens[..., POSITION] == BAR
    bar = (is_bar.cumsum(1) - 1)[:, :-1]
    row = torch.arange(batch, device=tokens.device)[:, None].expand(batch, steps)
    length = tokens[is_bar].view(batch, -1, 7)[..., -1][row, bar]
    slot = slot_of(previous[..., POSITION].clamp(max=POSITIONS - 1) * (previous[..., POSITION] < POSITIONS), length)
    coming = torch.where(tokens[..., :1] < POSITIONS, ahead(tokens), -1)
    x = model.embed_steps(previous, domain, plan.memory[row, bar, slot], coming[:, :-1])
    cos, sin = rotary(torch.arange(steps, device=tokens.device), model.config.dim // model.config.heads)
    mask = torch.full((steps, steps), -1e4, device=tokens.device, dtype=x.dtype).triu(1)
    heard = plan.heard[row, bar]
    for block in model.blocks:
        x = block(x, heard, cos, sin, mask)
    return _Steps(previous, target, row, bar, length, slot, coming[:, 1:], norm(x))


def _position_loss(model: StyleModel, plan: BarPlan, steps: _Steps, domain: Tensor) -> Tensor:
    valid = steps.previous[..., POSITION] != END
    onsets, thickness = plan.onsets[steps.row, steps.bar], plan.thickness[steps.row, steps.bar, steps.slot]
    logits = model.position_logits(
        onsets[valid], thickness[valid], steps.previous[..., POSITION][valid], notes_at_once(steps.previous)[valid],
        domain[:, None].expand(valid.shape)[valid],
    )  # fmt: skip
    return F.cross_entropy(logits, steps.target[..., POSITION][valid], reduction="sum")


def _budgeted(model: StyleModel, plan: BarPlan, steps: _Steps, notes: NoteBatch, counts: Tensor) -> _Budgeted:
    note = steps.target[..., POSITION] < POSITIONS
    when, length = steps.target[note][:, POSITION], steps.length[note]
    half = half_of(when, length)
    place_of_bar = steps.row[note] * counts.shape[1] + steps.bar[note]
    place_of_half = place_of_bar * 2 + half
    held_over = sounding_time(notes, own=False).view(*counts.shape, 2, 12)[steps.row, steps.bar]
    chroma = model.budget(
        model.with_next(plan.chroma).flatten(0, 2)[place_of_half],
        sounded_so_far(steps.previous, steps.length, held_over)[note, half],
        place_in_half(when, length),
        notes_left(place_of_half),
        sounds_in_halves(when, notes.steps, length),
    )
    left, place = notes_left(place_of_bar), when / length

    def of_notes(by: LevelBudget, of_bars: Tensor, values: Tensor) -> Tensor:
        total, count = so_far(steps.previous, values)
        found: Tensor = by(of_bars.flatten(0, 1)[place_of_bar], total[note], count[note], left, place)
        return found

    high, loud = model.height.moved(plan.height, counts), model.loudness.moved(plan.loudness, counts)
    height = of_notes(model.height, high, (steps.previous[..., PITCH] - LOWEST_PITCH) / model.height.units)
    loudness = of_notes(model.loudness, loud, (steps.previous[..., VELOCITY] + 0.5) / model.loudness.units)
    return _Budgeted(chroma, height, loudness, high, loud)


def _note_losses(model: StyleModel, plan: BarPlan, steps: _Steps, budgeted: _Budgeted) -> dict[str, Tensor]:
    note = steps.target[..., POSITION] < POSITIONS
    target, last, row = steps.target[note], steps.previous[note], steps.row[note]
    when, duration, pitch = target[:, POSITION], target[:, DURATION], target[:, PITCH] - LOWEST_PITCH
    due, trust = steps.coming[note], plan.trust[row]
    memory = plan.memory[row, steps.bar[note], slot_of(when, steps.length[note])]
    state = model.before_note(steps.state[note], memory, due)
    floor = torch.where(when == last[:, POSITION], last[:, PITCH] - LOWEST_PITCH, -1)
    durations = model.duration_logits(state, when)
    experts = model.experts(budgeted.chroma * trust[:, :1], budgeted.height * trust[:, 1:2])
    pitches = model.pitch_logits(state, experts, when, duration, floor=floor, left=due[:, 0])
    velocities = model.velocity_logits(state, budgeted.loudness * trust[:, 2:], when, pitch, duration)
    return {
        "pitch": F.cross_entropy(pitches, pitch, reduction="sum"),
        "duration": F.cross_entropy(durations, duration, reduction="sum"),
        "velocity": F.cross_entropy(velocities, target[:, VELOCITY], reduction="sum"),
    }


Penalty = Literal["adversary", "correlation", "ordering"]
HIDDEN, LEARNING_RATE = 64, 3e-3
LEAST = 1e-3  # share of a latent's variance that is always left to be told
SHARPNESS = 10.0  # AR-VAE's δ


class Correlation:
    """Linear mutual information between groups: half the squared correlations of their latents in the batch.

    That is what mutual information of Gaussians comes to where they are weak. What so few bars would show of
    independent latents is the same for all encoders, and is no part of the gradient.
    """

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self, parts: Mapping[str, Tensor], features: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
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

    def forward(self, parts: Mapping[str, Tensor], features: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
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


class Ordering:
    """AR-VAE's regularisation (Pati & Lerch 2021): a group's first dimension orders bars as its attribute does.

    Rhythm: onsets a bar; register: mean pitch; dynamics: mean velocity; texture: notes an onset.
    """

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self, parts: Mapping[str, Tensor], features: Mapping[str, Tensor]) -> Tensor:
        """Summed over the four groups, from latents ``(bars, dim)`` and features of each group."""
        attributes = {
            "rhythm": features["rhythm"][:, :POSITIONS].sum(1),
            "register": features["register"][:, 8],
            "dynamics": features["dynamics"][:, 2 * BEATS],
            "texture": features["texture"][:, SLOTS],
        }
        found = [
            (torch.tanh(SHARPNESS * _apart(parts[name][:, 0].float())) - torch.sign(_apart(wanted))).abs().mean()
            for name, wanted in attributes.items()
        ]
        return torch.stack(found).sum()

    def learn(self) -> None:
        """Has nothing to learn."""


def independence_penalty(
    how: Penalty | None, price: float, config: StyleConfig, device: str
) -> Correlation | Adversary | Ordering | None:
    """What prices what groups tell of one another; raises ``ValueError`` for another ``how``."""
    if how is None:
        return None
    if how not in get_args(Penalty):
        raise ValueError(f"latents are kept apart by {how!r}; it must be one of {get_args(Penalty)}")
    if how == "ordering":
        return Ordering(price)
    return Correlation(price) if how == "correlation" else Adversary(price, config).to(device)


def _apart(values: Tensor) -> Tensor:
    """Each of ``values`` ``(bars,)`` less each: ``(bars, bars)``."""
    return values[:, None] - values[None]


def _standardised(part: Tensor) -> Tensor:
    part = part.float()
    return (part - part.mean(0)) / (part.var(0, unbiased=False) + 1e-4).sqrt()

"""How likely a style model finds notes, given bar latents: teacher forcing, in the order in which ``decode`` goes.

Begin with ``losses``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.music.tokens import BAR, DURATION, END, LOWEST_PITCH, PITCH, POSITION, POSITIONS, TEMPO, VELOCITY
from models.style.elements import (
    LevelBudget,
    ahead,
    half_of,
    notes_at_once,
    notes_left,
    place_in_half,
    so_far,
    sounded_so_far,
    sounds_in_halves,
    told_alone,
    weight_of_sure,
)
from models.style.features import NoteBatch, gather_notes, heights, held_thickness, levels, slot_of, sounding_time
from models.style.layers import norm, rotary
from models.style.model import BarPlan, StyleModel


@dataclass(frozen=True)
class _Steps:
    """The steps of a batch but the last, each with the one behind it, which it tells; all ``(batch, steps, …)``."""

    given: Tensor  # (batch, steps, 7)
    told: Tensor  # (batch, steps, 7)
    row: Tensor  # the clip of each step
    bar: Tensor  # its bar
    length: Tensor  # of that bar, in steps of the grid
    slot: Tensor  # that the given step stands in
    coming: Tensor  # (batch, steps, 3): what is ``ahead`` of the told one
    state: Tensor  # (batch, steps, dim): the note-level decoder's


@dataclass(frozen=True)
class _Asked:
    """What harmony, register and dynamics ask of the notes told, with their budgets, and of whole bars."""

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
    note = steps.told[..., POSITION] < POSITIONS
    asked = _asked(model, plan, steps, notes, counts)
    sounding = sounding_time(notes)
    share = sounding / sounding.sum(-1, keepdim=True).clamp(min=1)
    sure = weight_of_sure(doubt, len(tokens), z.device)
    pitch_class = steps.told[note][:, PITCH] % 12
    return {
        "position": _position_loss(model, plan, steps, domain),
        **_note_losses(model, plan, steps, asked),
        "chroma": (F.cross_entropy(asked.chroma, pitch_class, reduction="none") * sure[steps.row[note]]).sum(),
        "thickness": (plan.thickness.flatten(0, 1) - held_thickness(notes).log2()).square().sum(),
        **told_alone(
            plan.chroma,
            share,
            (asked.bar_height, heights(notes)),
            (asked.bar_loudness, levels(notes)),
            sure[:, None] * (counts > 0),
        ),
        "tempo": F.cross_entropy(
            plan.tempo_logits.flatten(0, 1), tokens[tokens[..., POSITION] == BAR][:, TEMPO], reduction="sum"
        ),
    }


def _steps(model: StyleModel, plan: BarPlan, tokens: Tensor, domain: Tensor) -> _Steps:
    given, told = tokens[:, :-1], tokens[:, 1:]
    batch, steps = given.shape[:2]
    is_bar = tokens[..., POSITION] == BAR
    bar = (is_bar.cumsum(1) - 1)[:, :-1]
    row = torch.arange(batch, device=tokens.device)[:, None].expand(batch, steps)
    length = tokens[is_bar].view(batch, -1, 7)[..., -1][row, bar]
    slot = slot_of(given[..., POSITION].clamp(max=POSITIONS - 1) * (given[..., POSITION] < POSITIONS), length)
    coming = torch.where(tokens[..., :1] < POSITIONS, ahead(tokens), -1)
    x = model.embed_steps(given, domain, plan.memory[row, bar, slot], coming[:, :-1])
    cos, sin = rotary(torch.arange(steps, device=tokens.device), model.config.dim // model.config.heads)
    mask = torch.full((steps, steps), -1e4, device=tokens.device, dtype=x.dtype).triu(1)
    heard = plan.heard[row, bar]
    for block in model.blocks:
        x = block(x, heard, cos, sin, mask)
    return _Steps(given, told, row, bar, length, slot, coming[:, 1:], norm(x))


def _position_loss(model: StyleModel, plan: BarPlan, steps: _Steps, domain: Tensor) -> Tensor:
    valid = steps.given[..., POSITION] != END
    onsets, thickness = plan.onsets[steps.row, steps.bar], plan.thickness[steps.row, steps.bar, steps.slot]
    logits = model.position_logits(
        onsets[valid], thickness[valid], steps.given[..., POSITION][valid], notes_at_once(steps.given)[valid],
        domain[:, None].expand(valid.shape)[valid],
    )  # fmt: skip
    return F.cross_entropy(logits, steps.told[..., POSITION][valid], reduction="sum")


def _asked(model: StyleModel, plan: BarPlan, steps: _Steps, notes: NoteBatch, counts: Tensor) -> _Asked:
    note = steps.told[..., POSITION] < POSITIONS
    when, length = steps.told[note][:, POSITION], steps.length[note]
    half = half_of(when, length)
    place_of_bar = steps.row[note] * counts.shape[1] + steps.bar[note]
    place_of_half = place_of_bar * 2 + half
    held_over = sounding_time(notes, own=False).view(*counts.shape, 2, 12)[steps.row, steps.bar]
    chroma = model.budget(
        model.with_next(plan.chroma).flatten(0, 2)[place_of_half],
        sounded_so_far(steps.given, steps.length, held_over)[note, half],
        place_in_half(when, length),
        notes_left(place_of_half),
        sounds_in_halves(when, notes.steps, length),
    )
    left, place = notes_left(place_of_bar), when / length

    def of_notes(by: LevelBudget, of_bars: Tensor, values: Tensor) -> Tensor:
        total, count = so_far(steps.given, values)
        found: Tensor = by(of_bars.flatten(0, 1)[place_of_bar], total[note], count[note], left, place)
        return found

    high, loud = model.height.moved(plan.height, counts), model.loudness.moved(plan.loudness, counts)
    height = of_notes(model.height, high, (steps.given[..., PITCH] - LOWEST_PITCH) / model.height.units)
    loudness = of_notes(model.loudness, loud, (steps.given[..., VELOCITY] + 0.5) / model.loudness.units)
    return _Asked(chroma, height, loudness, high, loud)


def _note_losses(model: StyleModel, plan: BarPlan, steps: _Steps, asked: _Asked) -> dict[str, Tensor]:
    note = steps.told[..., POSITION] < POSITIONS
    told, last, row = steps.told[note], steps.given[note], steps.row[note]
    when, duration, pitch = told[:, POSITION], told[:, DURATION], told[:, PITCH] - LOWEST_PITCH
    due, trust = steps.coming[note], plan.trust[row]
    memory = plan.memory[row, steps.bar[note], slot_of(when, steps.length[note])]
    state = model.before_note(steps.state[note], memory, due)
    floor = torch.where(when == last[:, POSITION], last[:, PITCH] - LOWEST_PITCH, -1)
    durations = model.duration_logits(state, when)
    experts = model.experts(asked.chroma * trust[:, :1], asked.height * trust[:, 1:2])
    pitches = model.pitch_logits(state, experts, when, duration, floor=floor, left=due[:, 0])
    velocities = model.velocity_logits(state, asked.loudness * trust[:, 2:], when, pitch, duration)
    return {
        "pitch": F.cross_entropy(pitches, pitch, reduction="sum"),
        "duration": F.cross_entropy(durations, duration, reduction="sum"),
        "velocity": F.cross_entropy(velocities, told[:, VELOCITY], reduction="sum"),
    }

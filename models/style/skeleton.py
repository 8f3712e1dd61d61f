"""When notes come and how many at once: a clip's onsets, told by rhythm and texture alone before any pitch is chosen.

So the note-level decoder knows which note of an onset is its highest, the one that carries the melody, and how long it
is until the next: a melody whose notes end too soon leaps down to its accompaniment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from models.music.tokens import BAR, LENGTH, POSITION, POSITION_CLASSES, POSITIONS
from models.style.elements import MOST_AT_ONCE
from models.style.features import slot_of

if TYPE_CHECKING:
    from models.style.decode import ClipPlan
    from models.style.model import StyleModel

GAPS = 64  # classes of grid steps until an onset; the last is for all that is later
AHEAD = (MOST_AT_ONCE, GAPS, GAPS)

Onsets = list[tuple[int, int]]  # grid position in the bar, number of notes
Event = tuple[int, int, int, int]  # a note to be: grid position, and what is ``ahead`` of it


def ahead(tokens: Tensor) -> Tensor:
    """What comes after each step of tokens ``(batch, steps, 7)``: ``(batch, steps, 3)``, sizes as in ``AHEAD``.

    Notes of the same onset that are still to come, and grid steps until the next onset and the one after it; where none
    follows, until the end of the clip. What it says of steps that aren't notes means nothing.
    """
    position = tokens[..., POSITION]
    is_bar, is_note = position == BAR, position < POSITIONS
    length = torch.where(is_bar, tokens[..., LENGTH], 0)
    end = length.sum(1, keepdim=True)
    starts = (length.cumsum(1) - length).masked_fill(~is_bar, 0).cummax(1).values
    time = torch.where(is_note, starts + position, end)
    begins = is_note.clone()
    begins[:, 1:] &= ~(is_note[:, :-1] & (time[:, 1:] == time[:, :-1]))

    def following(marked: Tensor) -> Tensor:
        """Index of the first marked step after each one; the number of steps where there is none."""
        steps = marked.shape[1]
        index = torch.where(marked, torch.arange(steps, device=marked.device), steps)
        first = index.flip(1).cummin(1).values.flip(1)
        return torch.cat([first[:, 1:], torch.full_like(first[:, :1], steps)], 1)

    place = torch.arange(tokens.shape[1], device=tokens.device)
    left = following(begins | ~is_note) - place - 1
    onset = torch.cat([following(begins), torch.full_like(end, tokens.shape[1])], 1)  # its last step leads to itself
    times = torch.cat([time, end], 1)
    second = onset.gather(1, onset)
    gaps = [(times.gather(1, which)[:, :-1] - time).clamp(0, GAPS - 1) for which in (onset, second)]
    return torch.stack([left.clamp(0, MOST_AT_ONCE - 1), *gaps], -1)


def draw(logits: Tensor, uniform: Tensor, temperature: Tensor, top_p: Tensor) -> Tensor:
    """Nucleus sampling by inverse CDF: ``logits`` ``(rows, classes)``, the rest ``(rows,)`` → classes ``(rows,)``.

    Source: Holtzman et al. 2020.
    """
    share, order = torch.softmax(logits / temperature.clamp(min=1e-4)[:, None], -1).sort(-1, descending=True)
    before = share.cumsum(-1) - share
    share = torch.where(before < top_p[:, None], share, 0.0)
    edge = share.cumsum(-1)
    pick = (edge < uniform[:, None] * edge[:, -1:]).sum(-1, keepdim=True).clamp(max=logits.shape[1] - 1)
    return order.gather(-1, pick)[:, 0]


def within_bar(logits: Tensor, length: int) -> Tensor:
    """Log-probabilities of positions ``(rows, POSITION_CLASSES)`` in bars of ``length`` grid steps.

    Rhythms of a longer bar ask for onsets after this one's end: what they weigh goes to BAR, which comes next there.
    Left out, it would go to whatever remains.
    """
    classes = torch.arange(POSITION_CLASSES, device=logits.device)
    after = (classes >= length) | (classes == BAR)
    ends = logits.masked_fill(~after, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.where(classes == BAR, ends, logits.masked_fill(after, -1e4))


@torch.inference_mode()
def draw_onsets(model: StyleModel, plan: ClipPlan, generator: np.random.Generator) -> list[Onsets]:
    """The onsets of each bar of ``plan``, drawn by rhythm, with the notes of each, drawn by texture.

    Locked bars have their own; a locked melody has its onsets among them, and room for its notes.
    """
    device, bars = plan.bar_plan.onsets.device, plan.bars
    rows = torch.arange(bars, device=device)
    heat, top_p = (torch.full((bars,), value, device=device) for value in (plan.temperature, plan.top_p))
    domain = torch.full((bars,), plan.domain, device=device)
    guides = [plan.held.guide(bar) if plan.held else None for bar in range(bars)]
    last = torch.full((bars,), BAR, device=device)
    onsets: list[Onsets] = [[] for _ in range(bars)]
    for turn in range(plan.length + 1):
        uniform = torch.from_numpy(generator.random((1 + MOST_AT_ONCE, bars), dtype=np.float32)).to(device)
        logits = within_bar(model.onsets(plan.bar_plan.onsets[0], last, domain), plan.length)
        for bar, guide in enumerate(guides):
            if guide is not None:
                logits[bar] = guide.onsets(logits[bar], bar, int(last[bar]))
        position = draw(logits, uniform[0], heat, top_p)
        if turn:
            position = torch.where(last == BAR, BAR, position)  # bars that have ended
        if (position == BAR).all():
            break
        slot = slot_of(position.clamp(max=POSITIONS - 1), torch.full_like(position, plan.length))
        thickness = plan.bar_plan.thickness[0, rows, slot]
        count = torch.ones_like(position)
        going = position != BAR
        for number in range(1, MOST_AT_ONCE):  # another one as long as texture draws one
            logit = model.texture(thickness, position, torch.full_like(position, number), domain)
            going = going & (draw(torch.stack([-logit, logit], -1) / 2, uniform[number], heat, top_p) == 1)
            count += going
            if not going.any():
                break
        for bar, (at, notes) in enumerate(zip(position.tolist(), count.tolist(), strict=True)):
            if at != BAR:
                guide = guides[bar]
                onsets[bar].append((at, min(notes, guide.room(bar, at)) if guide is not None else notes))
        last = position
    fed = plan.held.onsets if plan.held else {}
    return [fed.get(bar, found) for bar, found in enumerate(onsets)]


def events(onsets: Sequence[Onsets], length: int) -> list[list[Event]]:
    """The notes to be of each bar of ``length`` grid steps."""
    rows: list[list[int]] = []
    for bar in onsets:
        rows.append([BAR, *[-1] * (LENGTH - 1), length])
        rows += [[position, *[-1] * LENGTH] for position, count in bar for _ in range(count)]
    found = ahead(torch.tensor([rows]))[0].tolist()
    out: list[list[Event]] = []
    for (position, *_), (left, gap, second) in zip(rows, found, strict=True):
        if position == BAR:
            out.append([])
        else:
            out[-1].append((position, left, gap, second))
    return out

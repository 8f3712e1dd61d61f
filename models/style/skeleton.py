"""When notes come and how many at once: a clip's onsets, told by rhythm and texture alone before any pitch is chosen.

So the note-level decoder knows which note of an onset is its highest, the one that carries the melody, and how long it
is until the next: a melody whose notes end too soon leaps down to its accompaniment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.music.tokens import BAR, LENGTH, POSITION_CLASSES, POSITIONS
from models.style.clip_plan import ClipPlan
from models.style.elements import MOST_AT_ONCE
from models.style.features import slot_of
from models.style.lookahead import ahead
from models.style.model import StyleModel

Onsets = list[tuple[int, int]]  # grid position in the bar, number of notes
Event = tuple[int, int, int, int]  # a note to be: grid position, and what is ``ahead`` of it


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

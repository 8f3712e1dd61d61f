"""What may come next in a piece: notes of a bar in order and within it, bars within their meter, an end when asked for.

Each function takes logits of one element, of rows side by side, and gives them with minus infinity for what may not be.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.music.tokens import BAR, BAR_RANGES, END, LENGTH, PITCHES, POSITIONS
from models.style.pieces.conditions import ABSENT, WHOLE

MOST_NOTES = 96  # of a bar


def position_logits(
    logits: Tensor,
    last: Tensor,
    length: Tensor,
    notes: Tensor,
    number: Tensor,
    *,
    room: Tensor,
    earliest: int,
    latest: int,
) -> Tensor:
    """Positions ``(rows, POSITION_CLASSES)``: at the last one or after it, within the bar; BAR; END.

    ``last`` ``(rows,)`` is the position of the last step, ``length`` the grid steps of its bar, ``notes`` how many
    notes that bar has, ``number`` its number, ``room`` whether another note may come at the last position. END may come
    from the bar ``earliest`` on, BAR before the bar ``latest``. Where only one of them may, it has the weight of both:
    the bar is over either way.
    """
    classes = torch.arange(logits.shape[-1], device=logits.device)
    floor = torch.where(last == BAR, 0, last + 1 - room.long())
    here = (classes >= floor[:, None]) & (classes < length[:, None]) & (notes < MOST_NOTES)[:, None]
    ends, goes_on = number >= earliest, number < latest
    over = logits[:, [BAR, END]].logsumexp(-1)
    found = logits.masked_fill(~here, -torch.inf)
    found[:, BAR] = torch.where(goes_on, torch.where(ends, logits[:, BAR], over), -torch.inf)
    found[:, END] = torch.where(ends, torch.where(goes_on, logits[:, END], over), -torch.inf)
    return found


def pitch_logits(logits: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Pitches ``(rows, PITCHES)`` between ``low`` ``(rows,)`` and ``high``, neither of them."""
    classes = torch.arange(PITCHES, device=logits.device)
    return logits.masked_fill((classes <= low[:, None]) | (classes >= high[:, None]), -torch.inf)


def length_logits(logits: Tensor, meter: Tensor) -> Tensor:
    """Lengths of bars ``(rows, POSITIONS)``: no longer than a whole bar of ``meter`` ``(rows,)``."""
    longest = torch.from_numpy(WHOLE).to(logits.device)[meter] - BAR_RANGES[LENGTH][0]
    return logits.masked_fill(torch.arange(POSITIONS, device=logits.device) > longest[:, None], -torch.inf)


def same(logits: Tensor, wanted: Tensor) -> Tensor:
    """Just the class ``wanted`` ``(rows,)`` of each row, or all where that is -1."""
    classes = torch.arange(logits.shape[-1], device=logits.device)
    return logits.masked_fill((classes != wanted[:, None]) & (wanted >= 0)[:, None], -torch.inf)


def only(logits: Tensor, wanted: int) -> Tensor:
    """Just the class ``wanted``, or all where that is -1."""
    if wanted == ABSENT:
        return logits
    return logits.masked_fill(torch.arange(logits.shape[-1], device=logits.device) != wanted, -torch.inf)

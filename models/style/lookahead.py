"""What lies ahead of a note: how many more of its onset, and the gaps to the next two onsets."""

from __future__ import annotations

import torch
from torch import Tensor

from models.music.tokens import BAR, LENGTH, POSITION, POSITIONS
from models.style.elements import MOST_AT_ONCE

GAPS = 64  # classes of grid steps until an onset; the last is for all that is later
AHEAD = (MOST_AT_ONCE, GAPS, GAPS)


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

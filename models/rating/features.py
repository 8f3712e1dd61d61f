"""What the rating networks see of a sound: a tagger's embedding of each window of three seconds.

It is not trained, so it is found once for all networks; its gradient leads back to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .mel_bands import MELS
from .tagger import Tagger

WINDOW = 187  # frames, three seconds: what the tagger was trained on
MOST_WINDOWS = 10  # of a longer sound, evenly spread: each takes a tenth of a second


@dataclass(frozen=True)
class Features:
    """Of a batch: ``windows`` ``(batch, windows, width)``, and ``mask`` ``(batch, windows)``, 1 where there is one."""

    windows: Tensor
    mask: Tensor


class FeatureExtractor(nn.Module):
    """Log-mel pictures ``(batch, MELS, frames)`` of a second or more to ``Features``."""

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger

    @property
    def width(self) -> int:
        """Of a window's embedding."""
        return self.tagger.config.width

    def forward(self, pictures: Tensor, mask: Tensor | None = None) -> Features:
        """See the class; ``mask`` ``(batch, frames)`` is 1 where there is sound and 0 where a batch was padded."""
        lengths = [pictures.shape[2]] * len(pictures) if mask is None else mask.sum(1).long().tolist()
        rows = [picture[:, :length] for picture, length in zip(pictures, lengths, strict=True)]
        heard = [torch.cat([self.tagger(part[None]) for part in windows_of(row)]) for row in rows]
        there = [each.new_ones(len(each)) for each in heard]
        pad = nn.utils.rnn.pad_sequence
        return Features(pad(heard, batch_first=True), pad(there, batch_first=True))


def windows_of(picture: Tensor) -> list[Tensor]:
    """Windows ``(MELS, at most WINDOW)`` of a picture ``(MELS, frames)``, evenly from its beginning to its end."""
    frames = picture.shape[1]
    if frames <= WINDOW:
        return [picture]
    count = min(MOST_WINDOWS, -(-frames // WINDOW))
    starts = np.linspace(0, frames - WINDOW, count).round().astype(int).tolist()
    return [picture[:, start : start + WINDOW] for start in starts]


def padded(pictures: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pictures ``(MELS, frames)`` of any length as a batch and its mask."""
    longest = max(picture.shape[1] for picture in pictures)
    batch = pictures[0].new_zeros(len(pictures), MELS, longest)
    mask = pictures[0].new_zeros(len(pictures), longest)
    for row, picture in enumerate(pictures):
        batch[row, :, : picture.shape[1]] = picture
        mask[row, : picture.shape[1]] = 1
    return batch, mask

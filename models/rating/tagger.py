"""musicnn, a network that was trained to tag music, up to the layer before its tags, and what it hears of a sound.

Architecture and weights of Pons & Serra (2019, "musicnn: Pre-trained convolutional neural networks for music audio
tagging", trained on the Million Song Dataset); rebuilt without its framework, with batch normalisation as the scale and
shift that it is once training is over. Its weights stay as they are.

What the rating networks see of a sound is its embedding of each window of three seconds. It is found once for all
networks; its gradient leads back to the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from models.rating.mel_bands import MELS
from models.rating.sound import DARK
from models.style.bundle import BundleFormat

SHIPPED = "tagger-msd"
FORMAT = BundleFormat("tagger", "tagger", "copy the shipped folder again", version_of=("trained_on",))
MIDDLE_FRAMES = 7  # of the kernels that run over time alone

WINDOW = 187  # frames, three seconds: what the tagger was trained on
MOST_WINDOWS = 10  # of a longer sound, evenly spread: each takes a tenth of a second


@dataclass(frozen=True)
class Front:
    """Kernels of the first layer: over ``frames`` frames and ``bands`` bands, ``channels`` of them."""

    frames: int
    bands: int
    channels: int


@dataclass(frozen=True)
class TaggerConfig:
    """The kernels of the first layer, the channels of the three above, and the width of what comes out."""

    front: tuple[Front, ...] = (
        Front(7, 38, 204), Front(7, 67, 204), Front(128, 1, 51), Front(64, 1, 51), Front(32, 1, 51)
    )  # fmt: skip
    middle: int = 64
    width: int = 200


class _Scaled(nn.Module):
    """A scale and a shift for each channel, the second axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, found: Tensor) -> Tensor:
        shape = (1, -1, *(1 for _ in range(found.dim() - 2)))
        return found * self.scale.view(shape) + self.shift.view(shape)


class _Front(nn.Module):
    """What a kernel finds in each frame at the band where it finds most: ``(batch, frames, MELS)`` to channels."""

    def __init__(self, shape: Front) -> None:
        super().__init__()
        self.shape = shape
        self.kernel = nn.Conv2d(1, shape.channels, (shape.frames, shape.bands))
        self.scaled = _Scaled(shape.channels)

    def forward(self, seen: Tensor) -> Tensor:
        """``(batch, channels, frames)``."""
        before = (self.shape.frames - 1) // 2
        around = F.pad(seen, (0, 0, before, self.shape.frames - 1 - before))
        rising = self.scaled.scale.sign()  # the greatest of what is then scaled down is the least before it
        found = self.kernel(around[:, None]) * rising[:, None, None]
        return torch.as_tensor(self.scaled((found.amax(3) * rising[:, None]).relu()))


class _Middle(nn.Module):
    """A layer over time alone."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, channels, MIDDLE_FRAMES, padding=MIDDLE_FRAMES // 2)
        self.scaled = _Scaled(channels)

    def forward(self, seen: Tensor) -> Tensor:
        return torch.as_tensor(self.scaled(self.convolution(seen).relu()))


class Tagger(nn.Module):
    """Log-mel pictures ``(batch, MELS, frames)`` of some three seconds to embeddings ``(batch, width)``."""

    def __init__(self, config: TaggerConfig | None = None) -> None:
        super().__init__()
        self.config = config or TaggerConfig()
        front, middle = sum(each.channels for each in self.config.front), self.config.middle
        self.enter = _Scaled(1)
        self.front = nn.ModuleList(_Front(each) for each in self.config.front)
        self.middle = nn.ModuleList(_Middle(inputs, middle) for inputs in (front, middle, middle))
        self.pooled = _Scaled(2 * (front + 3 * middle))
        self.dense = nn.Linear(2 * (front + 3 * middle), self.config.width)
        self.leave = _Scaled(self.config.width)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        seen = (pictures - DARK) / math.log(10)  # log10(1 + 10⁴ · power), which musicnn has learned from
        seen = self.enter(seen[:, None])[:, 0].transpose(1, 2)
        found = [torch.cat([layer(seen) for layer in self.front], dim=1)]
        for number, layer in enumerate(self.middle):
            above = layer(found[-1])
            found.append(above + found[-1] if number else above)
        every = torch.cat(found, dim=1)
        both = torch.stack([every.amax(2), every.mean(2)], dim=2).flatten(1)
        return torch.as_tensor(self.leave(self.dense(self.pooled(both)).relu()))


@lru_cache(maxsize=2)
def load_tagger(name_or_path: str | Path = SHIPPED) -> tuple[Tagger, str]:
    """A tagger whose weights no training changes, and its version; raises as ``BundleFormat.opened``."""
    with FORMAT.opened(name_or_path) as found:
        config = found.card["config"]
        front = tuple(Front(**each) for each in config["front"])
        tagger = Tagger(TaggerConfig(front, config["middle"], config["width"]))
        tagger.load_state_dict({name: value.float() for name, value in load_file(found.weights).items()})
    return tagger.eval().requires_grad_(requires_grad=False), str(found.card["version"])


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

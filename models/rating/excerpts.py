"""What a network is trained on: random excerpts of tracks and of noise, each changed by augmentation.

The judge sees pictures that are drawn anew at every step. What the rating networks see comes from a tagger that takes a
tenth of a second for three of sound, so a few excerpts of each track are drawn once and kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save_file

from .augmentation import Augmentation, Picture, drawn
from .features import WINDOW, FeatureExtractor, Features
from .mel_bands import MELS

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Drawn:
    """What a network sees of some excerpts ``(rows, …)``, where the mask ``(rows, steps)`` is 1."""

    seen: Floats
    mask: Floats


@dataclass(frozen=True)
class PictureExcerpts:
    """Excerpts ``(rows, MELS, frames)`` of ``pictures``."""

    pictures: Sequence[Picture]
    augmentation: Augmentation
    frames: int

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Drawn:
        """An excerpt of each of ``rows``."""
        seen = np.zeros((len(rows), MELS, self.frames), dtype=np.float32)
        mask = np.zeros((len(rows), self.frames), dtype=np.float32)
        for at, row in enumerate(rows):
            excerpt = drawn(self.pictures[row], self.frames, self.augmentation, rng)
            seen[at, :, : excerpt.shape[1]] = excerpt
            mask[at, : excerpt.shape[1]] = 1
        return Drawn(seen, mask)


@dataclass(frozen=True)
class FeatureExcerpts:
    """Of every sound a few excerpts: ``(sounds, excerpts, windows, width)``, and their mask."""

    features: Features

    @classmethod
    def of(
        cls,
        pictures: Sequence[Picture],
        extractor: FeatureExtractor,
        augmentation: Augmentation,
        windows: int,
        each: int,
        *,
        seed: int,
        kept: Path | None = None,
        about: str = "",
    ) -> FeatureExcerpts:
        """``each`` of every sound, drawn by ``seed``; in the folder ``kept`` for the next time, named by ``about``."""
        said = json.dumps([about, len(pictures), asdict(augmentation), windows, each, seed])
        path = kept / f"excerpts-{sha256(said.encode()).hexdigest()[:16]}.safetensors" if kept else None
        if path and path.exists():
            return cls(Features(**load_file(path)))
        found = Features(
            torch.zeros(len(pictures), each, windows, extractor.width),
            torch.zeros(len(pictures), each, windows),
        )
        with torch.inference_mode():
            for row, picture in enumerate(track(pictures, "excerpts", console=Console(stderr=True))):
                rng = np.random.default_rng([seed, 17, row])
                for at in range(each):
                    excerpt = drawn(picture, windows * WINDOW, augmentation, rng)
                    one = extractor(torch.from_numpy(excerpt)[None])
                    count = one.windows.shape[1]
                    found.windows[row, at, :count], found.mask[row, at, :count] = one.windows[0], 1
        if path:
            part = path.with_suffix(".part")
            save_file(asdict(found), part)
            part.replace(path)
        return cls(found)

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Drawn:
        """One of the excerpts of each of ``rows``."""
        found = self.features
        each = rng.integers(found.mask.shape[1], size=len(rows))
        return Drawn(found.windows[rows, each].numpy(), found.mask[rows, each].numpy())


Excerpts = PictureExcerpts | FeatureExcerpts

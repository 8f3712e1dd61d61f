"""Harmonies that the writer is told where a mood is asked for: valence lies in them, and it hardly heeds a label.

They are of the drafts that come with the weights, turned to major or minor as the first judge of mood hears them, and
belong to one version of the style model, as those drafts do. What is told is harmony alone: rhythm, texture and the
rest are written for the mood by its label. How far that goes: ``evaluate.mood``, ``mood.control.told*``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models.music.notes import Domain
from models.style.bundle import CARD
from models.style.drafts import ENDING, FIRST

LENT: tuple[Domain, ...] = ("pop",)  # dance music told them is recognised beside real in .85 in place of .63
GROUP = "harmony"
CLEARLY = 0.3  # of valence: nearer the middle any harmony will do, and none is told
NEAREST = 32  # among which one is drawn


@dataclass(frozen=True)
class Harmonies:
    """Of clips of eight bars: ``latents`` ``(clips, 8, dims)``, the ``valence`` of each, and the class of its meter."""

    latents: npt.NDArray[np.float32]
    valence: npt.NDArray[np.float32]
    meter: npt.NDArray[np.int64]

    def drawn(self, valence: float, seeds: Sequence[Sequence[int]]) -> list[int]:
        """For each of ``seeds`` one of the nearest to a ``valence`` (-1 to 1): the same for the same."""
        near = np.argsort(np.abs(self.valence - valence), kind="stable")[:NEAREST]
        return [int(near[np.random.default_rng([*seed, len(near)]).integers(len(near))]) for seed in seeds]

    def save(self, path: Path) -> None:
        """Write them as float16."""
        halves = {"latents": self.latents.astype(np.float16), "valence": self.valence.astype(np.float16)}
        save_file({**halves, "meter": self.meter.astype(np.uint8)}, path)


def file_of(domain: Domain, folder: Path = FIRST) -> Path:
    """Where those of a domain lie."""
    return folder / f"{domain}_harmonies{ENDING}"


@lru_cache(maxsize=16)
def harmonies(domain: Domain, version: str, folder: Path = FIRST) -> Harmonies | None:
    """Those that come with the weights; None where there are none for this ``version`` of the style model.

    Raises ``ValueError`` where a file of them can't be read.
    """
    path, card = file_of(domain, folder), folder / CARD
    if not path.is_file() or json.loads(card.read_text(encoding="utf-8"))["version"] != version:
        return None
    try:
        found = load_file(path)
        return Harmonies(
            found["latents"].astype(np.float32), found["valence"].astype(np.float32), found["meter"].astype(np.int64)
        )
    except (OSError, SafetensorError, KeyError) as error:
        raise ValueError(f"{path.name} can't be read as harmonies: {error}") from error

"""Synthetic clips whose attributes go together as in real music, and the taste space fitted on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import Latents
from models.taste.space import TasteSpace, summary

DIMS = {"content": 6, "rhythm": 4, "register": 3, "harmony": 4, "dynamics": 3, "tempo": 1, "texture": 2}


@dataclass(frozen=True)
class Clips:
    """``attributes`` ``(clips, 8)`` in their own units (mean 3, SD 2), linear in the latents' means over bars."""

    latents: list[Latents]
    attributes: np.ndarray
    summaries: np.ndarray


def make_clips(count: int, seed: int) -> Clips:
    generator = np.random.default_rng(seed)
    latents, attributes = [], []
    for _ in range(count):
        means = {name: generator.normal(size=dim) for name, dim in DIMS.items()}
        means["tempo"][0] = 0.6 * means["rhythm"][0] + 0.8 * means["tempo"][0]
        noise = {name: generator.normal(size=(8, dim)) for name, dim in DIMS.items()}
        groups = {
            name: (means[name] + 0.3 * (noise[name] - noise[name].mean(axis=0))).astype(np.float32) for name in DIMS
        }
        latents.append(Latents("v1", groups))
        attributes.append([3 + 2 * means[style][int(name == "leap")] for name, style in ATTRIBUTES.items()])
    return Clips(latents, np.array(attributes), np.stack([summary(each) for each in latents]))


@pytest.fixture(scope="session")
def clips_of() -> Callable[[int, int], Clips]:
    return make_clips


@pytest.fixture(scope="session")
def clips() -> Clips:
    return make_clips(400, 0)


@pytest.fixture(scope="session")
def space(clips: Clips) -> TasteSpace:
    return TasteSpace.fit(clips.summaries, clips.attributes, tuple(ATTRIBUTES), "v1")

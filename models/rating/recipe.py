"""How a network is trained, the presets, and the ablations: each one changes one thing of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .augmentation import Augmentation
from .judge import JudgeConfig
from .network import RatingConfig
from .objective import Loss

NONE = Augmentation(0.0, 0.0, 0.0, 0.0)  # on what the tagger hears, none of it helped


@dataclass(frozen=True)
class Recipe:
    """Optimiser steps of ``rows`` excerpts of so many ``windows``; weights of the emotions and of the genres.

    ``excerpts``: how many of each track are drawn in advance. ``noise``: rows that are noise, rated at nothing.
    ``mixup``: the parameter of its beta distribution (Zhang et al. 2018), 0 for none. ``even``: p as it would be had
    all tracks been played equally often.
    """

    steps: int = 400
    rows: int = 64
    windows: int = 3
    excerpts: int = 6
    learning_rate: float = 2e-3
    decay: float = 0.1
    warm_up: int = 20
    loss: Loss = "mse"
    emotions: float = 0.5
    genres: float = 0.5
    noise: int = 6  # rows of a batch
    mixup: float = 0.3
    even: bool = False
    augmentation: Augmentation = NONE
    config: RatingConfig | JudgeConfig = field(default_factory=RatingConfig)


TINY = RatingConfig(dim=8)
PRESETS: Mapping[str, tuple[Recipe, int]] = {  # and networks a fold
    "tiny": (Recipe(steps=20, rows=8, windows=1, excerpts=2, warm_up=2, noise=2, config=TINY), 1),
    "cpu": (Recipe(), 5),
    "gpu": (Recipe(steps=800), 10),
}


def ablations(whole: Recipe) -> dict[str, Recipe]:
    """The recipe without one of its parts, or with another in its place."""
    config, every = whole.config, Augmentation()
    if not isinstance(config, RatingConfig):
        raise TypeError("a judge has no ablations")
    return {
        "whole": whole,
        "with_gain": replace(whole, augmentation=replace(NONE, gain_db=every.gain_db)),
        "with_pitch_shift": replace(whole, augmentation=replace(NONE, semitones=every.semitones)),
        "with_time_stretch": replace(whole, augmentation=replace(NONE, stretch=every.stretch)),
        "with_augmentation": replace(whole, augmentation=every),
        "without_emotions": replace(whole, emotions=0.0),
        "without_genres": replace(whole, genres=0.0),
        "without_mixup": replace(whole, mixup=0.0),
        "without_noise": replace(whole, noise=0),
        "with_equal_exposure": replace(whole, even=True),
        "without_attention": replace(whole, config=replace(config, attention=False)),
        "pairwise": replace(whole, loss="pairwise"),
        "ordinal": replace(whole, loss="ordinal"),
    }

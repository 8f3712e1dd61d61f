"""How a network is trained, the presets, and the ablations: each one changes one thing of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .augmentation import Augmentation
from .judge import JudgeConfig
from .network import RatingConfig
from .objective import Loss


@dataclass(frozen=True)
class Recipe:
    """Optimiser steps of ``rows`` excerpts of ``seconds``; weights of the nine emotions and of noise rated at nothing.

    ``mixup``: the parameter of its beta distribution (Zhang et al. 2018), 0 for none. ``even``: p as it would be had
    all tracks been played equally often.
    """

    steps: int = 300
    rows: int = 32
    seconds: float = 6.0
    learning_rate: float = 2e-3
    decay: float = 0.1
    warm_up: int = 20
    loss: Loss = "mse"
    emotions: float = 0.5
    noise: int = 3  # rows of a batch
    mixup: float = 0.3
    even: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    config: RatingConfig | JudgeConfig = field(default_factory=RatingConfig)


TINY = RatingConfig(channels=(4, 6), dim=8, statistics=8)
PRESETS: Mapping[str, tuple[Recipe, int]] = {  # and networks a fold
    "tiny": (Recipe(steps=20, rows=8, seconds=3.0, warm_up=2, noise=2, config=TINY), 1),
    "cpu": (Recipe(), 2),
    "gpu": (Recipe(steps=1500, rows=64, config=RatingConfig(channels=(48, 64, 96, 128), dim=128)), 4),
}


def ablations(whole: Recipe) -> dict[str, Recipe]:
    """The recipe without one of its parts, or with another in its place."""
    most, config = whole.augmentation, whole.config
    if not isinstance(config, RatingConfig):
        raise TypeError("a judge has no ablations")
    return {
        "whole": whole,
        "without_gain": replace(whole, augmentation=replace(most, gain_db=0.0)),
        "without_pitch_shift": replace(whole, augmentation=replace(most, semitones=0.0)),
        "without_time_stretch": replace(whole, augmentation=replace(most, stretch=0.0)),
        "without_augmentation": replace(whole, augmentation=Augmentation(0.0, 0.0, 0.0, 0.0)),
        "without_emotions": replace(whole, emotions=0.0),
        "without_mixup": replace(whole, mixup=0.0),
        "without_noise": replace(whole, noise=0),
        "without_equal_exposure": replace(whole, even=False),
        "without_statistics": replace(whole, config=replace(config, statistics=0)),
        "without_cnn": replace(whole, config=replace(config, channels=())),
        "pairwise": replace(whole, loss="pairwise"),
        "ordinal": replace(whole, loss="ordinal"),
    }

"""Runs of title towers: presets, variants, what a run is called, and how the command line names it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.title import title_encoders
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import SENTENCE, TITLE_KINDS, TitleConfig
from models.title.tunes import Tune
from models.title.two_tower import MELODY_INFORMATION, MELODY_KINDS, TITLE_INFORMATION, TowerConfig

LINEAR = "linear-linear"
REMOVABLE = (*MELODY_INFORMATION, *TITLE_INFORMATION)
VARIANTS = (LINEAR, *(f"{melody}-{title}" for melody, title in itertools.product(MELODY_KINDS[1:], TITLE_KINDS[1:])))
SENTENCE_VARIANTS = tuple(f"{melody}-{SENTENCE}" for melody in MELODY_KINDS[1:])  # where one is installed
CADENCES, BAGS = "cadences", ("linear", "bag")  # what only such melody encoders hear
RUN_NAME = re.compile(r"(?P<variant>\w+-\w+)(?P<without>(?:-no_\w+)*)-(?P<seed>\d+)(?:@(?P<steps>\d+))?")


@dataclass(frozen=True)
class Preset:
    """How much to train: steps at most, pairs a batch, peak learning rate, steps between validations, patience.

    Training stops early after ``patience`` validations without a better one.
    """

    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    patience: int
    variants: tuple[str, ...]
    melody: MelodyConfig
    title: TitleConfig
    weight_decay: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        160,
        128,
        4e-3,
        20,
        4,
        ("cnn-cnn",),
        MelodyConfig(hidden=32, dim=32, layers=2, cadences=True),
        TitleConfig(hidden=32, dim=32),
    ),
    "cpu": Preset(
        400,
        256,
        2e-3,
        40,
        4,
        (LINEAR, *(f"{melody}-bag" for melody in MELODY_KINDS[1:]), "cnn-cnn", "cnn-rnn"),
        MelodyConfig(hidden=64, cadences=True),
        TitleConfig(),
    ),
    "gpu": Preset(
        600,
        512,
        1.5e-3,
        30,
        6,
        VARIANTS,
        MelodyConfig(hidden=128, dim=128, cadences=True),
        TitleConfig(hidden=96, dim=128),
    ),
}


@dataclass(frozen=True)
class TitleRun:
    """One run: its preset, variant, seed, what it doesn't hear, and its tunes by part."""

    preset_name: str
    preset: Preset
    variant: str
    seed: int
    without: tuple[str, ...]
    parts: Mapping[str, Sequence[Tune]]

    @property
    def name(self) -> str:
        """The run's name and folder, as ``RUN_NAME`` reads it."""
        return "-".join([self.variant, *(f"no_{name}" for name in self.without), str(self.seed)])

    @property
    def config(self) -> TowerConfig:
        """The towers of this variant in the preset's sizes."""
        melody, title = self.variant.split("-")
        unheard, unread = (
            tuple(n for n in self.without if n in known) for known in (MELODY_INFORMATION, TITLE_INFORMATION)
        )
        cadences = self.preset.melody.cadences and CADENCES not in self.without
        return TowerConfig(
            replace(self.preset.melody, kind=melody, without=unheard, cadences=cadences),
            replace(self.preset.title, kind=title, without=unread),
        )


def chosen_variants(text: str | None, preset: Preset) -> tuple[str, ...]:
    """The variants that ``text`` names, or the preset's; raises ``SystemExit`` for unknown ones."""
    there = (*VARIANTS, *(SENTENCE_VARIANTS if title_encoders.sentences_available() else ()))
    names = preset.variants if text is None else there if text == "all" else tuple(text.split(","))
    if unknown := [name for name in names if name not in there]:
        missing = "" if title_encoders.sentences_available() else "; for others, pip install 'kallos[sentence]'"
        raise SystemExit(f"{','.join(unknown)} was given; there are {', '.join(there)}{missing}")
    return names


def chosen_members(text: str, preset: Preset) -> list[tuple[str, tuple[str, ...], int, Preset]]:
    """Variant, what it is without, seed and preset of each run that ``--members`` names; raises ``SystemExit``.

    ``@STEPS`` after a name: optimiser steps at most.
    """
    found = []
    for name in text.split(","):
        read = RUN_NAME.fullmatch(name)
        if read is None:
            raise SystemExit(f"--members {name} was given; runs are called VARIANT[-no_INFORMATION]-SEED[@STEPS]")
        (variant,) = chosen_variants(read["variant"], preset)
        without = tuple(read["without"].split("-no_")[1:])
        refuse_to_be_without(without, [variant])
        own = preset if read["steps"] is None else replace(preset, steps=int(read["steps"]))
        found.append((variant, without, int(read["seed"]), own))
    return found


def refuse_to_be_without(without: Sequence[str], variants: Sequence[str]) -> None:
    """Raises ``SystemExit`` where there is no such information or some variant can't do without it."""
    given = ",".join(without)
    if unknown := [name for name in without if name not in (*REMOVABLE, CADENCES)]:
        raise SystemExit(f"{','.join(unknown)} was given; there are {', '.join((*REMOVABLE, CADENCES))}")
    if set(without) & {*MELODY_INFORMATION, CADENCES} and any(name.startswith("style") for name in variants):
        raise SystemExit(f"{given} was to be taken from a style encoder, which hears whole bars; leave it out")
    if CADENCES in without and not all(name.split("-")[0] in BAGS for name in variants):
        raise SystemExit(f"{given} was to be taken away; only {' and '.join(BAGS)} hear {CADENCES} apart")

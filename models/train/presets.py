"""How much to train and on what: presets of the style model, and the music of a run with what it holds out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.metrics.music_statistics import attributes
from models.music import corpora
from models.music.folder import read_folder
from models.music.grouping import group_ids, split
from models.music.notes import Domain, MusicError, Piece
from models.style.checkpoint import StyleBundle, load_style
from models.style.model import StyleConfig
from models.style.windows import WindowSet, make_windows
from models.train.apart import Apart
from models.train.rearrange import UNIFORM, Schedule

CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")
FINE_PRIOR_STEPS = 4000
ONE_VOICE = 1.1  # notes an onset; a folder's pieces below it are taken for dance tunes, others for pop


@dataclass(frozen=True)
class Preset:
    """How much to train: optimiser steps, padded token steps a batch, peak learning rate; the same of the prior.

    The prior's batches are of ``prior_batch`` windows, from ``encoded`` times ``models.train.prior.ENCODED``. Without
    ``kl_warm_up`` steps content collapses before the decoder has learned to listen to it. Batches are made by the
    ``schedule``, or by learning progress that is measured ``probe_every`` steps (``models.train.curiosity``). The style
    codes are fitted for ``code_steps`` steps after that. The learning rate falls over the last ``falling`` of the
    steps. With ``muon`` the matrices move by Muon, which gets further from nothing than AdamW. With ``apart``, what
    groups of latents tell of one another costs ``price`` a nat (``models.train.apart``).
    """

    steps: int
    batch: int
    learning_rate: float
    prior_steps: int
    config: StyleConfig = field(default_factory=StyleConfig)
    kl_warm_up: int = 2000
    prior_batch: int = 128
    encoded: int = 1
    schedule: Schedule = UNIFORM
    probe_every: int = 0
    code_steps: int = 450
    falling: float = 0.2
    muon: bool = False
    apart: Apart | None = None
    price: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(40, 1024, 2e-3, 40, StyleConfig(dim=64, layers=2, heads=2, hidden=64, memory=16), code_steps=20),
    "cpu": Preset(2600, 4096, 1e-3, 6000, kl_warm_up=600, falling=0.4, muon=True),
    "gpu": Preset(7500, 65_536, 2.5e-3, 25_000, kl_warm_up=1500, prior_batch=1024, encoded=3),
}


@dataclass(frozen=True)
class RunMusic:
    """The pieces that a run trains on, their windows, and windows of songs that it doesn't train on."""

    pieces: list[Piece]
    windows: WindowSet
    held_out: WindowSet


def fine_tuning(preset: Preset) -> Preset:
    """The preset for going on from trained weights: AdamW at a low learning rate, the KL at its full weight at once.

    And at most ``FINE_PRIOR_STEPS`` of the prior's steps, since it goes on as well.
    """
    rate = (0.8 if preset.muon else 0.4) * preset.learning_rate
    prior_steps = min(preset.prior_steps, FINE_PRIOR_STEPS)
    return replace(preset, learning_rate=rate, muon=False, falling=0.2, kl_warm_up=0, prior_steps=prior_steps)


@dataclass(frozen=True)
class Origin:
    """The trained weights in ``folder`` that a run went on from.

    ``keeps_latents`` where only its decoder learned: the latents, and so the prior, are still those weights'.
    """

    version: str
    steps: int
    folder: str
    keeps_latents: bool = False

    def write(self, out: Path) -> None:
        """Note it in the run's folder."""
        (out / "origin.json").write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @staticmethod
    def forget(out: Path) -> None:
        """What an earlier run in this folder went on from is no part of the next."""
        (out / "origin.json").unlink(missing_ok=True)

    @classmethod
    def of(cls, out: Path) -> Origin | None:
        """What the run in ``out`` went on from; None where it began from nothing."""
        record = out / "origin.json"
        return cls(**json.loads(record.read_text(encoding="utf-8"))) if record.exists() else None

    def bundle(self) -> StyleBundle:
        """Those weights; raises ``ValueError`` where others lie in their place now."""
        found = load_style(Path(self.folder))
        if found.version != self.version:
            raise ValueError(f"{self.folder} holds {found.version} now, the run began with {self.version}")
        return found

    def told(self) -> dict[str, Any]:
        """What a model card says of it."""
        return {"version": self.version, "steps": self.steps, "keeps_latents": self.keeps_latents}


def training_pieces(data: Path | None) -> list[Piece]:
    """All corpora that are available, or a folder of MIDI and ABC files; every piece has a domain."""
    if data is None:
        there = corpora.registry()
        return [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    loaded = read_folder(data)
    if not loaded.pieces:
        name, reason = next(iter(loaded.broken.items()))
        raise MusicError(f"none of the {len(loaded.broken)} files in {data} can be read, such as {name}: {reason}")
    for name, reason in loaded.broken.items():
        print(f"{name} can't be read and is left out: {reason}")
    return [p if p.domain else replace(p, domain=likely_domain(p)) for p in loaded.pieces]


def likely_domain(piece: Piece) -> Domain:
    """What a piece that nobody has labelled is taken for: a dance tune if it has one voice, else pop."""
    return "dance" if attributes(piece)["notes_per_onset"] < ONE_VOICE else "pop"


def run_music(data: Path | None, out: Path, *, again: bool) -> RunMusic:
    """The music of the run in ``out``: split now and noted in ``out/split.json``, or as noted there (``again``).

    So a run that is taken up later never trains on what it held out, whatever became of the corpora in between.
    Raises ``MusicError`` where nothing can be trained on.
    """
    pieces, record = training_pieces(data), out / "split.json"
    if again and record.exists():
        names = {part: set(found) for part, found in json.loads(record.read_text(encoding="utf-8")).items()}
        missing = set().union(*names.values()) - {name_of(p) for p in pieces}
        if missing:
            raise MusicError(
                f"{len(missing)} pieces of this run are not there now, such as {min(missing)}; give --data or "
                "KALLOS_CORPORA as before, or begin another run"
            )
        parts = {part: [p for p in pieces if name_of(p) in found] for part, found in names.items()}
    else:
        parts = split(pieces, seed=0) if data is None else own_parts(pieces)
        text = json.dumps({part: [name_of(p) for p in found] for part, found in parts.items()})
        record.write_text(text + "\n", encoding="utf-8")
    windows = make_windows(parts["train"])
    held_out = _first_windows([parts["validation"], parts["test"]])
    if data is not None:
        kept = f"{len(held_out.pieces)} held out" if held_out else "none held out: figures are of what is trained on"
        print(f"{len(parts['train'])} pieces with {len(windows)} windows of eight bars to train on, {kept}")
    return RunMusic(parts["train"], windows, held_out or windows)


def own_parts(pieces: list[Piece]) -> dict[str, list[Piece]]:
    """The split of a folder, of which some is trained on and some held out even where it holds two tunes only.

    One tune is all trained on. A split that came with the music stays. Raises ``MusicError`` where nothing is usable.
    """
    windows = make_windows(pieces)
    usable = [windows.pieces[index] for index in np.unique(windows.piece)]
    ids = {name_of(piece) for piece in usable}
    usable = [piece for piece in pieces if name_of(piece) in ids]
    if left := len(pieces) - len(usable):
        print(f"{left} of {len(pieces)} pieces have no eight whole bars to train on and are left out")
    parts = split(usable, seed=0)
    if (parts["train"] and len(parts["train"]) < len(usable)) or any("split" in piece.extra for piece in usable):
        return parts
    groups = group_ids(usable)
    by_size = sorted(set(groups), key=lambda name: (sum(len(p.bars) for p in _of(name, groups, usable)), name))
    held_out = by_size[: min(len(by_size) - 1, max(1, len(by_size) // 10))]  # the shortest: little is lost to training
    chosen = {name: "test" if name in held_out else "train" for name in by_size}
    parts = {part: [] for part in parts}
    for name, piece in zip(groups, usable, strict=True):
        parts[chosen[name]].append(piece)
    return parts


def _of(name: str, groups: Sequence[str], pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for group, piece in zip(groups, pieces, strict=True) if group == name]


def name_of(piece: Piece) -> str:
    """A piece's name over all corpora."""
    return f"{piece.source}/{piece.piece_id}"


def _first_windows(parts: Sequence[Sequence[Piece]]) -> WindowSet | None:
    """Windows of the first part that has any; a few tunes may leave a part without."""
    for pieces in parts:
        try:
            return make_windows(pieces)
        except MusicError:
            continue
    return None

"""What the evaluations of a style model share: their arguments, the model, the music, where the figures go.

All figures of a style model, for ``models.evaluate.style`` and the end of a training on music of one's own.

What a model of one's own needs beside its weights: directions for the studio's dials, and figures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.provenance import commit, data_hash
from models.experiments.report import Report, mean_over_songs, save_evaluation
from models.metrics.intervals import FEW
from models.music.notes import MusicError, Piece
from models.style.checkpoint import MODEL_HELP, StyleBundle, style_argument
from models.style.compose import Composer
from models.style.evaluation.changed import changed, editing
from models.style.evaluation.clips import choose_clips, held_out_pieces
from models.style.evaluation.reconstruction import (
    fidelity_curve,
    quality,
    reconstruction,
    speed,
)
from models.style.evaluation.relations import fit_directions, measure
from models.style.evaluation.swaps import chance_to_find, found_among, several_swaps, swaps
from models.style.latents import Directions
from models.style.pieces.sampling import version_of
from models.style.windows import RunMusic, WindowSet, make_windows

DIALS = 200  # clips at most that directions are fitted on
ENOUGH = 60  # fewer say less of a direction than the model that the training went on from


def complete(bundle: StyleBundle, music: RunMusic, base: StyleBundle | None, *, clips: int, seed: int) -> None:
    """Write ``directions.json`` and ``evaluation.json`` into the bundle's folder; tell how to use it.

    The figures are of ``clips`` held-out clips, of none where that is 0 or they are of fewer than ``FEW`` songs; where
    nothing could be held out they are of what was trained on, and the card says so.
    """
    composer = Composer(bundle)
    run = StyleRun("evaluate.style", composer, music.held_out.pieces, music.held_out, clips, seed, save=True)
    directions_of(run, music, base).save(run.folder)
    held_out = len(set(choose_clips(run.windows, clips, seed).songs)) if clips > 0 else 0
    if composer.writer is None:
        print(
            f"{run.folder} needs a piece model that hears it before it composes and figures can be told: "
            f"python -m models.train.pieces FOLDER --latents {run.folder}"
        )
        return
    if 0 < held_out < FEW:
        print(f"no figures: held-out songs: {held_out}, {FEW} are needed; bring more music")
    elif held_out:
        run.finish(evaluate(run))
    print(f"play it with: KALLOS_MODEL={run.folder.absolute()} kallos serve")


def directions_of(run: StyleRun, music: RunMusic, base: StyleBundle | None) -> Directions:
    """The regression of the latents in this music; one that hardly varies moves as it does in the ``base``."""
    about = {**run.model, "data": {"hash": data_hash(music.pieces)}, "commit": commit(), "seed": run.seed}
    known = Directions.load(base.folder) if base and base.folder else None
    groups = dict(known.groups) if base and known and known.version == base.version else {}
    clips = choose_clips(music.windows, min(DIALS, len(music.windows)), run.seed)
    if len(clips.pieces) >= ENOUGH or not groups:
        found = fit_directions(run.composer, clips, measure(run.composer.model, clips, run.seed), about)
        for name, direction in found.groups.items():
            real = {**(groups[name].real if name in groups else {}), **direction.real}
            groups[name] = replace(direction, real=real)
    return Directions(about, groups)


FEWER = 100  # clips for locks, which compose each of them many times


def evaluate(run: StyleRun) -> Report:
    """All figures of a style model; ends the command where there is too little music."""
    composer, seed = run.composer, run.seed
    with exit_without_music():
        clips = choose_clips(run.windows, run.limit, seed)
    report = run.report(len(clips.pieces))
    greedy = reconstruction(report, composer, clips, seed)
    fidelity_curve(report, composer, clips, seed)
    found = found_among(greedy, clips, seed)
    report.add("reconstruction.original_found", mean_over_songs(clips.songs, found, chance=chance_to_find(clips)))
    swaps(report, composer, clips, seed)
    several_swaps(report, composer, clips, seed)
    editing(report, composer, clips.some(FEWER), seed)
    changed(report, composer, clips, seed)
    quality(report, composer, clips, seed)
    speed(report, composer, seed)
    return report


@dataclass(frozen=True)
class StyleRun:
    """One evaluation: at most ``limit`` of the ``windows`` of ``pieces``; ``save`` keeps its figures."""

    command: str
    composer: Composer
    pieces: list[Piece]
    windows: WindowSet
    limit: int
    seed: int
    save: bool

    @property
    def folder(self) -> Path:
        """The model's."""
        return cast("Path", self.composer.bundle.folder)  # it was loaded from one

    @property
    def model(self) -> dict[str, str | None]:
        """Version and hash of the weights, as a report tells them."""
        sha256 = self.composer.bundle.card.get("sha256", {}).get("style")
        return {"version": self.composer.version, "sha256": sha256}

    def report(self, count: int) -> Report:
        """A report on ``count`` clips or songs."""
        model = {**self.model, "writer": version_of(self.composer.writer)}
        return Report(self.command, {"hash": data_hash(self.pieces), "n": count}, model, self.seed)

    def finish(self, report: Report) -> None:
        """Keep the figures beside the weights where that was asked for, and print them."""
        if self.save:
            save_evaluation(self.folder, report.to_json())
        report.print()


def style_run(argv: list[str] | None, *, command: str, about: str | None, limit: int, of: str) -> StyleRun:
    """The arguments of ``python -m models.COMMAND`` read, its model and its music loaded.

    ``limit`` is how many ``of`` what are taken unless told. Ends the command where there is no music to evaluate on, or
    so little that intervals would say nothing.
    """
    parser = argparse.ArgumentParser(prog=f"python -m models.{command}", description=about)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files, all of it test data")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--limit", type=positive_int, default=limit, help=of)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="keep the figures in the model's folder, for its page")
    given = parser.parse_args(argv)
    composer = Composer(style_argument(given.model))
    with exit_without_music():
        pieces = held_out_pieces(given.data, composer.bundle.folder)
        windows = make_windows(pieces)
        if (found := len(np.unique(windows.piece))) < FEW:
            raise MusicError(f"songs of eight bars: {found}, {FEW} are needed; bring more music")
    return StyleRun(command, composer, pieces, windows, given.limit, given.seed, given.save)

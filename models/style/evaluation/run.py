"""What the evaluations of a style model share: their arguments, the model, the music, where the figures go."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.provenance import data_hash
from models.experiments.report import Report, save_evaluation
from models.metrics.intervals import FEW
from models.music.notes import MusicError, Piece
from models.style.arguments import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.evaluation.clips import choose_clips, held_out_pieces
from models.style.windows import WindowSet, make_windows


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
        return Report(self.command, {"hash": data_hash(self.pieces), "n": count}, self.model, self.seed)

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
        if (found := len(choose_clips(windows, FEW, given.seed).pieces)) < FEW:
            raise MusicError(f"clips of eight bars: {found}, {FEW} are needed; bring more music")
    return StyleRun(command, composer, pieces, windows, given.limit, given.seed, given.save)

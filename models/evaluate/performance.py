"""Is it played as people play? ``python -m models.evaluate.performance [--data DIR] [--model PATH] [--limit N]``.

On songs that the model was not trained on: a classifier tells a pianist's timing, dynamics and articulation from the
model's, from the score as written (deadpan) and from random jitter of the same spread. Then how far each of these
lies from the pianists in how late notes are, how chords are spread, loudness, tempo changes and lengths; the baseline
is one half of the songs beside the other. Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.provenance import data_hash
from models.experiments.report import Report
from models.music.corpora import CORPORA, corpora_folder
from models.music.notes import MusicError
from models.style.evaluation.performance import evaluate
from models.style.performance.checkpoint import SHIPPED, load_performance_model
from models.style.performance.data import PERFORMED, performed_songs


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.performance", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the corpora, or of performed MIDI files, all test data")
    parser.add_argument("--model", default=SHIPPED, help="a shipped model, or OUT/bundle of a run of one's own")
    parser.add_argument("--limit", type=positive_int, default=1000, help="songs")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    try:
        bundle = load_performance_model(given.model)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    folder = given.data or corpora_folder()
    with exit_without_music():
        if folder is None:
            raise MusicError("KALLOS_CORPORA names no folder with Pop1K7; give --data with performed MIDI files")
        os.environ["KALLOS_CORPORA"] = str(folder)
        parts = performed_songs(folder)
        examples = (
            parts["test"]
            if any(CORPORA[PERFORMED].files())
            else [example for part in parts.values() for example in part]
        )
        examples = examples[: given.limit]
        about = {"hash": data_hash([each.piece for each in examples]), "n": len(examples)}
        model = {"version": bundle.version, "sha256": bundle.card["sha256"]["performance"]}
        report = Report("evaluate.performance", about, model, given.seed)
        evaluate(report, examples, bundle.player)
    report.print()


if __name__ == "__main__":
    main()

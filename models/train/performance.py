"""Train how music is played: ``python -m models.train.performance DATA --preset tiny|cpu|gpu --out OUT [--resume]``.

DATA is the folder of the corpora (Pop1K7 is trained on) or a folder of MIDI files as Pop1K7's: notes where a player
put them, beats where the tempo map has them, 4/4 from tick 0. ``--minutes`` ends the run after that time, with the
learning rate falling to its end; else it ends after the preset's steps. OUT has what ``--resume`` needs after the run
was killed, the log (``log.jsonl``), and in ``OUT/bundle`` the weights that validated best so far. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

from models.experiments.arguments import add_run_arguments, exit_without_music, run_folder
from models.experiments.provenance import commit, data_hash
from models.music.corpora import CORPORA
from models.style.performance.training import (
    PARTS,
    PERFORMED,
    PRESETS,
    STATE,
    PerformanceTraining,
    PlayedSet,
    performed_songs,
)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.performance", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the corpora, or of performed MIDI files")
    add_run_arguments(parser, PRESETS, "runs/performance")
    given = parser.parse_args(argv)
    preset = PRESETS[given.preset]
    if given.steps:
        preset = replace(preset, steps=given.steps)
    out = run_folder(given, STATE)
    if not given.data.is_dir():
        raise SystemExit(f"{given.data} is no folder; give the one of the corpora or of performed MIDI files")
    os.environ["KALLOS_CORPORA"] = str(given.data)
    with exit_without_music("train"):
        parts = performed_songs(given.data)
    held_out = {part: [example.piece.piece_id for example in parts[part]] for part in PARTS[1:]}
    train = parts["train"] or [example for part in PARTS for example in parts[part]]
    sets = {"train": PlayedSet.of(train), "validation": PlayedSet.of(parts["validation"] or train)}
    pieces = [example.piece for example in train]
    corpus = CORPORA[PERFORMED]
    about = {
        "hash": data_hash(pieces), "sources": [PERFORMED] if corpus.files() else ["folder"],
        "terms": {PERFORMED: corpus.terms} if corpus.files() else {},
        "pieces": len(pieces), "notes": sum(len(piece.notes) for piece in pieces),
        "held_out": "by song, names in held_out.json",
    }  # fmt: skip
    training = PerformanceTraining(
        given.preset, preset, sets, out, about=about, held_out=held_out, seed=given.seed, minutes=given.minutes
    )
    if given.resume:
        try:
            training.resume()
        except (KeyError, ValueError, RuntimeError) as error:
            raise SystemExit(f"the run in {out} cannot go on as {given.preset}: {error}") from error
    training.run()
    card = json.loads((out / "bundle" / "card.json").read_text(encoding="utf-8"))
    last = {
        "command": "models.train.performance", "version": card["version"], "commit": commit(), "seed": given.seed,
        "steps": training.training.step, "seconds": round(training.seconds, 1), "data": card["data"]["hash"],
        "validation": card["validation"],
    }  # fmt: skip
    print(json.dumps(last))


if __name__ == "__main__":
    main()

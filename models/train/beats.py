"""Train the beat network: ``python -m models.train.beats --preset tiny|cpu|gpu [--data DIR] [--out OUT]``.

On Pop1K7, or on a folder of MIDI files as Pop1K7's: notes where a player put them, beats where the tempo map has them,
4/4 from tick 0. A tenth of the songs is held out, and some of those are measured at the end. OUT gets the bundle; it
takes minutes, so nothing is resumed. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from models.experiments.arguments import exit_without_music, output_folder
from models.experiments.provenance import commit
from models.mood.beat_training import PRESETS, measured, train
from models.mood.beats import divided, load_beats, read_all, save_beats
from models.music.corpora import CORPORA

MEASURED = 20


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.beats", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of performed MIDI files instead of Pop1K7")
    parser.add_argument("--out", type=Path, default=Path("runs/beats"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    preset, out, started = PRESETS[given.preset], output_folder(given.out), time.monotonic()
    with exit_without_music("train"):
        parts = divided(given.data)
        pieces = [played for _, played in read_all(parts["train"].items())]
    network = train(pieces, preset, seed=given.seed)
    some = [played for _, played in read_all([*parts["test"].items()][:MEASURED])]
    found = np.array([measured(network, played) for played in some]).reshape(-1, 2)
    validation = dict(zip(("beat_f", "downbeat_f"), found.mean(0).round(4).tolist(), strict=True)) if len(found) else {}
    card = {
        "name": f"beats-{given.preset}", "preset": given.preset, "steps": preset.steps, "seed": given.seed,
        "dim": preset.dim, "layers": preset.layers,
        "data": {"pieces": len(pieces), "terms": {} if given.data else {"pop1k7": CORPORA["pop1k7"].terms},
                 "held_out": "by song, names in held_out.json"},
        "validation": validation,
    }  # fmt: skip
    save_beats(out, network, card, [*parts["test"]])
    version = load_beats(out).card["version"]
    last = {
        "command": "models.train.beats", "version": version, "commit": commit(), "seed": given.seed,
        "steps": preset.steps, "seconds": round(time.monotonic() - started, 1), "validation": validation,
    }  # fmt: skip
    print(json.dumps(last))


if __name__ == "__main__":
    main()

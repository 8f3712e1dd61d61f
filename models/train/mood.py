"""Train the judges of mood: ``python -m models.train.mood --preset tiny|cpu|gpu [--data DIR] [--out OUT] [--resume]``.

On EMOPIA, or on a folder of music whose ``metadata.csv`` has valence and arousal, or quadrant (``models.mood.labels``).
What the judges hear of the clips takes most of the time: it is kept in OUT, and ``--resume`` goes on from there. OUT
gets the bundle. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from models.experiments.arguments import exit_without_music, output_folder
from models.experiments.provenance import commit, data_hash
from models.mood.judge import FEATURES, Moods, load_mood, save_mood
from models.mood.labels import emopia, labelled_folder
from models.mood.training import PRESETS, crossfit, figures, folds_of, heard
from models.style.checkpoint import terms_of

HEARD = "heard.npz"


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.mood", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of music with moods instead of EMOPIA")
    parser.add_argument("--out", type=Path, default=Path("runs/mood"))
    parser.add_argument("--resume", action="store_true", help="go on with what was heard for --out")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    preset, out, started = PRESETS[given.preset], output_folder(given.out), time.monotonic()
    if given.resume and not (out / HEARD).is_file():
        raise SystemExit(f"there is no {out / HEARD} to resume; leave out --resume to begin")
    with exit_without_music("train"):
        labelled = emopia() if given.data is None else labelled_folder(given.data)
        labelled = labelled.taken(np.flatnonzero(labelled.quadrant >= 0))
        fold = folds_of(labelled.quadrant, labelled.songs, seed=given.seed)
    music = data_hash(labelled.pieces)
    if given.resume:
        with np.load(out / HEARD, allow_pickle=False) as kept:
            told = (str(kept["music"]), int(kept["seed"]), str(kept["preset"]))
            features = {name: kept[name] for name in FEATURES}
        if told != (music, given.seed, given.preset):
            raise SystemExit(f"{out / HEARD} is of other music, another seed or another preset; begin without --resume")
    else:
        features = heard(labelled, preset.variants, seed=given.seed)
        about = {"music": np.array(music), "seed": np.array(given.seed), "preset": np.array(given.preset)}
        np.savez(out / HEARD, allow_pickle=False, **about, **features)
    fits = {name: crossfit(each, labelled.quadrant, fold, preset, seed=given.seed) for name, each in features.items()}
    said = {"both": Moods.mean([each.moods for each in fits.values()])}
    said |= {name: each.moods for name, each in fits.items()}
    validation = {
        name: {key: round(metric.value or 0.0, 4) for key, metric in figures(labelled, moods, given.seed).items()}
        for name, moods in said.items()
    }
    card = {
        "name": f"mood-{given.preset}", "preset": given.preset, "seed": given.seed,
        "hidden": preset.hidden, "members": preset.members,
        "temperature": {name: round(float(each.networks[0].temperature), 3) for name, each in fits.items()},
        "data": {"hash": music, "terms": terms_of(labelled.pieces), "pieces": len(labelled),
                 "held_out": "a fifth of the songs by each network, the fold of each clip in held_out.json"},
        "validation": validation,
    }  # fmt: skip
    save_mood(out, {name: each.judge(name, labelled) for name, each in fits.items()}, card)
    last = {
        "command": "models.train.mood", "version": load_mood(out).version, "commit": commit(), "seed": given.seed,
        "clips": len(labelled), "seconds": round(time.monotonic() - started, 1), "validation": validation["both"],
    }  # fmt: skip
    print(json.dumps(last))


if __name__ == "__main__":
    main()

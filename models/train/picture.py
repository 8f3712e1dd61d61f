"""Train the picture model: ``python -m models.train.picture --preset tiny|cpu|gpu [--data DIR] [--out OUT]``.

DIR holds pictures and films, in folders as deep as you like, or is one film, of which a frame a second is taken;
without it, the drawings below ``KALLOS_CORPORA``. A tenth of their series (of a film, of its shots) is kept for
validation and a tenth for test. OUT gets the log, the state from which ``--resume`` goes on and, in ``bundle``, the
model. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from models.experiments.arguments import add_run_arguments, run_folder
from models.experiments.provenance import commit
from models.picture.autoencoder import PRESETS, load_pictures, save_pictures
from models.picture.collection import Collection, collection
from models.picture.reading import PictureError
from models.picture.training import STATE, arrays, train


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.picture", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of pictures and films, or a film, instead of the drawings")
    add_run_arguments(parser, PRESETS, "runs/picture")
    given = parser.parse_args(argv)
    preset, out, started = PRESETS[given.preset], run_folder(given, STATE), time.monotonic()
    try:
        pictures = collection(given.data)
    except PictureError as error:
        raise SystemExit(f"nothing to train on: {error}") from error
    for line in pictures.unreadable:
        print(line)
    parts = {part: arrays([pictures.pictures[row].pixels for row in rows]) for part, rows in pictures.parts.items()}
    if len(parts["train"]) < 2:
        raise SystemExit(f"nothing to train on: {len(pictures.pictures)} pictures are too few")
    model, steps, validation = train(
        parts, preset, out, seed=given.seed, resume=given.resume, steps=given.steps, minutes=given.minutes,
        about={"what": "picture", "data": pictures.hash, "commit": commit()},
    )  # fmt: skip
    card = {
        "name": f"picture-{given.preset}", "preset": given.preset, "seed": given.seed,
        "steps": steps, "data": _data(pictures), "validation": validation,
    }  # fmt: skip
    held_out = {part: [pictures.pictures[row].path for row in pictures.parts[part]] for part in ("validation", "test")}
    save_pictures(out / "bundle", model, card, held_out)
    last = {
        "command": "models.train.picture", "version": load_pictures(out / "bundle").version, "commit": commit(),
        "seed": given.seed, "pictures": len(parts["train"]), "seconds": round(time.monotonic() - started, 1),
        "validation": validation,
    }  # fmt: skip
    print(json.dumps(last))


def _data(pictures: Collection) -> dict[str, object]:
    return {
        "hash": pictures.hash, "terms": pictures.terms, "pictures": len(pictures.pictures),
        "held_out": "series whole: paths in held_out.json",
    }  # fmt: skip


if __name__ == "__main__":
    main()

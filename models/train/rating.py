"""Train the rating network: ``python -m models.train.rating --data DIR [DIR …] [--preset P] [--out OUT] [--resume]``.

Each DIR has ``plays.csv``, ``ratings.csv`` or ``votes.csv`` (``models.rating.plays``) and the sounds in ``audio/``, or
notes in ``midi/`` as a study's export has them. The tracks of all of them are dealt into five folds; each network
learns from four, from each DIR about equally often, and the bundle in ``OUT/bundle`` is all of them, with a map of the
tracks. A run that was killed goes on with ``--resume``. ``--ablate`` trains, instead of the bundle, the recipe without
one of its parts, and adds what it rates the tracks it has not heard to ``OUT/bundle/ablations.json``; ``--map`` draws
the map of a trained model again, ``--mel`` trains networks on the log-mel picture alone beside one, and ``--biases``
counts what likes depend on beside the sound. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.atlas.projection import LEAST_POINTS
from models.atlas.tracks import TrackMap
from models.experiments.arguments import exit_on_error, output_folder, positive_int
from models.rating.crossfit import RUN, CrossFit
from models.rating.material import Material, limited, load_material
from models.rating.plays import PlaysError, read_all_plays, save_biases
from models.rating.rater import load_bundle
from models.rating.real_sounds import remove_real, save_real
from models.rating.tagger import Features
from models.rating.training import PRESETS, ablations


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.train.rating", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, nargs="+", metavar="DIR", help="folders of plays and sounds"
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs/rating"))
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--smooth", action="store_true", help="p = liked / played · log(1 + liked): one like counts")
    parser.add_argument("--ablate", nargs="+", metavar="NAME", help=f"of {', '.join(ablations(PRESETS['cpu'][0]))}")
    parser.add_argument("--map", metavar="MODEL", help="draw the map of tracks of a trained model, and train nothing")
    parser.add_argument("--mel", metavar="MODEL", help="train networks without a tagger beside a trained model")
    parser.add_argument("--biases", metavar="MODEL", help="count what likes depend on beside the sound; train nothing")
    parser.add_argument("--excerpts", type=Path, metavar="FOLDER", help="save excerpts there, and train nothing")
    parser.add_argument("--of", default="", help="with --excerpts: what the tracks are, as a page says it")
    parser.add_argument("--terms", default="", help="with --excerpts: the terms of the tracks")
    parser.add_argument("--no-excerpts", action="store_true", help="keep no excerpts of the tracks in the bundle")
    parser.add_argument("--steps", type=positive_int, help="optimiser steps of each network, instead of the preset's")
    parser.add_argument("--limit", type=positive_int, help="tracks")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    given = _parser().parse_args(argv)
    recipe, networks = PRESETS[given.preset]
    if given.steps:
        recipe = replace(recipe, steps=given.steps)
    known = ablations(recipe)
    if wrong := [name for name in given.ablate or [] if name not in known]:
        raise SystemExit(f"there is no ablation {', '.join(wrong)}; there are {', '.join(known)}")
    if given.biases:
        _count_biases(given.data, given.biases, given.seed)
        return
    out = output_folder(given.out)
    if given.resume and not (out / RUN).is_file():  # before every sound is decoded
        raise SystemExit(f"there is no {out / RUN} to resume; leave out --resume to begin")
    try:
        material = load_material(
            limited(read_all_plays(given.data), given.limit), smooth=given.smooth, cache=out / "mels"
        )
    except PlaysError as error:
        raise SystemExit(str(error)) from error
    tracks = len(material.digests)
    last = {"command": "models.train.rating", "seed": given.seed, "data": material.hash, "tracks": tracks}
    if given.excerpts:
        about = {"of": given.of, "terms": given.terms, "data": material.hash}
        save_real(given.excerpts, material.pictures, material.digests, seed=given.seed, about=about)
        print(json.dumps({**last, "result": {"excerpts": str(given.excerpts)}}))
        return
    fit = CrossFit(material, out, given.preset, seed=given.seed)
    try:
        found: dict[str, Any]
        if given.map:
            bundle = load_bundle(given.map)
            draw_map(bundle.folder, material, given.seed, fit.heard)
            found = {"map": bundle.version}
        elif given.mel:
            found = fit.mel(load_bundle(given.mel), recipe)
        elif given.ablate:
            found = {name: fit.ablate(name, known[name]) for name in given.ablate}
        else:
            found = fit.train(recipe, networks, resume=given.resume)
            remove_real(out / "bundle")  # of a run before this one
            if not given.no_excerpts:
                about = {"data": material.hash}
                save_real(out / "bundle", material.pictures, material.digests, seed=given.seed, about=about)
            draw_map(out / "bundle", material, given.seed, fit.heard)
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise SystemExit(f"the run in {out} cannot go on: {error}") from error
    print(json.dumps({**last, "result": found}))


def _count_biases(folders: Sequence[Path], model: str, seed: int) -> None:
    """Write ``biases.json`` beside a model's weights."""
    if len(folders) != 1:
        raise SystemExit(f"{len(folders)} folders were given; biases are those of one")
    with exit_on_error():
        bundle = load_bundle(model)
        save_biases(folders[0], bundle.folder, seed)
    print(json.dumps({"command": "models.train.rating", "seed": seed, "result": {"biases": bundle.version}}))


def draw_map(bundle: Path, material: Material, seed: int, heard: Sequence[Features] = ()) -> None:
    """Lay the tracks out for the page that places sounds among them; fewer than a map needs get none."""
    if len(material.digests) >= LEAST_POINTS:
        TrackMap.of(load_bundle(bundle), material, heard=heard, seed=seed).save(bundle)


if __name__ == "__main__":
    main()

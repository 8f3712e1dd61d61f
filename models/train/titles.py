"""Train title towers: ``python -m models.train.titles --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

On O'Neill's, Ryan's and Aird's tunes and their titles, or those of a folder of ABC (CRE stays unheard: the genre probe
is tested on it). A variant is called MELODY-TITLE after its encoders ("cnn-bag"); ``--variants`` takes several or all,
each with ``--seeds`` seeds, one after the other; its towers, state and log lie in ``OUT/VARIANT-SEED``. "linear-linear"
starts from a ridge regression (``models.title.two_tower``), "style_frozen" and "style_tuned" from the style
model, the others from nothing. ``OUT/bundle`` gets the few runs whose mean cosine validates best (forward selection:
Caruana et al. 2004), or with ``--members`` the runs named there, all of them. ``--without`` takes information away from
melodies and titles (``models.title.two_tower``), ``cadences`` how strains end from bags
(``models.title.melody_encoders``).

``--writer`` trains a writer of titles instead (``models.title.writer``), a few minutes of one core, into
``OUT/writer``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from models.music.notes import MusicError
from models.title.runs import (
    CADENCES,
    PRESETS,
    REMOVABLE,
    TitleRun,
    chosen_members,
    chosen_variants,
    refuse_to_be_without,
)
from models.title.training import Validation, ensemble, ensemble_mrr, release, train_all
from models.title.tunes import training_parts
from models.title.two_tower import load_towers
from models.title.writer_training import train_and_release


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.titles", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/titles"))
    parser.add_argument("--resume", action="store_true", help="take up runs in OUT; those that ended stay as they are")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds each variant is trained with")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--variants", help="names with commas between, or all")
    which.add_argument("--members", help="names of runs with commas between: these make the bundle, and no others")
    which.add_argument("--writer", action="store_true", help="a writer of titles instead of towers")
    parser.add_argument("--without", help=f"information to take away, of {', '.join((*REMOVABLE, CADENCES))}")
    parser.add_argument("--steps", type=int, help="optimiser steps at most, instead of the preset's; 0: the start")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, default=1, help="runs that are trained side by side, each in a process")
    given = parser.parse_args(argv)
    preset = PRESETS[given.preset]
    if given.steps is not None:
        preset = replace(preset, steps=given.steps)
    if given.members:
        wanted = chosen_members(given.members, preset)
    else:
        without = tuple(given.without.split(",")) if given.without else ()
        variants, seeds = chosen_variants(given.variants, preset), range(given.seed, given.seed + given.seeds)
        refuse_to_be_without(without, variants)
        wanted = [(variant, without, seed, preset) for variant in variants for seed in seeds]
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    if given.resume and not (out / "split.json").exists():
        raise SystemExit(f"there is no run in {out} to resume; leave out --resume to begin")
    try:
        parts = training_parts(given.data, out, again=given.resume)
    except MusicError as error:
        raise SystemExit(f"nothing to train on: {error}") from error
    if given.writer:
        train_and_release(out / "writer", parts, given.preset, given.seed)
        return
    runs = [TitleRun(given.preset, own, variant, seed, without, parts) for variant, without, seed, own in wanted]
    train_all(runs, out, resume=given.resume, device=given.device, jobs=given.jobs)
    bundles, validation = [load_towers(out / run.name) for run in runs], Validation.of(parts["validation"])
    towers = [bundle.towers.towers[0] for bundle in bundles]
    chosen = range(len(runs)) if given.members else ensemble(validation, towers)
    mrr = ensemble_mrr(validation, [validation.scores(towers[index]) for index in chosen])
    steps = [bundles[index].card["steps"][runs[index].name] for index in chosen]
    release(out / "bundle", [(runs[index], towers[index]) for index in chosen], mrr, steps)
    names = " and ".join(runs[index].name for index in chosen)
    print(f"{out / 'bundle'} holds {names}, validation MRR {mrr:.4f}; evaluate it with:")
    print(f"python -m models.evaluate.titles --model {out / 'bundle'}")


if __name__ == "__main__":
    main()

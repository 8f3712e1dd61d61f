"""Train title towers: ``python -m models.train.titles --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

On O'Neill's, Ryan's and Aird's tunes and their titles, or those of a folder of ABC (CRE stays unheard: the genre probe
is tested on it). A variant is called MELODY-TITLE after its encoders ("cnn-bag"); ``--variants`` takes several or all,
each with ``--seeds`` seeds, one after the other; its towers, state and log lie in ``OUT/VARIANT-SEED``. "linear-linear"
starts from a ridge regression (``linear_start``), "style_frozen" and "style_tuned" from the style model, the others
from nothing. ``OUT/bundle`` gets the few runs whose mean cosine validates best (forward selection: Caruana et al.
2004), or with ``--members`` the runs named there, all of them. ``--without`` takes information away from melodies and
titles (``models.title.removal``), ``cadences`` how strains end from bags (``models.title.melody_bags``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.evaluate.report import commit
from models.music import corpora
from models.music.notes import MusicError
from models.style.checkpoint import load_style
from models.title.checkpoint import load_towers, save_towers
from models.title.style_encoder import StyleEncoder
from models.title.tunes import Tune, split_tunes, tunes_hash, tunes_of
from models.title.two_tower import TowerEnsemble, TwoTower
from models.train.averaged import AveragedTraining
from models.train.linear_start import fit_linear
from models.train.run_log import RunLog, ended
from models.train.side_by_side import side_by_side
from models.train.title_batches import PairBatches
from models.train.title_runs import (
    CADENCES,
    LINEAR,
    PRESETS,
    REMOVABLE,
    Preset,
    TitleRun,
    chosen_members,
    chosen_variants,
    refuse_to_be_without,
)
from models.train.title_validation import Validation

CORPORA = ("oneills1850", "ryansMammoth", "airdsAirs")
MEMBERS = 4  # of an ensemble, at most
TERMS = (
    "Trained on the melodies and titles of O'Neill's, Ryan's and Aird's collections as distributed with music21 by "
    "permission of their encoders, some files non-commercial. See models/weights/LICENSE."
)


def learning_rate(step: int, preset: Preset) -> float:
    """Warm-up over 30 steps, then linear to 5 % at the last step."""
    return preset.learning_rate * min(1.0, (step + 1) / 30, max(0.05, 1 - step / preset.steps))


def train(run: TitleRun, folder: Path, *, resume: bool, device: str, progress: Progress) -> AveragedTraining[TwoTower]:
    """One run in ``folder``: ``log.jsonl`` and ``state.safetensors``; stops early, resumable at its last validation."""
    folder.mkdir(parents=True, exist_ok=True)
    log_path, state = folder / "log.jsonl", folder / "state.safetensors"
    preset, validation = run.preset, Validation.of(run.parts["validation"])
    torch.manual_seed(run.seed)
    training = AveragedTraining(beginning(run).to(device), preset.learning_rate, preset.weight_decay)
    taken_up = resume and state.exists()
    lines = training.resume(state) if taken_up else 0
    if taken_up and ended(log_path):
        return training
    batches = PairBatches(run.parts["train"], preset.batch, run.seed)
    task = progress.add_task(run.name, total=preset.steps, completed=training.step, told="")
    with RunLog(log_path, lines) as log:
        if not taken_up:
            about = {
                "what": "titles",
                "run": run.name,
                "variant": run.variant,
                "without": run.without,
                "preset": run.preset_name,
                "seed": run.seed,
                "config": asdict(run.config),
            }
            counts = {part: len(tunes) for part, tunes in run.parts.items()}
            log.write("run", **about, commit=commit(), tunes=counts, data=tunes_hash(run.parts["train"]))
            _validated(training, validation, log)
        while training.step < preset.steps and waited(training, preset) < preset.patience:
            torch.manual_seed(run.seed * 1_000_003 + training.step)  # dropout
            notes, titles = batches.draw(training.step)
            towers = training.model.train()
            output = towers(towers.played(notes).to(device), towers.spelled(titles).to(device))
            loss = output.loss()
            values = {"loss": loss.item(), "scale": output.scale.item()}
            values["gradient"] = training.update(loss, learning_rate(training.step, preset))
            log.write("metrics", step=training.step, part="train", values=values)
            if training.step % preset.validate_every == 0 or training.step == preset.steps:
                found = _validated(training, validation, log)
                training.save(state, log.lines)
                progress.update(task, told=f"validation MRR {found:.4f}")
            progress.update(task, completed=training.step)
        stopped = "finished" if training.step == preset.steps else "no better validation"
        log.write("end", step=training.step, reason=stopped, best_step=training.best_step, best=training.best_score)
    progress.update(task, completed=preset.steps)
    return training


def train_all(runs: Sequence[TitleRun], out: Path, *, resume: bool, device: str, jobs: int) -> None:
    """Train what has not ended yet, ``jobs`` runs side by side, and write each one's best towers into its folder."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )  # fmt: skip
    with Progress(*columns) as progress:
        whole = progress.add_task("all runs", total=len(runs), told="")
        shown = progress if jobs <= 1 else None
        alone = partial(train_one, out=out, resume=resume, device=device, progress=shown)
        for told in side_by_side(alone, runs, jobs):
            for task in progress.tasks[1:]:
                progress.remove_task(task.id)
            progress.update(whole, advance=1, told=told)


def train_one(run: TitleRun, *, out: Path, resume: bool, device: str, progress: Progress | None) -> str:
    """Train one run and write its best towers into its folder; says how well they validated."""
    shown = progress or Progress(disable=True)
    training = train(run, out / run.name, resume=resume, device=device, progress=shown)
    towers = training.average.cpu()
    towers.load_state_dict(training.best)
    release(out / run.name, [(run, towers)], training.best_score, [training.best_step])
    return f"{run.name}: validation MRR {training.best_score:.4f}"


def beginning(run: TitleRun) -> TwoTower:
    """The towers of a run before their first step: fitted, with transferred weights, or random."""
    towers = TwoTower(run.config)
    if run.variant == LINEAR:
        fit_linear(towers, run.parts["train"])
    elif isinstance(towers.melody, StyleEncoder) and run.config.melody.kind != "style_scratch":
        towers.melody.transfer(load_style().model)
    return towers


def waited(training: AveragedTraining[TwoTower], preset: Preset) -> int:
    """Validations since the best one."""
    return (training.step - training.best_step) // preset.validate_every


def _validated(training: AveragedTraining[TwoTower], validation: Validation, log: RunLog) -> float:
    """Validate the averaged weights, log what they find, and give their MRR."""
    scores = validation.scores(training.average)
    found = validation.measures(scores)
    log.write("metrics", step=training.step, part="validation", values=found)
    for row in validation.predictions(scores):
        log.write("prediction", step=training.step, **row)
    if training.step or training.model.config.melody.kind == "linear":  # towers that know nothing may be lucky
        training.judged(found["mrr"])
    return found["mrr"]


def training_parts(data: Path | None, out: Path, *, again: bool) -> dict[str, list[Tune]]:
    """The tunes by part, split now and noted in ``out/split.json``, or as noted there (``again``).

    Raises ``MusicError`` where there is nothing to train on or to validate with.
    """
    if data is None:
        there = corpora.registry()
        pieces = [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    else:
        pieces = corpora.load_folder(data)
    tunes, record = tunes_of(pieces), out / "split.json"
    if again and record.exists():
        noted = {part: set(names) for part, names in json.loads(record.read_text(encoding="utf-8")).items()}
        parts = {part: [tune for tune in tunes if tune.name in names] for part, names in noted.items()}
    else:
        parts = split_tunes(tunes)
        text = json.dumps({part: [tune.name for tune in found] for part, found in parts.items()}, ensure_ascii=False)
        record.write_text(text + "\n", encoding="utf-8")
    for part, least in (("train", 8), ("validation", 2)):
        if len(parts[part]) < least:
            raise MusicError(f"{len(tunes)} tunes leave {len(parts[part])} for {part}; at least {least} are needed")
    return parts


def ensemble(validation: Validation, candidates: Sequence[TwoTower]) -> list[int]:
    """Which towers' mean cosine validates best: the best ones, then whichever help most, if any do."""
    tables = [validation.scores(towers) for towers in candidates]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < MEMBERS:
        left = [index for index in range(len(tables)) if index not in chosen]
        found = {index: validated_together(validation, [tables[i] for i in (*chosen, index)]) for index in left}
        index = max(found, key=lambda i: found[i], default=-1)
        if index < 0 or found[index] <= best:
            break
        chosen.append(index)
        best = found[index]
    return chosen


def validated_together(validation: Validation, tables: Sequence[Sequence[npt.NDArray[np.float32]]]) -> float:
    """MRR of the mean of several towers' cosines, each ``Validation.scores``."""
    return validation.measures([np.add.reduce(pool) for pool in zip(*tables, strict=True)])["mrr"]


def release(folder: Path, members: Sequence[tuple[TitleRun, TwoTower]], mrr: float, steps: Sequence[int]) -> None:
    """Write the towers of one or several runs, each after so many ``steps``, into ``folder``."""
    run, names = members[0][0], [member.name for member, _ in members]
    card = {
        "name": f"titles-{run.preset_name}",
        "version": f"titles-{run.preset_name}-{'+'.join(f'{n}@{step}' for n, step in zip(names, steps, strict=True))}",
        "preset": run.preset_name,
        "members": names,
        "steps": dict(zip(names, steps, strict=True)),
        "commit": commit(),
        "data": {
            "sources": sorted({tune.source for tune in run.parts["train"]}),
            "hash": tunes_hash(run.parts["train"]),
            "tunes": len(run.parts["train"]),
            "held_out": "whole groups, drawn by hash; by name in held_out.json",
            "terms": TERMS,
        },
        "validation": {"mrr": round(mrr, 5)},
    }
    held_out = {part: [tune.name for tune in tunes] for part, tunes in run.parts.items() if part != "train"}
    save_towers(folder, TowerEnsemble([towers for _, towers in members]), card, held_out)


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
    runs = [TitleRun(given.preset, own, variant, seed, without, parts) for variant, without, seed, own in wanted]
    train_all(runs, out, resume=given.resume, device=given.device, jobs=given.jobs)
    bundles, validation = [load_towers(out / run.name) for run in runs], Validation.of(parts["validation"])
    towers = [bundle.towers.towers[0] for bundle in bundles]
    chosen = range(len(runs)) if given.members else ensemble(validation, towers)
    mrr = validated_together(validation, [validation.scores(towers[index]) for index in chosen])
    steps = [bundles[index].card["steps"][runs[index].name] for index in chosen]
    release(out / "bundle", [(runs[index], towers[index]) for index in chosen], mrr, steps)
    names = " and ".join(runs[index].name for index in chosen)
    print(f"{out / 'bundle'} holds {names}, validation MRR {mrr:.4f}; evaluate it with:")
    print(f"python -m models.evaluate.titles --model {out / 'bundle'}")


if __name__ == "__main__":
    main()

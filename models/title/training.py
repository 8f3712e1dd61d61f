"""Training title towers: one run, many runs, and the ensemble of the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.experiments.optimisation import AveragedTraining, rise_and_fall, share_done
from models.experiments.parallel import run_parallel
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog, ended
from models.style.checkpoint import load_style
from models.title.batches import PairBatches
from models.title.checkpoint import save_towers
from models.title.linear_initialisation import fit_linear
from models.title.runs import (
    LINEAR,
    Preset,
    TitleRun,
)
from models.title.style_encoder import StyleEncoder
from models.title.tunes import tunes_hash
from models.title.two_tower import TowerEnsemble, TwoTower
from models.title.validation import Validation

MEMBERS = 4  # of an ensemble, at most
WARM_UP = 30  # steps
HYPERPARAMETERS = ("batch", "learning_rate", "weight_decay", "validate_every", "patience")  # those that the log tells
TERMS = (
    "Trained on the melodies and titles of O'Neill's, Ryan's and Aird's collections as distributed with music21 by "
    "permission of their encoders, some files non-commercial. See models/weights/LICENSE."
)


def train(run: TitleRun, folder: Path, *, resume: bool, device: str, progress: Progress) -> AveragedTraining[TwoTower]:
    """One run in ``folder``: ``log.jsonl`` and ``state.safetensors``; stops early, resumable at its last validation."""
    folder.mkdir(parents=True, exist_ok=True)
    log_path, state = folder / "log.jsonl", folder / "state.safetensors"
    preset, validation = run.preset, Validation.of(run.parts["validation"])
    torch.manual_seed(run.seed)
    training = AveragedTraining(initial_towers(run).to(device), preset.learning_rate, preset.weight_decay)
    taken_up = resume and state.exists()
    lines = int(training.resume(state)["lines"]) if taken_up else 0
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
                "steps": preset.steps,
                "config": asdict(run.config),
                "hyperparameters": {name: getattr(preset, name) for name in HYPERPARAMETERS},
            }
            counts = {part: len(tunes) for part, tunes in run.parts.items()}
            log.write("run", **about, commit=commit(), tunes=counts, data=tunes_hash(run.parts["train"]))
            _validated(training, validation, log)
        while training.step < preset.steps and validations_without_gain(training, preset) < preset.patience:
            torch.manual_seed(run.seed * 1_000_003 + training.step)  # dropout
            notes, titles = batches.draw(training.step)
            towers = training.model.train()
            output = towers(towers.played(notes).to(device), towers.spelled(titles).to(device))
            loss = output.loss()
            values = {"loss": loss.item(), "scale": output.scale.item()}
            done = share_done(training.step, preset.steps)
            rate = rise_and_fall(preset.learning_rate, training.step, done, warm_up=WARM_UP, least=0.05)
            values["gradient"] = training.update(loss, rate)
            log.write("metrics", step=training.step, part="train", values=values)
            if training.step % preset.validate_every == 0 or training.step == preset.steps:
                found = _validated(training, validation, log)
                training.save(state, {"lines": log.lines})
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
        for told in run_parallel(alone, runs, jobs):
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


def initial_towers(run: TitleRun) -> TwoTower:
    """The towers of a run before their first step: fitted, with transferred weights, or random."""
    towers = TwoTower(run.config)
    if run.variant == LINEAR:
        fit_linear(towers, run.parts["train"])
    elif isinstance(towers.melody, StyleEncoder) and run.config.melody.kind != "style_scratch":
        towers.melody.transfer(load_style().model)
    return towers


def validations_without_gain(training: AveragedTraining[TwoTower], preset: Preset) -> int:
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


def ensemble(validation: Validation, candidates: Sequence[TwoTower]) -> list[int]:
    """Which towers' mean cosine validates best: the best ones, then whichever help most, if any do."""
    tables = [validation.scores(towers) for towers in candidates]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < MEMBERS:
        left = [index for index in range(len(tables)) if index not in chosen]
        found = {index: ensemble_mrr(validation, [tables[i] for i in (*chosen, index)]) for index in left}
        index = max(found, key=lambda i: found[i], default=-1)
        if index < 0 or found[index] <= best:
            break
        chosen.append(index)
        best = found[index]
    return chosen


def ensemble_mrr(validation: Validation, tables: Sequence[Sequence[npt.NDArray[np.float32]]]) -> float:
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

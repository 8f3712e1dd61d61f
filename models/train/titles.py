"""Train title towers: ``python -m models.train.titles --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

On O'Neill's, Ryan's and Aird's tunes and their titles, or those of a folder of ABC (CRE stays unheard: the genre probe
is tested on it). A variant is called MELODY-TITLE after its encoders ("cnn-bag"); ``--variants`` takes several or all,
each with ``--seeds`` seeds, one after the other; its towers, state and log lie in ``OUT/VARIANT-SEED``. "linear-linear"
starts from a ridge regression (``linear_start``), "style_frozen" and "style_tuned" from the style model, the others
from nothing. ``OUT/bundle`` gets the few runs whose mean cosine validates best (forward selection: Caruana et al.
2004). ``--without`` takes information away from melodies and titles (``models.title.removal``).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.evaluate.report import commit
from models.music import corpora
from models.music.notes import MusicError
from models.style.checkpoint import load_style
from models.title import sentences
from models.title.checkpoint import load_towers, save_towers
from models.title.melody_encoders import MelodyConfig
from models.title.removal import OF_MELODIES, OF_TITLES
from models.title.style_encoder import StyleEncoder
from models.title.title_encoders import SENTENCE, TITLE_KINDS, TitleConfig
from models.title.tunes import Tune, split_tunes, tunes_hash, tunes_of
from models.title.two_tower import MELODY_KINDS, TowerConfig, TowerEnsemble, TwoTower
from models.train.averaged import AveragedTraining
from models.train.linear_start import fit_linear
from models.train.run_log import RunLog, ended
from models.train.side_by_side import side_by_side
from models.train.title_batches import PairBatches, Variation
from models.train.title_validation import Validation

CORPORA = ("oneills1850", "ryansMammoth", "airdsAirs")
LINEAR = "linear-linear"
REMOVABLE = (*OF_MELODIES, *OF_TITLES)
VARIANTS = (LINEAR, *(f"{melody}-{title}" for melody, title in itertools.product(MELODY_KINDS[1:], TITLE_KINDS[1:])))
SENTENCE_VARIANTS = tuple(f"{melody}-{SENTENCE}" for melody in MELODY_KINDS[1:])  # where one is installed
COMMON = 20  # tunes that make a type worth naming
EVENED = 0.4  # of the tunes whose type is named: dotted pairs are played even
MEMBERS = 4  # of an ensemble, at most
TERMS = (
    "Trained on the melodies and titles of O'Neill's, Ryan's and Aird's collections as distributed with music21 by "
    "permission of their encoders, some files non-commercial. See models/weights/LICENSE."
)


@dataclass(frozen=True)
class Preset:
    """How much to train: steps at most, pairs a batch, peak learning rate, steps between validations, patience.

    Training stops early after ``patience`` validations without a better one.
    """

    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    patience: int
    variants: tuple[str, ...]
    melody: MelodyConfig
    title: TitleConfig
    weight_decay: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        160,
        128,
        4e-3,
        20,
        4,
        ("cnn-cnn",),
        MelodyConfig(hidden=32, dim=32, layers=2, cadences=True),
        TitleConfig(hidden=32, dim=32),
    ),
    "cpu": Preset(
        400,
        256,
        2e-3,
        40,
        4,
        (LINEAR, *(f"{melody}-bag" for melody in MELODY_KINDS[1:]), "cnn-cnn", "cnn-rnn"),
        MelodyConfig(hidden=64, cadences=True),
        TitleConfig(),
    ),
    "gpu": Preset(
        600,
        512,
        1.5e-3,
        30,
        6,
        VARIANTS,
        MelodyConfig(hidden=128, dim=128, cadences=True),
        TitleConfig(hidden=96, dim=128),
    ),
}


@dataclass(frozen=True)
class TitleRun:
    """One run: its preset, variant, seed, what it doesn't hear, and its tunes by part."""

    preset_name: str
    preset: Preset
    variant: str
    seed: int
    without: tuple[str, ...]
    parts: Mapping[str, Sequence[Tune]]
    typing: float = 0.0  # weight of naming the type of tunes and titles beside finding each other

    @property
    def name(self) -> str:
        """The run's name and folder."""
        typed = ["typed"] if self.typing else []
        return "-".join([self.variant, *typed, *(f"no_{name}" for name in self.without), str(self.seed)])

    @property
    def config(self) -> TowerConfig:
        """The towers of this variant in the preset's sizes."""
        melody, title = self.variant.split("-")
        unheard, unread = (tuple(n for n in self.without if n in known) for known in (OF_MELODIES, OF_TITLES))
        return TowerConfig(
            replace(self.preset.melody, kind=melody, without=unheard),
            replace(self.preset.title, kind=title, without=unread),
            self.types,
        )

    @property
    def types(self) -> tuple[str, ...]:
        """The types that are named while training: those of at least ``COMMON`` training tunes, or none."""
        counts = Counter(tune.genre for tune in self.parts["train"] if tune.genre) if self.typing else Counter[str]()
        return tuple(sorted(kind for kind, count in counts.items() if count >= COMMON))


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
    variation = Variation(even=EVENED if run.typing else 0.0)
    batches = PairBatches(run.parts["train"], preset.batch, run.seed, variation)
    kinds = {kind: index for index, kind in enumerate(run.types)}
    task = progress.add_task(run.name, total=preset.steps, completed=training.step, told="")
    with RunLog(log_path, lines) as log:
        if not taken_up:
            about = {
                "what": "titles",
                "run": run.name,
                "variant": run.variant,
                "without": run.without,
                "typing": run.typing,
                "preset": run.preset_name,
                "seed": run.seed,
                "config": asdict(run.config),
            }
            counts = {part: len(tunes) for part, tunes in run.parts.items()}
            log.write("run", **about, commit=commit(), tunes=counts, data=tunes_hash(run.parts["train"]))
            _validated(training, validation, log)
        while training.step < preset.steps and waited(training, preset) < preset.patience:
            torch.manual_seed(run.seed * 1_000_003 + training.step)  # dropout
            notes, titles, tunes = batches.draw(training.step)
            towers = training.model.train()
            output = towers(towers.played(notes).to(device), towers.spelled(titles).to(device))
            loss = output.loss()
            values = {"loss": loss.item(), "scale": output.scale.item()}
            if kinds:
                named = output.type_loss(
                    torch.tensor([kinds.get(tune.genre or "", -1) for tune in tunes], device=device)
                )
                values["type_loss"] = named.item()
                loss = loss + run.typing * named
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
    release(out / run.name, [(run, towers)], training.best_score)
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


def ensemble(
    validation: Validation, candidates: Sequence[tuple[TitleRun, TwoTower]]
) -> tuple[list[tuple[TitleRun, TwoTower]], float]:
    """The runs whose mean cosine validates best, and its MRR: the best one, then whichever helps most, if any does."""
    tables = [validation.scores(towers) for _, towers in candidates]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < MEMBERS:
        found = {
            index: validation.measures([np.add.reduce(pool) for pool in zip(*together, strict=True)])
            for index in range(len(tables))
            if index not in chosen and (together := [tables[i] for i in (*chosen, index)])
        }
        index = max(found, key=lambda i: found[i]["mrr"], default=-1)
        if index < 0 or found[index]["mrr"] <= best:
            break
        chosen.append(index)
        best = found[index]["mrr"]
    return [candidates[index] for index in chosen], best


def release(folder: Path, members: Sequence[tuple[TitleRun, TwoTower]], mrr: float) -> None:
    """Write the towers of one or several runs into ``folder``."""
    run, names = members[0][0], [member.name for member, _ in members]
    card = {
        "name": f"titles-{run.preset_name}",
        "version": f"titles-{run.preset_name}-{'+'.join(names)}",
        "preset": run.preset_name,
        "members": names,
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


def chosen_variants(text: str | None, preset: Preset) -> tuple[str, ...]:
    """The variants that ``--variants`` names; raises ``SystemExit`` for unknown ones."""
    there = (*VARIANTS, *(SENTENCE_VARIANTS if sentences.available() else ()))
    names = preset.variants if text is None else there if text == "all" else tuple(text.split(","))
    if unknown := [name for name in names if name not in there]:
        missing = "" if sentences.available() else "; for others, pip install 'kallos[sentence]'"
        raise SystemExit(f"--variants {','.join(unknown)} was given; there are {', '.join(there)}{missing}")
    return names


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.titles", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/titles"))
    parser.add_argument("--resume", action="store_true", help="take up runs in OUT; those that ended stay as they are")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds each variant is trained with")
    parser.add_argument("--variants", help="names with commas between, or all")
    parser.add_argument("--without", help=f"information to take away, of {', '.join(REMOVABLE)}")
    parser.add_argument("--steps", type=int, help="optimiser steps at most, instead of the preset's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, default=1, help="runs that are trained side by side, each in a process")
    parser.add_argument("--typing", type=float, default=0.0, help="weight of naming types beside the contrastive loss")
    given = parser.parse_args(argv)
    preset = PRESETS[given.preset]
    if given.steps:
        preset = replace(preset, steps=given.steps)
    without = tuple(given.without.split(",")) if given.without else ()
    if unknown := [name for name in without if name not in REMOVABLE]:
        raise SystemExit(f"--without {','.join(unknown)} was given; there are {', '.join(REMOVABLE)}")
    variants = chosen_variants(given.variants, preset)
    if set(without) & set(OF_MELODIES) and any(name.startswith("style") for name in variants):
        raise SystemExit("--without was given for a style encoder, which hears whole bars; leave its variants out")
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    if given.resume and not (out / "split.json").exists():
        raise SystemExit(f"there is no run in {out} to resume; leave out --resume to begin")
    try:
        parts = training_parts(given.data, out, again=given.resume)
    except MusicError as error:
        raise SystemExit(f"nothing to train on: {error}") from error
    seeds = range(given.seed, given.seed + given.seeds)
    runs = [
        TitleRun(given.preset, preset, variant, seed, without, parts, given.typing)
        for variant in variants
        for seed in seeds
    ]
    train_all(runs, out, resume=given.resume, device=given.device, jobs=given.jobs)
    candidates = [(run, load_towers(out / run.name).towers.towers[0]) for run in runs]
    members, mrr = ensemble(Validation.of(parts["validation"]), candidates)
    release(out / "bundle", members, mrr)
    names = " and ".join(run.name for run, _ in members)
    print(f"{out / 'bundle'} holds {names}, validation MRR {mrr:.4f}; evaluate it with:")
    print(f"python -m models.evaluate.titles --model {out / 'bundle'}")


if __name__ == "__main__":
    main()

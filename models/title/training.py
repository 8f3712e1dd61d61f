"""Training title towers: presets and variants, batches, validation, one run, many runs side by side, the best ensemble.

A batch has no near-duplicates, and each is a little different every time. It is drawn from its seed and step alone, so
a run that is resumed continues with the batches it would have had.

A run is watched by retrieval on validation tunes, and by the predictions for a watch-list that never changes. Every
query is ranked among the tunes (or titles) of its own collection: which collection a title comes from is easy to hear
and says nothing about the tune.

Runs side by side have a process each. Small models wait for a GPU's launches, not for its arithmetic, so many of them
train on one GPU about as fast as one.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress

from models.experiments.optimisation import AveragedTraining, progress_bar, rise_and_fall, share_done
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog, ended
from models.metrics.retrieval import Ranking, chance, measures, positions, ranked
from models.music.dance_types import unit_hash
from models.music.grouping import title_key
from models.style.checkpoint import load_style
from models.title import title_encoders
from models.title.melody_encoders import MelodyConfig, StyleEncoder
from models.title.title_encoders import SENTENCE, TITLE_KINDS, TitleConfig
from models.title.tunes import FIELDS, IntTable, Pool, Tune, make_pool, tunes_hash
from models.title.two_tower import (
    MELODY_INFORMATION,
    MELODY_KINDS,
    TITLE_INFORMATION,
    TowerConfig,
    TowerEnsemble,
    TwoTower,
    fit_linear,
    save_towers,
)

LINEAR = "linear-linear"
REMOVABLE = (*MELODY_INFORMATION, *TITLE_INFORMATION)
VARIANTS = (LINEAR, *(f"{melody}-{title}" for melody, title in itertools.product(MELODY_KINDS[1:], TITLE_KINDS[1:])))
SENTENCE_VARIANTS = tuple(f"{melody}-{SENTENCE}" for melody in MELODY_KINDS[1:])  # where one is installed
CADENCES, BAGS = "cadences", ("linear", "bag")  # what only such melody encoders hear
RUN_NAME = re.compile(r"(?P<variant>\w+-\w+)(?P<without>(?:-no_\w+)*)-(?P<seed>\d+)(?:@(?P<steps>\d+))?")

WATCHED = 8  # titles, and as many tunes
NEAREST = 10
LEAST_POOL = 2  # tunes of a collection that make a pool

MEMBERS = 4  # of an ensemble, at most
WARM_UP = 30  # steps
HYPERPARAMETERS = ("batch", "learning_rate", "weight_decay", "validate_every", "patience")  # those that the log tells
TERMS = (
    "Trained on the melodies and titles of O'Neill's, Ryan's and Aird's collections as distributed with music21 by "
    "permission of their encoders, some files non-commercial. See models/weights/LICENSE."
)

Item = TypeVar("Item")
Done = TypeVar("Done")


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

    @property
    def name(self) -> str:
        """The run's name and folder, as ``RUN_NAME`` reads it."""
        return "-".join([self.variant, *(f"no_{name}" for name in self.without), str(self.seed)])

    @property
    def config(self) -> TowerConfig:
        """The towers of this variant in the preset's sizes."""
        melody, title = self.variant.split("-")
        unheard, unread = (
            tuple(n for n in self.without if n in known) for known in (MELODY_INFORMATION, TITLE_INFORMATION)
        )
        cadences = self.preset.melody.cadences and CADENCES not in self.without
        return TowerConfig(
            replace(self.preset.melody, kind=melody, without=unheard, cadences=cadences),
            replace(self.preset.title, kind=title, without=unread),
        )


def chosen_variants(text: str | None, preset: Preset) -> tuple[str, ...]:
    """The variants that ``text`` names, or the preset's; raises ``SystemExit`` for unknown ones."""
    there = (*VARIANTS, *(SENTENCE_VARIANTS if title_encoders.sentences_available() else ()))
    names = preset.variants if text is None else there if text == "all" else tuple(text.split(","))
    if unknown := [name for name in names if name not in there]:
        missing = "" if title_encoders.sentences_available() else "; for others, pip install 'kallos[sentence]'"
        raise SystemExit(f"{','.join(unknown)} was given; there are {', '.join(there)}{missing}")
    return names


def chosen_members(text: str, preset: Preset) -> list[tuple[str, tuple[str, ...], int, Preset]]:
    """Variant, what it is without, seed and preset of each run that ``--members`` names; raises ``SystemExit``.

    ``@STEPS`` after a name: optimiser steps at most.
    """
    found = []
    for name in text.split(","):
        read = RUN_NAME.fullmatch(name)
        if read is None:
            raise SystemExit(f"--members {name} was given; runs are called VARIANT[-no_INFORMATION]-SEED[@STEPS]")
        (variant,) = chosen_variants(read["variant"], preset)
        without = tuple(read["without"].split("-no_")[1:])
        refuse_to_be_without(without, [variant])
        own = preset if read["steps"] is None else replace(preset, steps=int(read["steps"]))
        found.append((variant, without, int(read["seed"]), own))
    return found


def refuse_to_be_without(without: Sequence[str], variants: Sequence[str]) -> None:
    """Raises ``SystemExit`` where there is no such information or some variant can't do without it."""
    given = ",".join(without)
    if unknown := [name for name in without if name not in (*REMOVABLE, CADENCES)]:
        raise SystemExit(f"{','.join(unknown)} was given; there are {', '.join((*REMOVABLE, CADENCES))}")
    if set(without) & {*MELODY_INFORMATION, CADENCES} and any(name.startswith("style") for name in variants):
        raise SystemExit(f"{given} was to be taken from a style encoder, which hears whole bars; leave it out")
    if CADENCES in without and not all(name.split("-")[0] in BAGS for name in variants):
        raise SystemExit(f"{given} was to be taken away; only {' and '.join(BAGS)} hear {CADENCES} apart")


@dataclass(frozen=True)
class Variation:
    """How pairs are varied: chances of hearing an excerpt, of missing a field for a whole tune, of missing a word."""

    excerpt: float = 0.5
    shortest: float = 0.4  # of an excerpt, as a share of the tune
    field: float = 0.1
    word: float = 0.1


class PairBatches:
    """Draws batches of ``size`` pairs from ``tunes``; fewer where there are fewer groups."""

    def __init__(self, tunes: Sequence[Tune], size: int, seed: int, variation: Variation | None = None) -> None:
        groups: dict[str, list[Tune]] = defaultdict(list)
        for tune in tunes:
            groups[tune.group].append(tune)
        self.groups, self.size, self.seed = list(groups.values()), size, seed
        self.variation = variation or Variation()

    def pairs(self, step: int) -> list[tuple[Tune, str]]:
        """The tunes of a batch and the title asked for each; no two of one group or with a title in common."""
        rng = np.random.default_rng([self.seed, step])
        chosen: list[tuple[Tune, str]] = []
        taken: set[str] = set()
        for index in rng.permutation(len(self.groups)):
            members = self.groups[index]
            tune = members[rng.integers(len(members))]
            keys = {title_key(title) for member in members for title in member.titles}
            if taken.isdisjoint(keys):
                taken |= keys
                chosen.append((tune, tune.titles[rng.integers(len(tune.titles))]))
            if len(chosen) == self.size:
                break
        return chosen

    def draw(self, step: int) -> tuple[list[IntTable], list[str]]:
        """The melodies and titles of batch ``step``, varied."""
        rng = np.random.default_rng([self.seed, step, 1])
        pairs = self.pairs(step)
        notes = [varied_notes(tune.notes, self.variation, rng) for tune, _ in pairs]
        return notes, [varied_title(title, self.variation, rng) for _, title in pairs]


def varied_notes(notes: IntTable, variation: Variation, rng: np.random.Generator) -> IntTable:
    """An excerpt of the tune, perhaps, with a field or more unheard; but each note's position is always told."""
    first, count = 0, len(notes)
    if rng.random() < variation.excerpt:
        count = max(2, int(len(notes) * rng.uniform(variation.shortest, 1.0)))
        first = int(rng.integers(len(notes) - count + 1))
    silent = rng.random(len(FIELDS)) < variation.field
    silent[FIELDS.index("position")] = False
    varied = notes[first : first + count].copy()
    varied[:, silent] = -1
    return varied


def varied_title(title: str, variation: Variation, rng: np.random.Generator) -> str:
    """The title, perhaps without some of its words; never without all."""
    words = title.split()
    return " ".join(word for word in words if rng.random() >= variation.word) or title


@dataclass(frozen=True)
class Validation:
    """Pools of validation tunes, one a collection, the largest first: the first by hash of that one are watched."""

    pools: tuple[Pool, ...]

    @classmethod
    def of(cls, tunes: Sequence[Tune]) -> Validation:
        """From the validation part, which must hold two tunes of one collection."""
        sources = sorted({tune.source for tune in tunes})
        found = [[tune for tune in tunes if tune.source == source] for source in sources]
        pools = [make_pool(part) for part in found if len(part) >= LEAST_POOL]
        if not pools:
            raise ValueError(f"{len(tunes)} tunes to validate on; at least {LEAST_POOL} of one collection are needed")
        return cls(tuple(sorted(pools, key=lambda pool: -len(pool.tunes))))

    def scores(self, towers: TwoTower) -> list[npt.NDArray[np.float32]]:
        """Cosines ``(titles, tunes)`` of each pool; ``towers`` in eval mode."""
        return [towers.titles(pool.titles) @ towers.melodies(pool.tunes).T for pool in self.pools]

    def measures(self, scores: Sequence[npt.NDArray[np.float32]]) -> dict[str, float]:
        """All measures of both directions, and ``mrr``, the mean of the two that training is stopped by."""
        found: dict[str, float] = {}
        for direction, turned in (("title_to_melody", False), ("melody_to_title", True)):
            rankings = [
                ranked(table.T, pool.right.T, 0) if turned else ranked(table, pool.right, 0)
                for pool, table in zip(self.pools, scores, strict=True)
            ]
            expected = [len(r) * chance(r.right, r.pool)["mrr"] for r in rankings]
            together = _together(rankings)
            found |= {f"{direction}.{name}": value for name, value in measures(together).items()}
            found[f"{direction}.chance_mrr"] = sum(expected) / len(together)
        found["mrr"] = (found["title_to_melody.mrr"] + found["melody_to_title.mrr"]) / 2
        return found

    def predictions(self, scores: Sequence[npt.NDArray[np.float32]]) -> Iterator[dict[str, Any]]:
        """A row for each watched title and tune: its rank and the nearest items, best first."""
        pool, table = self.pools[0], scores[0]
        tunes = [{"item": tune.name, "label": tune.titles[0]} for tune in pool.tunes]
        titles = [{"item": title, "label": title} for title in pool.titles]
        yield from _nearest("title_to_melody", titles, tunes, table, pool.right)
        yield from _nearest("melody_to_title", tunes, titles, table.T, pool.right.T)


def _together(rankings: Sequence[Ranking]) -> Ranking:
    return Ranking(
        best=np.concatenate([found.best for found in rankings]),
        dcg=np.concatenate([found.dcg for found in rankings]),
        ndcg=np.concatenate([found.ndcg for found in rankings]),
        right=np.concatenate([found.right for found in rankings]),
        pool=max(found.pool for found in rankings),
    )


def _nearest(
    direction: str,
    queries: Sequence[Mapping[str, str]],
    items: Sequence[Mapping[str, str]],
    scores: npt.NDArray[np.float32],
    right: npt.NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    """Rows of the watched ones among ``queries``: the first by hash, whatever their order."""
    places = positions(scores, 0)
    for row in sorted(range(len(queries)), key=lambda i: unit_hash(queries[i]["item"]))[:WATCHED]:
        yield {
            "direction": direction,
            "query": queries[row]["item"],
            "label": queries[row]["label"],
            "pool": len(items),
            "rank": int(places[row][right[row]].min()),
            "top": [
                {**items[i], "score": round(float(scores[row, i]), 4), "right": bool(right[row, i])}
                for i in np.argsort(places[row])[:NEAREST].tolist()
            ],
        }


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
    with progress_bar("{task.description}", "told") as progress:
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


def run_parallel(work: Callable[[Item], Done], items: Sequence[Item], jobs: int) -> Iterator[Done]:
    """``work`` on each item, ``jobs`` at a time with one thread each, in the order of ``items``; 1 job: right here."""
    if jobs <= 1:
        yield from map(work, items)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(work, items)

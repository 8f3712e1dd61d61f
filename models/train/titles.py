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
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from models.experiments.optimisation import AveragedTraining, rise_and_fall, share_done
from models.music.notes import MusicError
from models.title.melody_encoders import LinearEncoder, MelodyConfig, padded
from models.title.training import (
    CADENCES,
    PRESETS,
    REMOVABLE,
    TERMS,
    WARM_UP,
    PairBatches,
    TitleRun,
    Validation,
    Variation,
    chosen_members,
    chosen_variants,
    ensemble,
    ensemble_mrr,
    refuse_to_be_without,
    release,
    train_all,
)
from models.title.tunes import Tune, training_parts, tunes_hash
from models.title.two_tower import load_towers
from models.title.writer import TitleWriter, WriterConfig, save_writer

NO_MELODY = 0.2  # of the pairs in training
LEAST_GAIN = 1e-9
WHOLE_TITLES = Variation(word=0.0)


@dataclass(frozen=True)
class WriterPreset:
    """How much to train: steps at most, pairs a batch, peak learning rate, steps between validations, patience."""

    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    patience: int
    config: WriterConfig
    weight_decay: float = 0.05


WRITER_PRESETS: Mapping[str, WriterPreset] = {
    "tiny": WriterPreset(120, 64, 1e-2, 20, 3, WriterConfig(MelodyConfig("bag", 16, 8), width=16, hidden=48)),
    "cpu": WriterPreset(900, 128, 6e-3, 50, 3, WriterConfig(MelodyConfig("bag", 48, 24))),
    "gpu": WriterPreset(1800, 128, 6e-3, 50, 6, WriterConfig(MelodyConfig("bag", 96, 48), hidden=512)),
}


@dataclass(frozen=True)
class TrainedWriter:
    """A writer after ``steps``, in eval mode, and its nats a letter on the validation tunes."""

    writer: TitleWriter
    steps: int
    nats: float


def train_writer(parts: Mapping[str, Sequence[Tune]], preset: WriterPreset, seed: int) -> TrainedWriter:
    """The weights that validate best, of the running mean of all."""
    torch.manual_seed(seed)
    writer = TitleWriter(preset.config)
    if isinstance(writer.melody, LinearEncoder):
        writer.melody.fit(padded([tune.notes for tune in parts["train"]]))
    training = AveragedTraining(writer, preset.learning_rate, preset.weight_decay)
    batches = PairBatches(parts["train"], preset.batch, seed, WHOLE_TITLES)
    for step in track(range(preset.steps), f"writer of titles, at most {preset.steps} steps"):
        torch.manual_seed(seed * 1_000_003 + step)  # dropout
        notes, titles = batches.draw(step)
        loss = batch_loss(training.model.train(), padded(notes), titles)
        done = share_done(step, preset.steps)
        training.update(loss, rise_and_fall(preset.learning_rate, step, done, warm_up=WARM_UP, least=0.05))
        if training.step % preset.validate_every == 0:
            training.judged(math.exp(-nats_a_letter(training.average, parts["validation"])))
            if training.step - training.best_step >= preset.patience * preset.validate_every:
                break
    training.average.load_state_dict(training.best)
    return TrainedWriter(training.average, training.best_step, -math.log(max(training.best_score, LEAST_GAIN)))


def batch_loss(writer: TitleWriter, notes: Tensor, titles: Sequence[str]) -> Tensor:
    """Nats a letter, of which some titles have no melody."""
    vectors = writer.melody(notes)
    known = torch.rand(len(titles), 1) >= NO_MELODY
    told, letters = writer.nats(torch.where(known, vectors, writer.no_melodies(len(titles))), titles)
    return told.sum() / letters.sum()


@torch.inference_mode()
def nats_a_letter(writer: TitleWriter, tunes: Sequence[Tune], *, melody: bool = True) -> float:
    """The mean over all letters of all titles of ``tunes``, with their melodies or with none; in eval mode."""
    owners = [row for row, tune in enumerate(tunes) for _ in tune.titles]
    vectors = writer.melodies(tunes)[owners] if melody else writer.no_melodies(len(owners))
    told, letters = writer.nats(vectors, [title for tune in tunes for title in tune.titles])
    return float(told.sum() / letters.sum())


def train_and_release(folder: Path, parts: Mapping[str, Sequence[Tune]], preset: str, seed: int) -> None:
    """Train a writer, write it with its card into ``folder``, and say how well it validates."""
    trained = train_writer(parts, WRITER_PRESETS[preset], seed)
    without = nats_a_letter(trained.writer, parts["validation"], melody=False)
    card = {
        "name": f"title-writer-{preset}",
        "preset": preset,
        "seed": seed,
        "steps": trained.steps,
        "data": {
            "sources": sorted({tune.source for tune in parts["train"]}),
            "hash": tunes_hash(parts["train"]),
            "tunes": len(parts["train"]),
            "held_out": "whole groups, drawn by hash; by name in held_out.json",
            "terms": TERMS,
        },
        "validation": {"nats": round(trained.nats, 4), "nats_without_melody": round(without, 4)},
    }
    held_out = {part: [tune.name for tune in tunes] for part, tunes in parts.items() if part != "train"}
    save_writer(folder, trained.writer, card, held_out)
    print(f"{folder}: {trained.nats:.4f} nats a letter on validation, {without:.4f} without the melody; evaluate it:")
    print(f"python -m models.evaluate.titles --generation --writer {folder}")


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
    print(f"python -m models.evaluate.titles --model {out / 'bundle'}{f' --data {given.data}' if given.data else ''}")


if __name__ == "__main__":
    main()

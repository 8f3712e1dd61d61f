"""The training loop of the style model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.experiments.optimisation import MasterWeights, rise_and_fall, share_done
from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import run_row
from models.music.tokens import POSITION, POSITIONS
from models.style.curiosity import PROBES, Curiosity
from models.style.model import StyleModel
from models.style.objective import independence_penalty, step_loss, validate
from models.style.presets import Preset
from models.style.rearrange import UNIFORM, Schedule, Swaps, draw_swaps
from models.style.windows import Batch, WindowSet, batches

LOG_EVERY, SAVE_EVERY, WARM_UP = 50, 500, 200  # steps
HYPERPARAMETERS = ("batch", "learning_rate", "kl_warm_up", "falling", "muon", "probe_every", "penalty", "price")
WORKERS = 10  # processes that make batches for a GPU


def learning_rate(step: int, preset: Preset) -> float:
    """What it is at ``step`` of the preset's steps."""
    done = share_done(step, preset.steps)
    return rise_and_fall(preset.learning_rate, step, done, warm_up=WARM_UP, falling=preset.falling)


TrainingBatch = tuple[Batch, Swaps]


class _Stream(IterableDataset[TrainingBatch]):
    """Batches from ``first`` on with swaps in them, each process of a loader making its share."""

    def __init__(self, windows: WindowSet, steps_per_batch: int, seed: int, first: int, schedule: Schedule) -> None:
        self.windows, self.steps_per_batch, self.seed, self.first = windows, steps_per_batch, seed, first
        self.schedule = schedule

    def __iter__(self) -> Iterator[TrainingBatch]:
        worker = get_worker_info()
        own, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        first, size = self.first + own, self.steps_per_batch
        share = self.schedule.domain_share
        stream = batches(
            self.windows, steps_per_batch=size, seed=self.seed, first=first, stride=stride, domain_share=share
        )
        for number, batch in zip(count(first, stride), stream, strict=False):
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            yield batch, draw_swaps(batch[0], batch[1], generator, self.schedule)


def batch_loader(
    windows: WindowSet,
    steps_per_batch: int,
    *,
    seed: int,
    first: int = 0,
    workers: int = 0,
    schedule: Schedule = UNIFORM,
) -> DataLoader[TrainingBatch]:
    """Training batches (``models.style.windows.batches``) and swaps in each, by the ``schedule``.

    In the same order by however many ``workers``, processes that make them ahead.
    """
    return DataLoader(_Stream(windows, steps_per_batch, seed, first, schedule), batch_size=None, num_workers=workers)


def train(
    preset: Preset,
    windows: WindowSet,
    held_out: WindowSet,
    out: Path,
    *,
    seed: int,
    resume: bool,
    device: str,
    start: StyleModel | None = None,
) -> MasterWeights[StyleModel]:
    """Train on ``windows``, log to ``out/log.jsonl``, save to ``out/state.safetensors``; resumable there.

    ``start`` has the weights to begin with, where it isn't from nothing.
    """
    torch.manual_seed(seed)
    model = (start or StyleModel(preset.config)).to(device)
    training = MasterWeights(model, preset.learning_rate, orthogonal=model.matrices() if preset.muon else ())
    if resume:
        try:
            training.resume(out / "state.safetensors")
        except ValueError as error:
            raise SystemExit(str(error)) from error
    workers = WORKERS if device != "cpu" else 1
    penalty = independence_penalty(preset.penalty, preset.price, preset.config, device)
    curiosity = Curiosity(held_out, out / PROBES, training.step) if preset.probe_every else None

    def stream_from(step: int) -> Iterator[TrainingBatch]:
        schedule = curiosity.schedule if curiosity else preset.schedule
        return iter(batch_loader(windows, preset.batch, seed=seed, first=step, workers=workers, schedule=schedule))

    stream = stream_from(training.step)
    started, notes_seen = time.monotonic(), 0
    columns = (
        TextColumn("style"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(*columns) as progress, (out / "log.jsonl").open("a", encoding="utf-8") as log:
        if training.step == 0:
            about = {"seed": seed, "data": data_hash(windows.pieces), "commit": commit(), "steps": preset.steps}
            chosen = {name: getattr(preset, name) for name in HYPERPARAMETERS}
            begin = run_row("style", **about, config=asdict(preset.config), hyperparameters=chosen)
            print(begin, file=log, flush=True)
        task = progress.add_task("style", total=preset.steps, completed=training.step, loss="")
        while training.step < preset.steps:
            if curiosity and training.step % preset.probe_every == 0:
                curiosity.look(training.working, training.step)
                stream = stream_from(training.step)
            batch, swaps = next(stream)
            tokens, domain = (part.to(device) for part in batch)
            notes_seen += int((tokens[..., POSITION] < POSITIONS).sum())
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + training.step)
            warmth = max(0.02, min(1.0, training.step / preset.kl_warm_up)) if preset.kl_warm_up else 1.0
            losses = step_loss(
                training.working,
                tokens,
                domain,
                generator,
                swaps=swaps.to(device),
                warmth=warmth,
                penalty=penalty,
            )
            gradient = training.update(losses["total"], learning_rate(training.step, preset))
            if penalty:
                penalty.learn()
            progress.update(task, completed=training.step)
            last = training.step == preset.steps
            if training.step % LOG_EVERY == 0 or last:
                found = {name: value.item() for name, value in losses.items()}
                speed = notes_seen / (time.monotonic() - started)
                row = {"step": training.step, **found, "gradient": gradient, "notes_per_second": speed}
                print(json.dumps(row), file=log, flush=True)
                progress.update(task, loss=f"{found['total']:.3f}")
            if training.step % SAVE_EVERY == 0 or last:
                found = validate(training.working, held_out, seed=1)
                print(json.dumps({"step": training.step, "validation": found}), file=log, flush=True)
                training.save(out / "state.safetensors")
    return training

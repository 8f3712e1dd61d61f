"""Train the style model: ``python -m models.train.style --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

``--from BUNDLE`` goes on from trained weights ("default" or a folder) instead of from nothing, as fine-tuning on a
folder of one's own music does: ``--from default --data DIR --steps 500``. With ``--keep-latents`` the decoder alone
learns, and the prior over its latents stays as it is. ``--curious`` draws what to train on by learning progress.

The style model first, then its style codes (``models.train.codes``) and the prior over its latents, then all that
ships with them (fingerprint of the training songs, taste space, card). The learning rate stays constant and falls over
the last fifth of the steps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.evaluate.given import enough_music, folder_to_write, style_given
from models.evaluate.report import commit
from models.music.tokens import POSITION, POSITIONS
from models.style.card import SHIPPED_STYLE
from models.style.model import StyleModel
from models.style.release import data_hash
from models.style.windows import Batch, WindowSet, batches
from models.train.apart import kept_apart
from models.train.bfloat16 import MasterWeights, trained_weights
from models.train.curiosity import PROBES, Curiosity
from models.train.objective import step_loss, validate
from models.train.presets import PRESETS, Origin, Preset, fine_tuning, run_music
from models.train.prior import finish
from models.train.rearrange import UNIFORM, Schedule, Swaps, draw_swaps
from models.train.run_log import run_row
from models.train.whole import complete

LOG_EVERY, SAVE_EVERY = 50, 500  # steps
PROBED = 30  # times that a curious run measures its learning progress
WORKERS = 10  # processes that make batches for a GPU


def learning_rate(step: int, preset: Preset) -> float:
    """Warm-up over 200 steps, constant, then linear to 2 % over the last ``preset.falling``."""
    left = (preset.steps - step) / (preset.falling * preset.steps)
    return preset.learning_rate * min(1.0, (step + 1) / 200, max(0.02, left))


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


def made_ahead(
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
    keep_latents: bool = False,
) -> MasterWeights[StyleModel]:
    """Train on ``windows``, log to ``out/log.jsonl``, save to ``out/state.safetensors``; resumable there.

    ``start`` has the weights to begin with, where it isn't from nothing; ``keep_latents`` leaves its encoders alone.
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
    apart = kept_apart(preset.apart, preset.price, preset.config, device)
    curiosity = Curiosity(held_out, out / PROBES, training.step) if preset.probe_every else None

    def stream_from(step: int) -> Iterator[TrainingBatch]:
        schedule = curiosity.schedule if curiosity else preset.schedule
        return iter(made_ahead(windows, preset.batch, seed=seed, first=step, workers=workers, schedule=schedule))

    stream = stream_from(training.step)
    started, notes_seen = time.monotonic(), 0
    columns = (
        TextColumn("style"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(*columns) as progress, (out / "log.jsonl").open("a", encoding="utf-8") as log:
        if training.step == 0:
            print(run_row("style", seed=seed, data=data_hash(windows.pieces), commit=commit()), file=log, flush=True)
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
                keep_latents=keep_latents,
                apart=apart,
            )
            gradient = training.update(losses["total"], learning_rate(training.step, preset))
            if apart:
                apart.learn()
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


def beginning(arguments: argparse.Namespace, preset: Preset, out: Path) -> tuple[StyleModel | None, Origin | None]:
    """The model to begin with, where it isn't a new one, and where the run in ``out`` comes from, noted there.

    Ends the command where that can't be: what is to be resumed, or gone on from, is not there or of another form.
    """
    state = out / "state.safetensors"
    if arguments.resume and not state.exists():
        raise SystemExit(f"there is no {state} to resume; leave out --resume to begin")
    if arguments.keep_latents and not (arguments.start or arguments.resume):
        raise SystemExit("--keep-latents needs the weights whose latents they are; give --from as well")
    start = None
    if not arguments.resume:
        Origin.forget(out)
        if arguments.start:
            bundle = style_given(str(SHIPPED_STYLE) if arguments.start == "default" else arguments.start)
            if bundle.model.config != preset.config:
                raise SystemExit(f"{bundle.version} is not of the preset {arguments.preset}; give --preset its own")
            start, steps = bundle.model.train(), int(bundle.card["steps"])
            Origin(bundle.version, steps, str(bundle.folder), arguments.keep_latents).write(out)
    origin = Origin.of(out)
    try:
        if arguments.resume:
            StyleModel(preset.config).load_state_dict(trained_weights(state)[0])
        if origin:
            origin.bundle()
    except RuntimeError as error:
        raise SystemExit(f"{state} is not of the preset {arguments.preset}; give --preset its own") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"the run in {out} cannot go on: {error}") from error
    return start, origin


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.style", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style"))
    parser.add_argument("--from", dest="start", help='trained weights to go on from: "default" or a bundle\'s folder')
    parser.add_argument("--keep-latents", action="store_true", help="with --from: train the decoder alone")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="optimiser steps in all, instead of the preset's")
    parser.add_argument("--prior-steps", type=int, help="optimiser steps of the prior after that, instead of its own")
    parser.add_argument(
        "--figures", type=int, default=40, help="with --data: held-out clips that are measured at the end"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--curious", action="store_true", help="choose what to train on by learning progress")
    arguments = parser.parse_args(argv)
    preset = PRESETS[arguments.preset]
    if arguments.steps:
        preset = replace(preset, steps=arguments.steps)
    if arguments.curious:
        preset = replace(preset, probe_every=max(1, preset.steps // PROBED))
    out = folder_to_write(arguments.out)
    start, origin = beginning(arguments, preset, out)
    if origin:
        preset = fine_tuning(preset)
    with enough_music("train"):
        music = run_music(arguments.data, out, again=arguments.resume)
    if arguments.prior_steps:
        preset = replace(preset, prior_steps=arguments.prior_steps)
    training = train(
        preset,
        music.windows,
        music.held_out,
        out,
        seed=arguments.seed,
        resume=arguments.resume,
        device=arguments.device,
        start=start,
        keep_latents=origin is not None and origin.keeps_latents,
    )
    model = training.master.cpu().eval()
    bundle = finish(
        model,
        music,
        arguments.preset,
        steps=training.step,
        prior_steps=preset.prior_steps,
        seed=arguments.seed,
        out=out,
        resume=arguments.resume,
        device=arguments.device,
    )
    if arguments.data is not None:
        complete(bundle, music, origin.bundle() if origin else None, clips=arguments.figures, seed=arguments.seed)


if __name__ == "__main__":
    main()

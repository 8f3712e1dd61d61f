"""The training loop of the performance model: data, forward, backward, log, evaluate, save."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.experiments.optimisation import AveragedTraining, rise_and_fall, share_done
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog

from .checkpoint import save_performance_model
from .data import PlayedSet, held_out_batch, training_batch
from .model import PerformanceModel, PlayedBatch
from .presets import Preset
from .units import ASPECTS, TEMPO

LOG_EVERY = 25  # steps
SAVE_EVERY = 250
STATE = "state.safetensors"


def nats(model: PerformanceModel, batch: PlayedBatch, noise: float = 0.0) -> torch.Tensor:
    """Nats of each aspect, of tempo a bar, of the others a note: ``(4,)``."""
    counts = torch.full((4,), float(batch.real.sum()))
    counts[TEMPO] = max(1.0, float((batch.real & batch.opens).sum()))
    return model.losses(batch, noise) / counts


class PerformanceTraining:
    """A run in the folder ``out``; ``run`` goes on from where it stands until it has ``steps`` or ``minutes``."""

    def __init__(
        self,
        name: str,
        preset: Preset,
        sets: Mapping[str, PlayedSet],
        out: Path,
        *,
        about: Mapping[str, Any],
        held_out: Mapping[str, Sequence[str]],
        seed: int,
        minutes: float | None,
    ) -> None:
        self.name, self.preset, self.sets, self.out = name, preset, sets, out
        self.about, self.held_out, self.seed, self.minutes = about, held_out, seed, minutes
        torch.manual_seed(seed)
        self.training = AveragedTraining(PerformanceModel(preset.config), preset.learning_rate, 0.01)
        self.training.best_score = float("-inf")
        self.seconds, self.lines = 0.0, 0
        self.validation = held_out_batch(sets["validation"], rows=preset.held_out_rows, context=preset.context)

    def resume(self) -> None:
        """Take up what ``save`` wrote; raises ``FileNotFoundError``, or ``RuntimeError`` for another preset."""
        counts = self.training.resume(self.out / STATE)
        self.lines, self.seconds = int(counts["lines"]), counts["seconds"]

    def save(self, lines: int) -> None:
        """Write all that ``resume`` needs; a crash while writing leaves the last state whole."""
        self.training.save(self.out / STATE, {"lines": lines, "seconds": self.seconds})

    @property
    def done(self) -> float:
        """The share of the run that lies behind, 0 to 1."""
        return share_done(self.training.step, self.preset.steps, self.seconds, self.minutes)

    def learning_rate(self) -> float:
        """At this step, by the preset."""
        chosen = self.preset
        return rise_and_fall(
            chosen.learning_rate, self.training.step, self.done, warm_up=chosen.warm_up, falling=chosen.falling
        )

    def step(self) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        preset = self.preset
        batch = training_batch(
            self.sets["train"], rows=preset.rows, context=preset.context, without_dynamics=preset.without_dynamics,
            rng=np.random.default_rng([self.seed, self.training.step]),
        )  # fmt: skip
        loss = nats(self.training.model, batch, preset.noise).sum()
        rate = self.learning_rate()
        return {"gradient": self.training.update(loss, rate), "loss": loss.item(), "learning_rate": rate}

    @torch.inference_mode()
    def check(self, log: RunLog) -> None:
        """Validate the average of the weights, and keep it in ``out/bundle`` where it is the best so far."""
        found = nats(self.training.average, self.validation)
        values = {**dict(zip(ASPECTS, found.tolist(), strict=True)), "sum": found.sum().item()}
        log.write("metrics", step=self.training.step, part="validation", values=values)
        self.training.judged(-values["sum"])
        if self.training.best_step == self.training.step:
            card = {
                "name": f"performance-{self.name}", "preset": self.name, "steps": self.training.step,
                "seed": self.seed, "data": dict(self.about),
                "validation": {name: round(value, 4) for name, value in values.items()},
                "config": asdict(self.preset.config),
            }  # fmt: skip
            weights = {name: value.numpy() for name, value in self.training.best.items()}
            save_performance_model(self.out / "bundle", weights, card, self.held_out)

    def run(self) -> None:
        """Train to the end."""
        columns = (
            TextColumn("performance"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )  # fmt: skip
        with RunLog(self.out / "log.jsonl", self.lines) as log, Progress(*columns) as bar:
            if not log.lines:
                until = {"steps": self.preset.steps} if self.minutes is None else {"minutes": self.minutes}
                about = {"preset": self.name, "seed": self.seed, "data": self.about["hash"], "commit": commit()}
                log.write("run", what="performance", **about, **until, config=asdict(self.preset.config))
            task = bar.add_task("performance", total=1000, completed=round(1000 * self.done), loss="")
            while self.done < 1:
                began = time.monotonic()
                found = self.step()
                self.seconds += min(time.monotonic() - began, 60.0)  # whoever stops the process costs it a minute
                at, last = self.training.step, self.done >= 1
                if at % LOG_EVERY == 0 or last:
                    log.write("metrics", step=at, part="train", values=found)
                    bar.update(task, completed=round(1000 * self.done), loss=f"{found['loss']:.3f}")
                if at % self.preset.check_every == 0 or last:
                    self.check(log)
                if at % SAVE_EVERY == 0 or last:
                    self.save(log.lines)
            log.write("end", step=self.training.step, best=-self.training.best_score, best_step=self.training.best_step)

"""The training loop of the piece model: data, forward, backward, log, evaluate, save."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F

from models.experiments.master_weights import MasterWeights
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog
from models.experiments.schedule import rise_and_fall, share_done
from models.music.tokens import FIELDS, POSITION
from models.style.finetuning import Origin
from models.style.pieces.checkpoint import save_pieces_model
from models.style.pieces.data import Batch, held_out_batches, training_batch
from models.style.pieces.model import CHAINS, PieceModel
from models.style.pieces.presets import Preset
from models.style.pieces.training_data import RunPieces

LOG_EVERY = 25  # steps
SAVE_SECONDS = 240.0
HYPERPARAMETERS = ("rows", "learning_rate", "falling", "warm_up", "check_every", "share")  # those that the log tells
STATE = "state.safetensors"


def element_losses(model: PieceModel, batch: Batch) -> dict[int, Tensor]:
    """The summed cross-entropy in nats of each element over the steps that have it, and so the whole of all of them."""
    state, following = model(batch.steps).flatten(0, 1), batch.following.flatten(0, 1)
    found: dict[int, Tensor] = {}
    for chain in CHAINS:
        rows = torch.nonzero(following[:, chain[0]] >= 0)[:, 0]
        own, coming = state.index_select(0, rows), following[rows]
        for element in chain:
            logits = model.logits(own, element, coming)
            found[element] = F.cross_entropy(logits, coming[:, element], reduction="sum")
    return found


def step_count(batch: Batch) -> int:
    """How many steps of ``batch`` are to be told."""
    return int((batch.following[..., POSITION] >= 0).sum())


@torch.inference_mode()
def validate(model: PieceModel, held_out: Mapping[str, Batch]) -> dict[str, float]:
    """Nats a step of each domain's batch, in all and by element; ``mean`` is over the domains."""
    found: dict[str, float] = {}
    for domain, batch in held_out.items():
        losses, count = element_losses(model, batch), step_count(batch)
        found |= {f"{domain}.{FIELDS[element]}": loss.item() / count for element, loss in losses.items()}
        found[domain] = sum(loss.item() for loss in losses.values()) / count
    found["mean"] = sum(found[domain] for domain in held_out) / len(held_out)
    return found


@dataclass
class Progressed:
    """How far a run has come, saved with its weights: seconds it trained, its best validation, lines of its log."""

    seconds: float = 0.0
    best: float = float("inf")
    best_step: int = 0
    lines: int = 0


class PieceTraining:
    """A run in the folder ``out``; ``run`` goes on from where it stands until it has ``steps`` or ``minutes``.

    With ``minutes`` the learning rate falls by the time that has passed, whatever was reached in it, so that two such
    runs aren't the same; by steps alone they are. ``origin``: the weights that it went on from, which the card names.
    """

    def __init__(
        self,
        name: str,
        preset: Preset,
        pieces: RunPieces,
        out: Path,
        *,
        seed: int,
        minutes: float | None,
        device: str,
        origin: Origin | None = None,
    ) -> None:
        self.name, self.preset, self.pieces, self.out, self.seed = name, preset, pieces, out, seed
        self.minutes, self.device, self.origin = minutes, device, origin
        torch.manual_seed(seed)
        model = PieceModel(preset.config).to(device)
        self.training = MasterWeights(model, preset.learning_rate, orthogonal=model.matrices())
        self.progress = Progressed()
        held_out = held_out_batches(pieces.validation, rows=preset.held_out_rows, context=preset.config.context)
        self.held_out = {domain: batch.to(device) for domain, batch in held_out.items()}

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from trained weights instead of from nothing; they have the preset's sizes."""
        self.training.begin_with(weights)

    def resume(self) -> None:
        """Take up what ``save`` wrote; raises ``FileNotFoundError``, or ``ValueError`` for another kind of training."""
        counts = self.training.resume(self.out / STATE)
        self.progress = Progressed(counts["seconds"], counts["best"], int(counts["best_step"]), int(counts["lines"]))

    def save(self) -> None:
        """Write all that ``resume`` needs; a crash while writing leaves the last state whole."""
        self.training.save(self.out / STATE, asdict(self.progress))

    @property
    def done(self) -> float:
        """The share of the run that lies behind, 0 to 1."""
        return share_done(self.training.step, self.preset.steps, self.progress.seconds, self.minutes)

    def learning_rate(self) -> float:
        """At this step, by the preset."""
        chosen = self.preset
        return rise_and_fall(
            chosen.learning_rate, self.training.step, self.done, warm_up=chosen.warm_up, falling=chosen.falling
        )

    def step(self) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        size = self.preset.config.context
        batch = training_batch(
            self.pieces.train,
            rows=self.preset.rows,
            context=size,
            seed=self.seed,
            number=self.training.step,
            share=self.preset.share,
        ).to(self.device)
        count = step_count(batch)
        loss = torch.stack(list(element_losses(self.training.working, batch).values())).sum() / count
        rate = self.learning_rate()
        gradient = self.training.update(loss, rate)
        return {"loss": loss.item(), "gradient": gradient, "learning_rate": rate, "steps": count}

    def check(self, log: RunLog) -> None:
        """Validate, and keep the weights in ``out/bundle`` where they are the best so far."""
        found = validate(self.training.working, self.held_out)
        log.write("metrics", step=self.training.step, part="validation", values=found)
        if found["mean"] < self.progress.best:
            self.progress.best, self.progress.best_step = found["mean"], self.training.step
            card = {
                "name": f"pieces-{self.name}", "preset": self.name, "steps": self.training.step, "seed": self.seed,
                "data": dict(self.pieces.about),
                **({"from": self.origin.told()} if self.origin else {}),
                "validation": {name: round(value, 4) for name, value in found.items()},
            }  # fmt: skip
            weights = self.training.master.state_dict()
            save_pieces_model(self.out / "bundle", self.preset.config, weights, card, self.pieces.held_out)
        self.progress.lines = log.lines

    def run(self) -> Progressed:
        """Train to the end."""
        columns = (
            TextColumn("pieces"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )  # fmt: skip
        with RunLog(self.out / "log.jsonl", self.progress.lines) as log, Progress(*columns) as bar:
            if not log.lines:
                about = {"preset": self.name, "seed": self.seed, "data": self.pieces.about["hash"], "commit": commit()}
                until = {"steps": self.preset.steps} if self.minutes is None else {"minutes": self.minutes}
                chosen = {name: getattr(self.preset, name) for name in HYPERPARAMETERS}
                config = asdict(self.preset.config)
                log.write("run", what="pieces", **about, **until, config=config, hyperparameters=chosen)
            task = bar.add_task("pieces", total=1000, completed=round(1000 * self.done), loss="")
            saved = time.monotonic()
            while self.done < 1:
                began = time.monotonic()
                found = self.step()
                took = min(time.monotonic() - began, 60.0)  # whoever stops the process for a while costs it a minute
                self.progress.seconds += took
                at, last = self.training.step, self.done >= 1
                if at % LOG_EVERY == 0 or last:
                    speed = found.pop("steps") / took
                    log.write("metrics", step=at, part="train", values={**found, "steps_per_second": speed})
                    bar.update(task, completed=round(1000 * self.done), loss=f"{found['loss']:.3f}")
                if at % self.preset.check_every == 0 or last:
                    self.check(log)
                if at % self.preset.check_every == 0 or last or time.monotonic() - saved > SAVE_SECONDS:
                    self.progress.lines = log.lines
                    self.save()
                    saved = time.monotonic()
            log.write("end", step=self.training.step, best=self.progress.best, best_step=self.progress.best_step)
        return self.progress

"""Training the style model: presets, the loop, and what to train on next by learning progress.

Curiosity: arms are a domain of music and one style that rearranged clips of it have from elsewhere. Every so often the
model is asked what such clips, of songs that it isn't trained on, cost; an arm's progress is how far that has moved
lately against its own past, and batches are drawn by it. Sources: Oudeyer et al. 2007, Graves et al. 2017; the absolute
value, by which what is forgotten comes again, is of Matiisen et al. 2019.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.experiments.optimisation import MasterWeights, progress_bar, rise_and_fall, share_done
from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import RunLog, rows, run_row
from models.music.notes import DOMAINS
from models.music.tokens import POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS
from models.style.model import StyleConfig, StyleModel
from models.style.objective import (
    Penalty,
    independence_penalty,
    losses,
    mixed_latents,
    nats_a_note,
    step_loss,
    validate,
)
from models.style.swap_augmentation import (
    REARRANGED,
    SWAP_CHANCE,
    SWAPPED,
    UNIFORM,
    Schedule,
    Swaps,
    draw_swaps,
    rearrange,
)
from models.style.windows import DOMAIN_SHARE, Batch, WindowSet, batches, pad


@dataclass(frozen=True)
class Preset:
    """How much to train: optimiser steps, padded token steps a batch, peak learning rate; the same of the prior.

    The prior's batches are of ``prior_batch`` windows, from ``encoded`` times ``models.style.prior_training.ENCODED``.
    Without ``kl_warm_up`` steps content collapses before the decoder has learned to listen to it. Batches are made by
    the ``schedule``, or by learning progress that is measured ``probe_every`` steps (``Curiosity``). The
    style codes are fitted for ``code_steps`` steps after that. The learning rate falls over the last ``falling`` of the
    steps. With ``muon`` the matrices move by Muon, which gets further from nothing than AdamW. With a ``penalty``, what
    groups of latents tell of one another costs ``price`` a nat (``models.style.objective``).
    """

    steps: int
    batch: int
    learning_rate: float
    prior_steps: int
    config: StyleConfig = field(default_factory=StyleConfig)
    kl_warm_up: int = 2000
    prior_batch: int = 128
    encoded: int = 1
    schedule: Schedule = UNIFORM
    probe_every: int = 0
    code_steps: int = 450
    falling: float = 0.2
    muon: bool = False
    penalty: Penalty | None = None
    price: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(40, 1024, 2e-3, 40, StyleConfig(dim=64, layers=2, heads=2, hidden=64, memory=16), code_steps=20),
    "cpu": Preset(2600, 4096, 1e-3, 6000, kl_warm_up=600, falling=0.4, muon=True),
    "gpu": Preset(7500, 65_536, 2.5e-3, 25_000, kl_warm_up=1500, prior_batch=1024, encoded=3),
}


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

    A resumed run ends as one that was not stopped, but for the penalty's adversary, which learns from nothing again.
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
    with progress_bar("style", "loss") as progress, (out / "log.jsonl").open("a", encoding="utf-8") as log:
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


FINE_PRIOR_STEPS = 4000


def fine_tuning_preset(preset: Preset) -> Preset:
    """The preset for going on from trained weights: AdamW at a low learning rate, the KL at its full weight at once.

    And at most ``FINE_PRIOR_STEPS`` of the prior's steps, since it goes on as well.
    """
    rate = (0.8 if preset.muon else 0.4) * preset.learning_rate
    prior_steps = min(preset.prior_steps, FINE_PRIOR_STEPS)
    return replace(preset, learning_rate=rate, muon=False, falling=0.2, kl_warm_up=0, prior_steps=prior_steps)


PROBES = "curiosity.jsonl"  # the log, beside the run's
CLIPS = 8  # of each domain that are asked about
QUICK, SLOW = 0.6, 0.25  # weight of the last probe in the two exponential means whose distance is progress
EVEN = 0.3  # of an arm's weight that doesn't depend on progress
MOST = 0.95  # chance of a swap
HARDEST = 3  # arms that the log names


@dataclass(frozen=True)
class Arm:
    """Clips of a domain ``(clips, steps, 7)``, told once more with one style of one another."""

    domain: str
    group: str
    tokens: Tensor
    swaps: Swaps

    @property
    def name(self) -> str:
        """As the log says it."""
        return f"{self.domain}.{self.group}"

    @torch.inference_mode()
    def cost(self, model: StyleModel) -> float:
        """Nats a note of the rearranged clips, given latents that don't agree."""
        device = next(model.parameters()).device
        tokens, swaps = self.tokens.to(device), self.swaps.to(str(device))
        z = model.encode(bar_features(gather_notes(tokens, BARS))).mean.view(len(tokens), BARS, -1)
        domain = torch.full((len(swaps.rows),), DOMAINS.index(self.domain), device=device)
        told = losses(model, swaps.tokens, domain, mixed_latents(model, z, swaps))
        return nats_a_note(told, swaps.tokens)


def arms_of(windows: WindowSet) -> list[Arm]:
    """Every domain of ``windows`` with every group whose swaps can be made of its clips."""
    found = []
    for index, domain in enumerate(DOMAINS):
        members = np.flatnonzero(windows.domain == index)
        if len(members) < 2:
            continue
        chosen = members[np.unique(np.linspace(0, len(members) - 1, CLIPS).astype(int))]
        tokens = pad([windows.tokens[a:b] for a, b in windows.spans[chosen]])
        own = torch.arange(len(tokens))
        for group in REARRANGED:
            donors = {name: own.roll(1) if name == group else own for name in REARRANGED}
            made, whole = rearrange(tokens, donors)
            if whole.any():
                taken = {name: rows[whole] for name, rows in donors.items()}
                found.append(Arm(domain, group, tokens, Swaps(made[whole], own[whole], taken)))
    return found


@dataclass
class Bandit:
    """What each arm has cost so far: ``first`` and the quick and the slow exponential mean of it."""

    first: dict[str, float] = field(default_factory=dict)
    quick: dict[str, float] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)

    def hear(self, costs: Mapping[str, float]) -> None:
        """One more probe."""
        for arm, cost in costs.items():
            self.first.setdefault(arm, cost)
            for mean, weight in ((self.quick, QUICK), (self.slow, SLOW)):
                mean[arm] = cost if arm not in mean else (1 - weight) * mean[arm] + weight * cost

    def progress(self) -> dict[str, float]:
        """How far each arm's cost has moved lately, as a share of it."""
        return {arm: abs(self.quick[arm] - slow) / slow for arm, slow in self.slow.items()}

    def hardest(self) -> list[str]:
        """The arms of which most of the first cost is left, the hardest first."""
        return sorted(self.first, key=lambda arm: -self.quick[arm] / self.first[arm])[:HARDEST]

    def schedule(self) -> Schedule:
        """Batches by progress; the shipped schedule as long as there is none."""
        progress = self.progress()
        usual = {arm: DOMAIN_SHARE[arm.split(".")[0]] for arm in progress}
        total = sum(usual.values())
        mean = sum(usual[arm] * value for arm, value in progress.items()) / total if total else 0.0
        if mean == 0:
            return UNIFORM
        weight = {arm: usual[arm] * (EVEN + (1 - EVEN) * value / mean) for arm, value in progress.items()}
        by_domain = {domain: [weight.get(f"{domain}.{group}", 0.0) for group in REARRANGED] for domain in DOMAINS}
        level = {domain: sum(values) / len(values) for domain, values in by_domain.items()}
        chances = tuple(
            tuple(min(MOST, SWAP_CHANCE * value / max(level[domain], 1e-9)) for value in values)
            for domain, values in by_domain.items()
        )
        whole = sum(level.values())
        return Schedule({domain: value / whole for domain, value in level.items()}, SWAPPED, chances)


class Curiosity:
    """Asks a model about its arms, logs what it finds to a JSONL file, and says what to train on until it asks again.

    A row has the arms' costs in nats a note, their progress, the hardest ones and the schedule that follows.
    """

    def __init__(self, held_out: WindowSet, path: Path, step: int) -> None:
        """Of a run at ``step``; what an earlier part of it logged before that step counts on."""
        self.arms, self.bandit = arms_of(held_out), Bandit()
        past: Sequence[Mapping[str, Any]] = [row for row in rows(path) if row["step"] < step]
        for row in past:
            self.bandit.hear(row["cost"])
        self.path, self.probes = path, len(past)

    @property
    def schedule(self) -> Schedule:
        """What to train on now."""
        return self.bandit.schedule()

    def look(self, model: StyleModel, step: int) -> None:
        """Ask ``model`` what every arm costs now."""
        cost = {arm.name: arm.cost(model) for arm in self.arms}
        self.bandit.hear(cost)
        schedule = self.schedule
        with RunLog(self.path, keep=self.probes) as log:
            log.write(
                "probe",
                step=step,
                cost=cost,
                progress=_rounded(self.bandit.progress()),
                hardest=self.bandit.hardest(),
                domain_share=_rounded(schedule.domain_share),
                chances=[[round(chance, 4) for chance in row] for row in schedule.chances],
            )
        self.probes += 1


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}

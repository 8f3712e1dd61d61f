"""Train the style model: ``python -m models.train.style --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

Weights are trained in true bfloat16 beside a float32 master copy, which is twice as fast as float32 on CPUs with
bfloat16 products. The learning rate stays constant and falls over the last fifth of the steps.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.music import corpora
from models.music.grouping import split
from models.music.notes import Piece
from models.music.tokens import POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.model import BARS, StyleConfig, StyleModel
from models.style.windows import WindowSet, batches, make_windows

KL_WEIGHT = {
    "content": 0.1, "rhythm": 0.1, "register": 0.05, "harmony": 0.1, "dynamics": 0.05, "tempo": 0.05, "texture": 0.05,
}  # fmt: skip
CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")


@dataclass(frozen=True)
class Preset:
    """How much to train: optimiser steps, padded token steps a batch, peak learning rate."""

    steps: int
    batch: int
    learning_rate: float
    prior_steps: int
    config: StyleConfig = field(default_factory=StyleConfig)


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(40, 1024, 2e-3, 40, StyleConfig(dim=64, layers=2, heads=2, hidden=64, memory=16)),
    "cpu": Preset(9000, 5120, 2e-3, 6000),
    "gpu": Preset(60_000, 16_384, 1.5e-3, 40_000, StyleConfig(dim=320, layers=6, heads=5, hidden=640)),
}


def training_pieces(data: Path | None) -> list[Piece]:
    """Pieces to train on: all corpora that are available, or a folder of MIDI and ABC files."""
    if data is not None:
        return corpora.load_folder(data)
    return [piece for name in CORPORA if corpora.registry()[name].available for piece in corpora.load(name)]


def step_loss(model: StyleModel, tokens: Tensor, domain: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise."""
    notes = gather_notes(tokens, BARS)
    posterior = model.encode(bar_features(notes, jitter=generator))
    z = posterior.sample(generator).view(len(tokens), BARS, -1)
    nll = model.losses(tokens, domain, z)
    count = (tokens[..., 0] < POSITIONS).sum()
    kl = {name: value.sum(-1).mean() for name, value in model.config.split(posterior.kl()).items()}
    penalty = sum(KL_WEIGHT[name] * kl[name] for name in GROUPS) * len(posterior.mean)
    losses = {name: value / count for name, value in nll.items()}
    return {**losses, **{f"kl.{name}": value for name, value in kl.items()}, "total": (sum(nll.values()) + penalty) / count}


def learning_rate(step: int, preset: Preset) -> float:
    """Warm-up over 200 steps, constant, then linear to 2 % over the last fifth."""
    left = (preset.steps - step) / (0.2 * preset.steps)
    return preset.learning_rate * min(1.0, (step + 1) / 200, max(0.02, left))


class Trainer:
    """Master weights, the bfloat16 copy that runs, and the optimiser; saved and resumed whole."""

    def __init__(self, preset: Preset, seed: int, out: Path, device: str) -> None:
        torch.manual_seed(seed)
        self.preset, self.seed, self.out, self.step = preset, seed, out, 0
        self.master = StyleModel(preset.config).to(device)
        self.working = copy.deepcopy(self.master).bfloat16()
        matrices = [p for p in self.master.parameters() if p.ndim >= 2]
        vectors = [p for p in self.master.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=preset.learning_rate, betas=(0.9, 0.98), fused=True)

    def update(self, tokens: Tensor, domain: Tensor) -> dict[str, float]:
        """One optimiser step; the batch's losses."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.preset)
        generator = torch.Generator(tokens.device).manual_seed(self.seed * 1_000_003 + self.step)
        losses = step_loss(self.working, tokens, domain, generator)
        losses["total"].backward()
        for master, working in zip(self.master.parameters(), self.working.parameters(), strict=True):
            master.grad = working.grad.float() if working.grad is not None else None
            working.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.master.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            torch._foreach_copy_(list(self.working.parameters()), list(self.master.parameters()))
        self.step += 1
        return {**{name: value.item() for name, value in losses.items()}, "gradient": norm.item()}

    def save(self) -> None:
        """Write weights and optimiser state; a crash while writing leaves the last ones whole."""
        state = {f"model.{k}": v for k, v in self.master.state_dict().items()}
        for index, entry in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{index}.{k}": v for k, v in entry.items()}
        save_file(state, self.out / "state.part", {"step": str(self.step)})
        (self.out / "state.part").replace(self.out / "state.safetensors")
        (self.out / "step.json").write_text(json.dumps({"step": self.step, "seed": self.seed}))

    def resume(self) -> None:
        """Take up where ``save`` was last called; raises ``FileNotFoundError`` where it never was."""
        state = load_file(self.out / "state.safetensors")
        self.master.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        entries: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".")
                entries.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": entries})
        self.working.load_state_dict(self.master.state_dict())
        self.step = int(json.loads((self.out / "step.json").read_text())["step"])


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int, count: int = 12) -> dict[str, float]:
    """Mean losses over some fixed validation batches, without transposition."""
    total: dict[str, float] = {}
    for _, (tokens, domain) in zip(range(count), batches(windows, steps_per_batch=4096, seed=seed, transpose=False), strict=False):
        generator = torch.Generator().manual_seed(seed)
        for name, value in step_loss(model, tokens, domain, generator).items():
            total[name] = total.get(name, 0.0) + value.item() / count
    return total


def commit() -> str:
    """The commit that trains, or "unknown" outside a checkout."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return found.stdout.strip() or "unknown"


def train(preset: Preset, parts: Mapping[str, list[Piece]], out: Path, *, seed: int, resume: bool, device: str) -> StyleModel:
    """Train on ``parts["train"]``, log to ``out/log.jsonl``, return the master model."""
    out.mkdir(parents=True, exist_ok=True)
    windows, held_out = make_windows(parts["train"]), make_windows(parts["validation"])
    trainer = Trainer(preset, seed, out, device)
    if resume:
        trainer.resume()
    columns = (TextColumn("style"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"))
    stream = batches(windows, steps_per_batch=preset.batch, seed=seed, first=trainer.step)
    started = time.monotonic()
    notes_seen = 0
    with Progress(*columns) as progress, (out / "log.jsonl").open("a", encoding="utf-8") as log:
        task = progress.add_task("style", total=preset.steps, completed=trainer.step, loss="")
        while trainer.step < preset.steps:
            tokens, domain = next(stream)
            notes_seen += int((tokens[..., 0] < POSITIONS).sum())
            losses = trainer.update(tokens.to(device), domain.to(device))
            progress.update(task, completed=trainer.step, loss=f"{losses['total']:.3f}")
            if trainer.step % 50 == 0 or trainer.step == preset.steps:
                row = {"step": trainer.step, "notes_per_second": notes_seen / (time.monotonic() - started), **losses}
                log.write(json.dumps(row) + "\n")
                log.flush()
            if trainer.step % 500 == 0 or trainer.step == preset.steps:
                row = {"step": trainer.step, **{f"validation.{k}": v for k, v in validate(trainer.working, held_out, 1).items()}}
                log.write(json.dumps(row) + "\n")
                log.flush()
                trainer.save()
    return trainer.master


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.style", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args(argv)
    preset = PRESETS[arguments.preset]
    pieces = training_pieces(arguments.data)
    parts = split(pieces, seed=0)
    train(preset, parts, arguments.out, seed=arguments.seed, resume=arguments.resume, device=arguments.device)


if __name__ == "__main__":
    main()

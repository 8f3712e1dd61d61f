"""Train the style model: ``python -m models.train.style --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

The style model first, then the prior over its latents, then all that ships with them (fingerprint of the training
songs, taste space, card). The learning rate stays constant and falls over the last fifth of the steps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from models.music import corpora
from models.music.grouping import split
from models.music.notes import Piece
from models.music.tokens import POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.model import BARS, StyleConfig, StyleModel
from models.style.release import release
from models.style.windows import WindowSet, batches, make_windows
from models.train.bfloat16 import MasterWeights
from models.train.prior import fit_prior

KL_WEIGHT = {
    "content": 0.05, "rhythm": 0.1, "register": 0.05, "harmony": 0.1, "dynamics": 0.05, "tempo": 0.05, "texture": 0.05,
}  # fmt: skip
KL_WARM_UP = 2000  # steps; without it content collapses before the decoder has learned to listen to it
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
    "cpu": Preset(7500, 4096, 2e-3, 6000),
    "gpu": Preset(60_000, 16_384, 1.5e-3, 40_000, StyleConfig(dim=320, layers=6, heads=5, hidden=640)),
}


def training_pieces(data: Path | None) -> list[Piece]:
    """Pieces to train on: all corpora that are available, or a folder of MIDI and ABC files."""
    if data is not None:
        return corpora.load_folder(data)
    return [piece for name in CORPORA if corpora.registry()[name].available for piece in corpora.load(name)]


def step_loss(
    model: StyleModel, tokens: Tensor, domain: Tensor, generator: torch.Generator, warmth: float = 1.0
) -> dict[str, Tensor]:
    """Losses of one batch in nats a note: elements, KL a group (nats a bar), and ``total`` to minimise.

    ``warmth`` in 0..1 scales the KL weights.
    """
    notes = gather_notes(tokens, BARS)
    posterior = model.encode(bar_features(notes, jitter=generator))
    z = posterior.sample(generator).view(len(tokens), BARS, -1)
    nll = model.losses(tokens, domain, z)
    count = (tokens[..., POSITION] < POSITIONS).sum()
    kl = {name: value.sum(-1).mean() for name, value in model.config.split(posterior.kl()).items()}
    penalty = sum(KL_WEIGHT[name] * kl[name] for name in GROUPS) * len(posterior.mean) * warmth
    losses = {name: value / count for name, value in nll.items()}
    return {
        **losses,
        **{f"kl.{name}": value for name, value in kl.items()},
        "total": (sum(nll.values()) + penalty) / count,
    }


def learning_rate(step: int, preset: Preset) -> float:
    """Warm-up over 200 steps, constant, then linear to 2 % over the last fifth."""
    left = (preset.steps - step) / (0.2 * preset.steps)
    return preset.learning_rate * min(1.0, (step + 1) / 200, max(0.02, left))


@torch.inference_mode()
def validate(model: StyleModel, windows: WindowSet, seed: int, count: int = 12) -> dict[str, float]:
    """Mean losses over some fixed validation batches, without transposition."""
    total: dict[str, float] = {}
    for _, (tokens, domain) in zip(
        range(count), batches(windows, steps_per_batch=4096, seed=seed, transpose=False), strict=False
    ):
        generator = torch.Generator().manual_seed(seed)
        for name, value in step_loss(model, tokens, domain, generator).items():
            total[name] = total.get(name, 0.0) + value.item() / count
    return total


def commit() -> str:
    """The commit that trains, or "unknown" outside a checkout."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return found.stdout.strip() or "unknown"


def train(
    preset: Preset, windows: WindowSet, held_out: WindowSet, out: Path, *, seed: int, resume: bool, device: str
) -> MasterWeights[StyleModel]:
    """Train on ``windows``, log to ``out/log.jsonl``, save to ``out/state.safetensors``; resumable there."""
    torch.manual_seed(seed)
    training = MasterWeights(StyleModel(preset.config).to(device), preset.learning_rate)
    if resume:
        training.resume(out / "state.safetensors")
    stream = batches(windows, steps_per_batch=preset.batch, seed=seed, first=training.step)
    started, notes_seen = time.monotonic(), 0
    columns = (
        TextColumn("style"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(*columns) as progress, (out / "log.jsonl").open("a", encoding="utf-8") as log:
        task = progress.add_task("style", total=preset.steps, completed=training.step, loss="")
        while training.step < preset.steps:
            tokens, domain = next(stream)
            notes_seen += int((tokens[..., POSITION] < POSITIONS).sum())
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + training.step)
            warmth = max(0.02, min(1.0, training.step / KL_WARM_UP))
            losses = step_loss(training.working, tokens.to(device), domain.to(device), generator, warmth)
            gradient = training.update(losses["total"], learning_rate(training.step, preset))
            row = {
                "step": training.step,
                **{name: value.item() for name, value in losses.items()},
                "gradient": gradient,
            }
            progress.update(task, completed=training.step, loss=f"{row['total']:.3f}")
            last = training.step == preset.steps
            if training.step % 50 == 0 or last:
                print(
                    json.dumps({**row, "notes_per_second": notes_seen / (time.monotonic() - started)}),
                    file=log,
                    flush=True,
                )
            if training.step % 500 == 0 or last:
                found = validate(training.working, held_out, seed=1)
                print(json.dumps({"step": training.step, "validation": found}), file=log, flush=True)
                training.save(out / "state.safetensors")
    return training


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.style", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="optimiser steps in all, instead of the preset's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args(argv)
    preset = PRESETS[arguments.preset]
    if arguments.steps:
        preset = replace(preset, steps=arguments.steps)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    pieces = training_pieces(arguments.data)
    parts = split(pieces, seed=0)
    windows, held_out = make_windows(parts["train"]), make_windows(parts["validation"])
    training = train(
        preset, windows, held_out, out, seed=arguments.seed, resume=arguments.resume, device=arguments.device
    )
    model = training.master.cpu().eval()
    prior = fit_prior(model, windows, steps=preset.prior_steps, seed=arguments.seed, out=out)
    found = validate(model, held_out, seed=1)
    sources = sorted({piece.source for piece in pieces})
    card = {
        "name": f"style-{arguments.preset}",
        "version": f"style-{arguments.preset}-{training.step}-{arguments.seed}",
        "preset": arguments.preset,
        "steps": training.step,
        "prior_steps": preset.prior_steps,
        "seed": arguments.seed,
        "commit": commit(),
        "data": {"sources": sources, "windows": len(windows), "held_out": "validation and test parts of split(seed=0)"},
        "validation": {name: round(value, 4) for name, value in found.items()},
    }
    bundle = release(out / "bundle", model, prior, parts["train"], windows, card, seed=arguments.seed)
    print(
        f"{bundle.version} is in {out / 'bundle'}; evaluate it with: python -m models.evaluate.style --model {out / 'bundle'}"
    )


if __name__ == "__main__":
    main()

"""Training the picture model: show the picture, keep latents N(0, I), and let a swapped style be the donor's.

Losses: absolute differences at four scales and of edges; the sliced Wasserstein distance of latents to N(0, I)
(Kolouri et al. 2019) with the squared correlations between groups; and, for pictures decoded with one style of another
picture, how far what can be measured of that style is from the donor's, and of the rest from the picture's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional as F

from models.experiments.optimisation import MasterWeights, rise_and_fall, share_done
from models.experiments.run_log import RunLog
from models.picture.attributes import DIMS, GROUPS, SIZES, STYLES
from models.picture.autoencoder import PictureModel, Pixels, Preset, features_of, tensor_of

STATE, LOG = "state.safetensors", "log.jsonl"
WARM_UP, AVERAGING = 60, 0.995
NOISE = 0.1  # on latents while training: neighbours decode alike
SLICES = 80
NORMAL, APART, SWAP = 0.15, 0.3, 0.5  # what the losses weigh beside the picture's
LOOKED_AT = 1024  # pictures that tell the latents' mean and covariance during training
EVERY = 100  # steps between validations


def begin_with_components(model: PictureModel, pictures: Pixels, seed: int) -> None:
    """The linear encoders as principal components of what each group may see, and the sketch as shape's way back."""
    some = np.random.default_rng(seed).permutation(len(pictures))[:3000]
    parts = [features_of(tensor_of(pictures[rows])) for rows in np.array_split(some, max(1, len(some) // 64))]
    for name, size in SIZES.items():
        seen = torch.cat([part[name].flatten(1) for part in parts]).double()
        mean = seen.mean(0)
        _, values, vectors = torch.pca_lowrank(seen - mean, q=min(size, *seen.shape), niter=4)
        spread = (values / len(seen) ** 0.5).clamp_min(1e-3)
        rows = len(spread)
        layer = model.linear[name]
        assert isinstance(layer, nn.Linear)
        with torch.no_grad():
            layer.weight[:rows].copy_((vectors / spread).T)
            layer.bias[:rows].copy_(-(mean @ (vectors / spread)))
            if name == "shape":
                model.sketch.weight[:, :rows].copy_(vectors * spread)
                model.sketch.bias.copy_(mean)


def told_apart(shown: Tensor, pictures: Tensor) -> Tensor:
    """How far ``shown`` is from ``pictures`` ``(n, 3, 96, 96)``: mean over pictures, pixels and scales."""
    loss = shown.new_zeros(())
    for scale in (1, 2, 4, 8):
        a, b = (F.avg_pool2d(each, scale) if scale > 1 else each for each in (shown, pictures))
        loss = loss + ((a - b).square() + 1e-4).sqrt().mean()
        if scale < 4:
            across = (a[..., 1:] - a[..., :-1]) - (b[..., 1:] - b[..., :-1])
            down = (a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])
            loss = loss + 0.5 * (across.abs().mean() + down.abs().mean())
    return loss + 6 * (shown - pictures).square().mean()


def from_normal(latents: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sliced squared Wasserstein distance of ``latents`` to N(0, I), and mean squared correlation between groups."""
    count = len(latents)
    at = (torch.arange(count) + 0.5) / count
    wanted = torch.special.ndtri(at)[:, None]
    directions = torch.randn(DIMS, SLICES, generator=generator)
    for row, where in enumerate(GROUPS.values()):  # a quarter of the slices looks at each group alone
        kept = torch.zeros(DIMS, 1)
        kept[where] = 1
        directions[:, row * 16 : row * 16 + 16] *= kept
    directions = F.normalize(directions, dim=0)
    distance = ((latents @ directions).sort(0).values - wanted).square().mean()
    singly = (latents.sort(0).values - wanted).square().mean()
    even = (latents - latents.mean(0)) / (latents.std(0) + 1e-3)
    correlation = even.T @ even / count
    off = correlation - torch.diag(torch.diagonal(correlation))
    return distance + singly, off.square().sum(1).mean()


def style_errors(shown: Tensor, wanted: Mapping[str, Tensor], scale: Mapping[str, Tensor]) -> Tensor:
    """How far the styles and the shape of ``shown`` are from the ``wanted`` features, in their usual spread."""
    found = features_of(shown)
    loss = shown.new_zeros(())
    for name in STYLES:
        loss = loss + ((found[name] - wanted[name]) / scale[name]).abs().mean()
    coarse, own = (F.avg_pool2d(each["shape"], 2) for each in (found, wanted))
    return loss / len(STYLES) + 0.5 * (coarse - own).abs().mean()


def step_loss(
    model: PictureModel, pictures: Tensor, scale: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    """Losses of one batch ``(n, 3, 96, 96)`` in 0..1, and ``total`` to minimise."""
    count = len(pictures)
    with torch.no_grad():
        features = features_of(pictures)
    latents = model.encoded(features).float()
    normal, apart = from_normal(latents, generator)
    heard = latents + NOISE * torch.randn(latents.shape, generator=generator)
    rows = torch.randperm(count, generator=generator)[: count // 3]
    donors = torch.randint(count, (len(rows),), generator=generator)
    which = torch.randint(len(STYLES), (len(rows),), generator=generator)
    mixed, wanted = heard[rows].clone(), {"shape": features["shape"][rows]}
    for index, name in enumerate(STYLES):
        own = which == index
        mixed[:, GROUPS[name]] = torch.where(own[:, None], heard[donors][:, GROUPS[name]], mixed[:, GROUPS[name]])
        wanted[name] = torch.where(own[:, None], features[name][donors], features[name][rows])
    shown = model.decoded(torch.cat([heard, mixed]))
    told = told_apart(shown[:count], pictures)
    swapped = style_errors(shown[count:], wanted, scale)
    total = told + NORMAL * normal + APART * apart + SWAP * swapped
    error = (shown[:count] - pictures).square().mean()
    return {"picture": told, "normal": normal, "apart": apart, "swap": swapped, "error": error, "total": total}


def batches(pictures: Pixels, size: int, seed: int, step: int) -> Iterator[Tensor]:
    """Endless shuffled batches from ``step`` on; half mirrored, moved by up to six pixels, colours sometimes turned."""
    while True:
        rng = np.random.default_rng([seed, step])
        chosen = pictures[rng.choice(len(pictures), size, replace=len(pictures) < size)]
        batch = tensor_of(chosen)
        flip = torch.from_numpy(rng.random(size) < 0.5)
        batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
        by = int(rng.integers(-6, 7)), int(rng.integers(-6, 7))
        moved = F.pad(batch, (6, 6, 6, 6), mode="replicate")
        batch = moved[:, :, 6 + by[0] : 102 + by[0], 6 + by[1] : 102 + by[1]]
        for row in np.flatnonzero(rng.random(size) < 0.3):
            batch[row] = batch[row][torch.from_numpy(rng.permutation(3))]
        yield batch.contiguous()
        step += 1


def usual_spread(pictures: Pixels) -> dict[str, Tensor]:
    """The standard deviation of each feature of the styles."""
    found = features_of(tensor_of(pictures[:LOOKED_AT]))
    return {name: found[name].std(0).clamp_min(0.02 * float(found[name].abs().max())) for name in STYLES}


@torch.inference_mode()
def settle(model: PictureModel, pictures: Pixels) -> None:
    """Whiten each group of ``model`` by the latents of ``pictures``."""
    model.eval()
    parts = np.array_split(pictures, max(1, len(pictures) // 64))
    model.settle(torch.cat([model.encoded(features_of(tensor_of(part))) for part in parts]))


def psnr(one: Pixels, other: Pixels) -> npt.NDArray[np.float64]:
    """Peak signal-to-noise ratio of each pair in decibels, at most 68 (an error of .01 grey levels)."""
    error = np.square(one.astype(np.float64) - other).mean((1, 2, 3))
    found: npt.NDArray[np.float64] = 10 * np.log10(255**2 / np.maximum(error, 1e-2))
    return found


def validated(model: PictureModel, parts: Mapping[str, Pixels]) -> dict[str, float]:
    """What ``model`` is worth on some validation pictures, whitened by some of the training pictures."""
    settle(model, parts["train"][:LOOKED_AT])
    some = parts["validation"][:300]
    return {"psnr": round(float(psnr(model.decode(model.encode(some)), some).mean()), 3)} if len(some) else {}


def train(
    parts: Mapping[str, Pixels], preset: Preset, out: Path, *, seed: int, resume: bool, about: Mapping[str, object],
    steps: int | None = None, minutes: float | None = None,
) -> tuple[PictureModel, int, dict[str, float]]:  # fmt: skip
    """The trained model, its steps and its validation; ``out`` keeps what ``resume`` goes on from."""
    torch.manual_seed(seed)
    model, until = PictureModel(preset.config), steps or preset.steps
    if not resume:
        begin_with_components(model, parts["train"], seed)
    scale = usual_spread(parts["train"])
    run = MasterWeights(model, preset.learning_rate, AVERAGING)
    counts = run.resume(out / STATE) if resume else {}
    begun = time.monotonic() - counts.get("seconds", 0.0)

    def seconds() -> float:
        return time.monotonic() - begun

    generator = torch.Generator()
    stream = batches(parts["train"], preset.batch, seed, run.step)
    found: dict[str, float] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        RunLog(out / LOG, int(counts.get("lines", 0))) as log,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        if not resume:
            log.write("run", steps=until, seed=seed, **about)
        task = progress.add_task("pictures", total=until, completed=run.step)
        while (done := share_done(run.step, until, seconds() if minutes else 0.0, minutes)) < 1:
            rate = rise_and_fall(preset.learning_rate, run.step, done, warm_up=WARM_UP, falling=preset.falling)
            generator.manual_seed(seed * 1_000_003 + run.step)  # so that a resumed run draws what an unbroken one does
            losses = step_loss(run.working, next(stream), scale, generator)
            run.update(losses["total"], rate)
            progress.advance(task)
            if run.step % 25 == 0:
                values = {name: round(value.item(), 5) for name, value in losses.items()}
                log.write("metrics", step=run.step, part="train", values=values)
            if run.step % EVERY == 0:
                found = validated(run.average, parts)
                log.write("metrics", step=run.step, part="validation", values=found)
                run.save(out / STATE, {"lines": log.lines, "seconds": seconds()})
        found = validated(run.average, parts)
        log.write("end", step=run.step)
    settle(run.average, parts["train"])
    return run.average, run.step, found


def arrays(pictures: Sequence[npt.NDArray[np.uint8]]) -> Pixels:
    """``(n, 96, 96, 3)``, also of none."""
    return np.stack(pictures) if pictures else np.zeros((0, 96, 96, 3), np.uint8)

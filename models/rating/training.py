"""The training loop of one network, which can be killed and taken up between any two steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.experiments.averaged_weights import AveragedTraining
from models.experiments.run_log import RunLog
from models.experiments.schedule import rise_and_fall, share_done

from .augmentation import Picture, drawn
from .judge import Judge, JudgeConfig
from .material import Floats, Material
from .mel_bands import MELS
from .network import RatingNetwork
from .noises import LEARNED
from .objective import OBJECTIVES
from .plays import EMOTIONS
from .recipe import Recipe
from .spectrogram import FRAMES_A_SECOND, log_mel

LOG_EVERY, SAVE_EVERY = 20, 80
NOISES, NOISE_S = 24, 12.0  # recordings of noise, and how long each lasts
NOISE_WEIGHT = 0.5
FALLING = 0.6  # of a run, in which the learning rate falls

Network = RatingNetwork | Judge


@dataclass(frozen=True)
class Scale:
    """The network speaks of p in standard deviations from the mean."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, p: Floats) -> Scale:
        """From the tracks that are learned from."""
        return cls(float(p.mean()), max(float(p.std()), 1e-3))


@dataclass(frozen=True)
class Batch:
    """Pictures and what is wanted of them, one row each; emotions are NaN where nobody told."""

    seen: Tensor
    mask: Tensor
    p: Tensor
    weight: Tensor
    emotions: Tensor


def noise_pictures(seed: int) -> list[Picture]:
    """Recordings of the kinds of noise that are learned from."""
    rng = np.random.default_rng([seed, 5])
    kinds = list(LEARNED.values())
    return [log_mel(kinds[each % len(kinds)](NOISE_S, rng)) for each in range(NOISES)]


class Member:
    """One network in training on ``rows`` of ``material``; ``seed`` decides all that is random."""

    def __init__(
        self, material: Material, rows: npt.NDArray[np.int64], recipe: Recipe, noises: Sequence[Picture], seed: int
    ) -> None:
        self.material, self.rows, self.recipe, self.noises, self.seed = material, rows, recipe, noises, seed
        self.frames = int(recipe.seconds * FRAMES_A_SECOND)
        p = material.even if recipe.even else material.p
        self.scale = Scale.of(p[rows])
        self.p = (p - self.scale.mean) / self.scale.deviation
        self.nothing = -self.scale.mean / self.scale.deviation
        told = material.plays.emotions
        few = told[rows]
        with np.errstate(invalid="ignore"):
            self.emotions = (told - few.mean(axis=0)) / np.maximum(few.std(axis=0), 1e-3)
        torch.manual_seed(seed)
        network: Network
        network = Judge(recipe.config) if isinstance(recipe.config, JudgeConfig) else RatingNetwork(recipe.config)
        columns = np.concatenate([material.pictures[row] for row in rows], axis=1)
        network.mean.copy_(torch.from_numpy(columns.mean(axis=1, keepdims=True)))
        network.deviation.copy_(torch.from_numpy(columns.std(axis=1, keepdims=True).clip(0.1)))
        self.training: AveragedTraining[Network] = AveragedTraining(network, recipe.learning_rate, recipe.decay)

    def batch(self, step: int) -> Batch:
        """The excerpts of one step, drawn by ``seed`` and ``step`` alone."""
        rng, recipe = np.random.default_rng([self.seed, step]), self.recipe
        count = recipe.rows - recipe.noise
        epoch, at = divmod(step * count, len(self.rows))
        order = np.concatenate([
            np.random.default_rng([self.seed, 3, epoch + k]).permutation(self.rows)
            for k in range(2 + count // len(self.rows))
        ])  # fmt: skip
        chosen = order[at : at + count]
        pictures = [self.material.pictures[row] for row in chosen]
        pictures += [self.noises[int(rng.integers(len(self.noises)))] for _ in range(recipe.noise)]
        seen = np.zeros((len(pictures), MELS, self.frames), dtype=np.float32)
        mask = np.zeros((len(pictures), self.frames), dtype=np.float32)
        for row, picture in enumerate(pictures):
            excerpt = drawn(picture, self.frames, recipe.augmentation, rng)
            seen[row, :, : excerpt.shape[1]] = excerpt
            mask[row, : excerpt.shape[1]] = 1
        noise = np.full(recipe.noise, self.nothing)
        p = np.concatenate([self.p[chosen], noise])
        weight = np.concatenate([self.material.weight[chosen], np.full(recipe.noise, NOISE_WEIGHT)])
        emotions = np.concatenate([self.emotions[chosen], np.full((recipe.noise, len(EMOTIONS)), np.nan)])
        if recipe.mixup:
            other = np.concatenate([rng.permutation(count), np.arange(count, len(pictures))])
            keep = np.where(np.arange(len(p)) < count, rng.beta(recipe.mixup, recipe.mixup, len(p)), 1.0)
            keep = np.maximum(keep, 1 - keep)
            both = (mask.sum(1) == mask[other].sum(1)) & (keep < 1)  # of one length, or the shorter one ends in nothing
            keep = np.where(both, keep, 1.0)
            k = keep[:, None, None].astype(np.float32)
            seen = seen * k + seen[other] * (1 - k)
            p, weight = p * keep + p[other] * (1 - keep), weight * keep + weight[other] * (1 - keep)
            emotions = emotions * keep[:, None] + emotions[other] * (1 - keep[:, None])
        found = (torch.from_numpy(np.asarray(each, dtype=np.float32)) for each in (seen, mask, p, weight, emotions))
        return Batch(*found)

    def step(self) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        recipe, at = self.recipe, self.training.step
        batch = self.batch(at)
        torch.manual_seed(100_003 * self.seed + at)  # dropout
        self.training.model.train()
        output = self.training.model(batch.seen, batch.mask)
        loss = OBJECTIVES[recipe.loss](output.p, batch.p, batch.weight)
        told = torch.isfinite(batch.emotions)
        values = {"p": loss.item()}
        if recipe.emotions and bool(told.any()):
            errors = torch.where(told, output.emotions - torch.nan_to_num(batch.emotions), 0.0).square()
            felt = (errors.sum(1) / len(EMOTIONS) * batch.weight).sum() / batch.weight.sum()
            loss = loss + recipe.emotions * felt
            values["emotions"] = felt.item()
        done = share_done(at, recipe.steps)
        rate = rise_and_fall(recipe.learning_rate, at, done, warm_up=recipe.warm_up, falling=FALLING)
        values["gradient"] = self.training.update(loss, rate)
        return {**values, "learning_rate": rate}

    def run(self, name: str, state: Path | None, log: RunLog | None) -> Network:
        """Train to the end, from where ``resume`` left it; the mean of the weights is what is kept."""
        while self.training.step < self.recipe.steps:
            values = self.step()
            at = self.training.step
            last = at == self.recipe.steps
            if log and (at % LOG_EVERY == 0 or last):
                log.write("metrics", step=at, part=name, values=values)
            if state and (at % SAVE_EVERY == 0 or last):
                self.training.save(state, {"lines": log.lines if log else 0})
        return self.training.average.eval()


def predicted(network: Network, scale: Scale, pictures: Sequence[Picture]) -> Floats:
    """p of whole tracks ``(tracks,)``."""
    found = np.zeros(len(pictures))
    with torch.inference_mode():
        for row, picture in enumerate(pictures):
            found[row] = network(torch.from_numpy(np.ascontiguousarray(picture))[None]).p.item()
    return found * scale.deviation + scale.mean

"""How one network is trained: the recipe, its ablations, what it has to get right, and the loop.

The objective is p itself, which of two tracks has more of it, or how many steps it climbs. Each ablation changes one
thing of the recipe. The loop can be killed and taken up between any two steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from models.experiments.optimisation import AveragedTraining, rise_and_fall, share_done
from models.experiments.run_log import RunLog
from models.rating.material import Augmentation, Excerpts, FeatureExcerpts, Material, Picture
from models.rating.network import Judge, JudgeConfig, RatingConfig, RatingNetwork, RatingOutput, Scale
from models.rating.plays import EMOTIONS
from models.rating.sound import log_mel
from models.rating.synthetic import LEARNED
from models.rating.tagger import Features

Loss = Literal["mse", "pairwise", "ordinal"]
STEPS = 8
SHARPNESS = 0.3  # of a step between two ranks, in the target's standard deviations

NONE = Augmentation(0.0, 0.0, 0.0, 0.0)  # on what the tagger hears, none of it helped

LOG_EVERY, SAVE_EVERY = 20, 80
NOISES, NOISE_S = 24, 12.0  # recordings of noise, and how long each lasts
NOISE_WEIGHT = 0.5
FALLING = 0.6  # of a run, in which the learning rate falls
Network = RatingNetwork | Judge


def mse(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Squared error ``(batch,)`` weighted by ``weight``."""
    return (weight * (p - wanted).square()).sum() / weight.sum()


def pairwise(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """RankNet's loss (Burges et al. 2005) of all pairs, weighted by how far apart the two are, and a little of ``mse``.

    Pairs alone leave p's size open.
    """
    apart = wanted[:, None] - wanted
    each = (weight[:, None] * weight) * apart.clamp_min(0)
    ranked = F.softplus(-(p[:, None] - p) / SHARPNESS) * each
    return ranked.sum() / each.sum().clamp_min(1e-6) + 0.2 * mse(p, wanted, weight)


def ordinal(p: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Cumulative logits (McCullagh 1980) at fixed steps of the standardised target."""
    edges = torch.linspace(-1.5, 1.5, STEPS, dtype=p.dtype, device=p.device)
    above = (wanted[:, None] > edges).to(p.dtype)
    losses = F.binary_cross_entropy_with_logits((p[:, None] - edges) / SHARPNESS, above, reduction="none").mean(1)
    return (weight * losses).sum() / weight.sum()


OBJECTIVES = {"mse": mse, "pairwise": pairwise, "ordinal": ordinal}


@dataclass(frozen=True)
class Recipe:
    """Optimiser steps of ``rows`` excerpts of so many ``windows``; weights of the emotions and of the genres.

    ``excerpts``: how many of each track are drawn in advance. ``noise``: rows that are noise, rated at nothing.
    ``mixup``: the parameter of its beta distribution (Zhang et al. 2018), 0 for none. ``even``: p as it would be had
    all tracks been played equally often.
    """

    steps: int = 400
    rows: int = 64
    windows: int = 3
    excerpts: int = 6
    learning_rate: float = 2e-3
    decay: float = 0.1
    warm_up: int = 20
    loss: Loss = "mse"
    emotions: float = 0.5
    genres: float = 0.5
    noise: int = 6  # rows of a batch
    mixup: float = 0.3
    even: bool = False
    augmentation: Augmentation = NONE
    config: RatingConfig | JudgeConfig = field(default_factory=RatingConfig)


TINY = RatingConfig(dim=8)


PRESETS: Mapping[str, tuple[Recipe, int]] = {  # and networks a fold
    "tiny": (Recipe(steps=20, rows=8, windows=1, excerpts=2, warm_up=2, noise=2, config=TINY), 1),
    "cpu": (Recipe(), 5),
    "gpu": (Recipe(steps=800), 10),
}


def ablations(whole: Recipe) -> dict[str, Recipe]:
    """The recipe without one of its parts, or with another in its place."""
    config, every = whole.config, Augmentation()
    if not isinstance(config, RatingConfig):
        raise TypeError("a judge has no ablations")
    return {
        "whole": whole,
        "with_gain": replace(whole, augmentation=replace(NONE, gain_db=every.gain_db)),
        "with_pitch_shift": replace(whole, augmentation=replace(NONE, semitones=every.semitones)),
        "with_time_stretch": replace(whole, augmentation=replace(NONE, stretch=every.stretch)),
        "with_augmentation": replace(whole, augmentation=every),
        "without_emotions": replace(whole, emotions=0.0),
        "without_genres": replace(whole, genres=0.0),
        "without_mixup": replace(whole, mixup=0.0),
        "without_noise": replace(whole, noise=0),
        "with_equal_exposure": replace(whole, even=True),
        "without_attention": replace(whole, config=replace(config, attention=False)),
        "pairwise": replace(whole, loss="pairwise"),
        "ordinal": replace(whole, loss="ordinal"),
    }


@dataclass(frozen=True)
class Batch:
    """What is seen and what is wanted of it, one row each; emotions and genres are NaN where nobody told."""

    seen: Tensor
    mask: Tensor
    p: Tensor
    weight: Tensor
    emotions: Tensor
    genres: Tensor


def noise_pictures(seed: int) -> list[Picture]:
    """Recordings of the kinds of noise that are learned from."""
    rng = np.random.default_rng([seed, 5])
    kinds = list(LEARNED.values())
    return [log_mel(kinds[each % len(kinds)](NOISE_S, rng)) for each in range(NOISES)]


class Member:
    """A network in training on ``rows`` of ``material``; ``seed`` decides all that is random.

    ``excerpts`` are of the tracks, and after them of recordings of noise.
    """

    def __init__(
        self, material: Material, rows: npt.NDArray[np.int64], recipe: Recipe, excerpts: Excerpts, seed: int
    ) -> None:
        self.rows, self.recipe, self.excerpts, self.seed = rows, recipe, excerpts, seed
        self.weight, self.tracks, self.genres = material.weight, len(material.digests), material.genres
        p = material.even if recipe.even else material.p
        self.scale = Scale.of(p[rows])
        self.p = (p - self.scale.mean) / self.scale.deviation
        self.nothing = -self.scale.mean / self.scale.deviation
        told = material.plays.emotions
        few = told[rows]
        with np.errstate(invalid="ignore"):
            self.emotions = (told - few.mean(axis=0)) / np.maximum(few.std(axis=0), 1e-3)
        torch.manual_seed(seed)
        network = _network(recipe.config, excerpts, material, rows)
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
        drawn = self.excerpts.draw(np.concatenate([chosen, self.tracks + rng.integers(NOISES, size=recipe.noise)]), rng)

        def beside(of_tracks: npt.NDArray[np.float64], of_noise: float) -> npt.NDArray[np.float64]:
            return np.concatenate([of_tracks[chosen], np.full((recipe.noise, *of_tracks.shape[1:]), of_noise)])

        found: list[npt.NDArray[Any]] = [
            drawn.seen, drawn.mask, beside(self.p, self.nothing), beside(self.weight, NOISE_WEIGHT),
            beside(self.emotions, np.nan), beside(self.genres, np.nan),
        ]  # fmt: skip
        if recipe.mixup:
            other = np.concatenate([rng.permutation(count), np.arange(count, recipe.rows)])
            keep = rng.beta(recipe.mixup, recipe.mixup, recipe.rows)
            alike = drawn.mask.sum(1) == drawn.mask[other].sum(1)  # or the shorter one ends in nothing
            keep = np.where(alike, np.maximum(keep, 1 - keep), 1.0)
            found = [_mixed(each, other, keep) for each in found]
        return Batch(*(torch.from_numpy(np.asarray(each, dtype=np.float32)) for each in found))

    def step(self) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        recipe, at = self.recipe, self.training.step
        batch = self.batch(at)
        torch.manual_seed(100_003 * self.seed + at)  # dropout
        self.training.model.train()
        output = _output(self.training.model, batch)
        loss = OBJECTIVES[recipe.loss](output.p, batch.p, batch.weight)
        values = {"p": loss.item()}
        told = torch.isfinite(batch.emotions)
        if recipe.emotions and bool(told.any()):
            errors = torch.where(told, output.emotions - torch.nan_to_num(batch.emotions), 0.0).square()
            felt = (errors.sum(1) / len(EMOTIONS) * batch.weight).sum() / batch.weight.sum()
            loss = loss + recipe.emotions * felt
            values["emotions"] = felt.item()
        if recipe.genres and output.genres.shape[1]:
            music = torch.isfinite(batch.genres).all(1)
            wrong = F.cross_entropy(output.genres[music], batch.genres[music])
            loss = loss + recipe.genres * wrong
            values["genres"] = wrong.item()
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


def _network(
    config: RatingConfig | JudgeConfig, excerpts: Excerpts, material: Material, rows: npt.NDArray[np.int64]
) -> Network:
    """A network that has learned nothing but how what it sees is spread over the tracks ``rows``."""
    columns = np.concatenate([material.pictures[row] for row in rows], axis=1)
    mean = torch.from_numpy(columns.mean(axis=1, keepdims=True))
    if isinstance(config, JudgeConfig):
        judge = Judge(config)
        judge.mean.copy_(mean)
        judge.deviation.copy_(torch.from_numpy(columns.std(axis=1, keepdims=True).clip(0.1)))
        return judge
    if not isinstance(excerpts, FeatureExcerpts):
        raise TypeError("a rating network learns from features")
    windows = excerpts.features.windows[rows][excerpts.features.mask[rows] > 0]
    network = RatingNetwork(replace(config, genres=material.genres.shape[1], embedding=windows.shape[1]))
    network.mean.copy_(mean)
    network.window_mean.copy_(windows.mean(0))
    network.window_deviation.copy_(windows.std(0).clamp_min(1e-3))
    return network


def _mixed(values: npt.NDArray[Any], other: npt.NDArray[np.int64], keep: npt.NDArray[np.float64]) -> Any:
    """Each row ``keep`` of itself and the rest of the row ``other``."""
    share = keep.reshape(-1, *(1 for _ in values.shape[1:]))
    return values * share + values[other] * (1 - share)


def _output(network: Network, batch: Batch) -> RatingOutput:
    if isinstance(network, Judge):
        output: RatingOutput = network(batch.seen, batch.mask)
    else:
        output = network(Features(batch.seen, batch.mask))
    return output

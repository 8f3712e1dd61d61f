"""What the sounds that a critic of realness has heard do for dreams: renders, or tracks of the data.

Each critic hears its own sounds, and all dream from the same noises. The tracks of the judge's fold are for the critic
that hears the data; the networks *apart* learn from the other folds, and the last of these is what they, and everything
else, are compared with. No critic has heard the tracks of either.

The networks apart say how real a dream is. They have another architecture than the critic, hear no level, and learned
to tell real excerpts from noise, from dreams without a critic, and from surrogates (Prichard & Theiler 1994): real
excerpts whose phases over time were drawn anew, so that bands keep their spectra and move together as before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from safetensors.numpy import load_file, save_file
from torch import nn

from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap
from models.rating.dreaming import METHODS, MethodName, Real, dream
from models.rating.network import Judge, JudgeConfig
from models.rating.rater import Kind, RatingBundle, statistics
from models.rating.sound import FRAMES_A_SECOND, log_mel
from models.rating.synthetic import LEARNED, UNSEEN

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
Rng = np.random.Generator

STEPS, SECONDS = 96, 5.9  # of a dream
SO_FAR = "so_far.json"
SHOWN = 8  # every so many steps the picture of a dream is kept
FRAMES = int(SECONDS * FRAMES_A_SECOND)
NETWORKS, LESSONS, ROWS, RATE = 3, 200, 16, 2e-3
NOISES = 12  # of each kind
APART = 10_000  # the seed of dreams that are learned from, far from those that are judged


def placed(pictures: Sequence[Picture], music: Kind) -> Floats:
    """Unit vectors of standardised band profiles and statistics, ``(pictures, features)``."""
    rows = np.array([np.concatenate([each.mean(axis=1), each.std(axis=1)]) for each in pictures], dtype=np.float64)
    shape = np.array([statistics(each) for each in pictures]) - music.mean
    spread = np.sqrt(np.diag(np.linalg.inv(music.precision)))
    rows = np.concatenate([rows - rows.mean(axis=1, keepdims=True), shape / spread], axis=1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@dataclass(frozen=True)
class Trail:
    """p, the judge's p and the alarm of each step; ``pictures`` ``(kept, MELS, frames)``, and the last."""

    p: Floats
    judge: Floats
    alarm: Floats
    pictures: npt.NDArray[np.float32]


def dreamt(bundle: RatingBundle, real: Real, method: MethodName, seed: int, kept: Path | None = None) -> Trail:
    """A whole dream; in the folder ``kept`` for the next time."""
    heard = torch.cat(real.pictures, dim=1).numpy().tobytes()
    about = f"{bundle.version} {hashlib.sha256(heard).hexdigest()} {METHODS[method]} {seed} {STEPS} {SECONDS}"
    path = kept / f"{hashlib.sha256(about.encode()).hexdigest()[:16]}.safetensors" if kept else None
    if path and path.is_file():
        return Trail(**load_file(path))
    climb = dream(bundle.ensemble, bundle.judge.network, real, METHODS[method], steps=STEPS, seconds=SECONDS, seed=seed)
    steps = list(climb)
    found = Trail(
        np.array([step.p for step in steps]),
        np.array([step.judge for step in steps]),
        np.array([float(step.alarm) for step in steps]),
        np.array([steps[at].picture for at in [*range(0, STEPS, SHOWN), STEPS]]),
    )
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(value) for name, value in vars(found).items()}, path)
    return found


def surrogate(picture: Picture, rng: Rng) -> Picture:
    """As ``picture`` ``(MELS, frames)``, with other phases over time, the same for all bands."""
    spectrum = np.fft.rfft(picture, axis=1)
    turned = np.exp(2j * np.pi * rng.random(spectrum.shape[1]))
    turned[0] = 1
    if picture.shape[1] % 2 == 0:
        turned[-1] = 1  # a phase of the highest frequency would be lost
    return np.asarray(np.fft.irfft(spectrum * turned, n=picture.shape[1], axis=1), dtype=np.float32)


def cut(picture: Picture, rng: Rng) -> Picture:
    """A random excerpt ``(MELS, FRAMES)``; a shorter sound goes round."""
    start = int(rng.integers(max(picture.shape[1] - FRAMES, 0) + 1))
    return picture[:, (start + np.arange(FRAMES)) % picture.shape[1]]


@dataclass(frozen=True)
class Apart:
    """Networks that tell real excerpts from what only looks like them."""

    networks: tuple[Judge, ...]

    @classmethod
    def of(cls, real: Sequence[Picture], fakes: Sequence[Sequence[Picture]], *, seed: int) -> Apart:
        """Learned from tracks ``real`` and kinds of ``fakes``, each kind as often, and surrogates of the tracks."""
        found = []
        for number in track(range(NETWORKS), "networks apart", console=Console(stderr=True)):
            rng = np.random.default_rng([seed, 31, number])
            torch.manual_seed(1000 * seed + number)
            network = Judge(JudgeConfig()).train()
            columns = torch.from_numpy(np.concatenate([each - each.mean() for each in real], axis=1))
            network.mean.copy_(columns.mean(1, keepdim=True))
            network.deviation.copy_(columns.std(1, keepdim=True).clamp_min(0.1))
            optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
            truth = torch.cat([torch.ones(ROWS), torch.zeros(ROWS)])
            for _ in range(LESSONS):
                rows = [cut(real[int(rng.integers(len(real)))], rng) for _ in range(ROWS)]
                for at in range(ROWS):
                    kind = at % (len(fakes) + 1)
                    if kind == len(fakes):
                        rows.append(surrogate(cut(real[int(rng.integers(len(real)))], rng), rng))
                    else:
                        rows.append(cut(fakes[kind][int(rng.integers(len(fakes[kind])))], rng))
                loss = nn.functional.binary_cross_entropy_with_logits(network(_level(rows)).p, truth)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
            found.append(network.eval())
        return cls(tuple(found))

    def score(self, pictures: Sequence[Picture]) -> Floats:
        """Log odds that each of ``pictures`` ``(MELS, FRAMES)`` is real, ``(pictures,)``."""
        with torch.inference_mode():
            each = [network(_level(pictures)).p.numpy() for network in self.networks]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)


def _level(pictures: Sequence[Picture]) -> torch.Tensor:
    return torch.from_numpy(np.stack([each - each.mean() for each in pictures]).astype(np.float32))


def noises(kinds: Sequence[str], rng: Rng) -> list[Picture]:
    """Pictures of ``NOISES`` of each kind."""
    every = {**LEARNED, **UNSEEN}
    return [log_mel(every[name](SECONDS + 0.1, rng)) for name in kinds for _ in range(NOISES)]


def report_critics(
    report: Report,
    bundle: RatingBundle,
    sounds: Mapping[str, Sequence[Picture]],
    learned: Sequence[Picture],
    known: Sequence[Picture],
    *,
    methods: Sequence[MethodName],
    count: int,
    kept: Path | None = None,
) -> None:
    """``dream.METHOD_SOUNDS.*`` over ``count`` seeds, and from the second of ``sounds`` on ``*_less_FIRST``, paired.

    p, judge, alarm, realness, nearest: as ``report_dreams`` has them, beside excerpts of ``known``. apart:
    log odds by those that learned from ``learned``; baseline: the noise that dreams begin with; reference: ``known``.
    apart_rank: the share of excerpts of ``known`` that look no more real to them; chance: that of such excerpts.
    """
    rng = np.random.default_rng([report.seed, 37])
    real = Real(learned)
    trails = {name: dreamt(bundle, real, name, report.seed + APART, kept) for name in ("naive", "regularised")}
    pictures = [picture for trail in trails.values() for picture in trail.pictures]
    apart = Apart.of(learned, [noises(list(LEARNED), rng), pictures], seed=report.seed)
    excerpts = [cut(picture, rng) for picture in known for _ in range(2)]
    odds = apart.score(excerpts)
    fake = [cut(each, rng) for each in [*noises(list(UNSEEN), rng), *(surrogate(each, rng) for each in excerpts)]]
    right = np.concatenate([odds > 0, apart.score(fake) < 0])
    report.add("apart.accuracy", _mean(right.astype(float), chance=0.5))
    report.add("apart.real", _mean(odds))
    report.add("apart.fake", _mean(apart.score(fake)))
    yardstick = Yardstick(bundle.heard.music, apart, excerpts, odds)
    for method in methods:
        found: dict[str, list[Trail]] = {name: [] for name in sounds}
        every = list(product(range(count), sounds))  # one noise by all critics, then the next one
        for number, name in track(every, f"dreams: {method}", console=Console(stderr=True)):
            found[name].append(dreamt(bundle, Real(sounds[name]), method, report.seed + number, kept))
            if len(found[name]) == len(found[[*sounds][-1]]):
                _add(report, method, found, yardstick)
                if kept:  # what is known so far
                    (kept / SO_FAR).write_text(json.dumps(report.to_json()) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Yardstick:
    """What dreams are measured by: ``excerpts`` that no critic knows, and log ``odds`` that they are real."""

    music: Kind
    apart: Apart
    excerpts: Sequence[Picture]
    odds: Floats

    @cached_property
    def away(self) -> Floats:
        """How far each excerpt is from music's mean."""
        return np.array([self.music.score(statistics(each)) for each in self.excerpts])

    @cached_property
    def places(self) -> Floats:
        """Of the excerpts, as ``placed`` has them."""
        return placed(self.excerpts, self.music)

    def figures(self, trails: Sequence[Trail]) -> dict[str, Floats]:
        """Each figure of each dream ``(trails,)``."""
        ends = [trail.pictures[-1] for trail in trails]
        scores = self.apart.score(ends)
        return {
            "p": np.array([trail.p[-1] for trail in trails]),
            "judge": np.array([trail.judge[-1] for trail in trails]),
            "alarm": np.array([trail.alarm.mean() for trail in trails]),
            "realness": np.array([(self.away >= self.music.score(statistics(end))).mean() for end in ends]),
            "apart": scores,
            "apart_rank": (self.odds <= scores[:, None]).mean(axis=1),
            "nearest": (placed(ends, self.music) @ self.places.T).max(axis=1),
        }

    def beside(self, begin: Trail) -> dict[str, tuple[float | None, float | None, float | None]]:
        """Baseline, chance and reference of each figure."""
        likeness = self.places @ self.places.T - 2 * np.eye(len(self.places))
        noise = float(self.apart.score([begin.pictures[0]])[0])
        return {
            "p": (float(begin.p[0]), None, None), "judge": (float(begin.judge[0]), None, None),
            "alarm": (0.0, None, None), "realness": (None, 0.5, None), "apart": (noise, None, float(self.odds.mean())),
            "apart_rank": (None, 0.5, None), "nearest": (float(likeness.max(axis=1).mean()), None, None),
        }  # fmt: skip


def _add(report: Report, method: MethodName, found: Mapping[str, Sequence[Trail]], yardstick: Yardstick) -> None:
    rows = {name: yardstick.figures(trails) for name, trails in found.items()}
    for name, trails in found.items():
        beside = yardstick.beside(trails[0])
        for figure, values in rows[name].items():
            report.add(f"dream.{method}_{name}.{figure}", _mean(values, *beside[figure]))
    first, *others = found
    for name in others:
        for figure, values in rows[name].items():
            less = values - rows[first][figure]
            report.add(f"dream.{method}_{name}.{figure}_less_{first}", _mean(less, chance=0.0))


def _mean(
    values: npt.ArrayLike, baseline: float | None = None, chance: float | None = None, reference: float | None = None
) -> Metric:
    found = bootstrap(values)
    return Metric(found.value, found.low, found.high, found.n, baseline, chance, reference)

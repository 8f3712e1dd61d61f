"""The four ways of dreaming: what the network and the judge say, how real, how new and how different they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap
from models.rating.checkpoint import RatingBundle
from models.rating.dreaming.dream import WAYS, Step, Surface, Way, dream
from models.rating.dreaming.surface import Real
from models.rating.outlier import Kind, statistics
from models.rating.spectrogram import FRAMES_A_SECOND

Picture = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

DREAMS, STEPS, SECONDS = 3, 96, 5.9


def report_dreams(report: Report, bundle: RatingBundle, pictures: Sequence[Picture], *, count: int = DREAMS) -> None:
    """``dream.WAY.{p,judge,realness,nearest,diversity,alarm}`` over ``count`` seeds; ``waveform``: both, on the sound.

    p and judge: in standard deviations of p; baseline: the noise that the dream began with. realness: the share of real
    excerpts that are at least as far from music's mean (``Kind``). nearest: the cosine to the most similar real
    excerpt; baseline: of a real excerpt to the others. diversity: 1 less the mean cosine between dreams; baseline:
    between real excerpts. alarm: the share of steps at which p rose and the judge hardly.
    """
    real = Real(pictures)
    generator = torch.Generator().manual_seed(report.seed)
    frames = int(SECONDS * FRAMES_A_SECOND)
    excerpts = [each.numpy() for each in real.excerpts(min(60, 4 * len(pictures)), frames, generator)]
    music = bundle.heard.music
    away = np.array([music.score(statistics(each)) for each in excerpts])
    known = _placed(excerpts, music)
    ways: dict[str, tuple[Way, Surface]] = {name: (way, "picture") for name, way in WAYS.items()}
    every = {**ways, "waveform": (WAYS["both"], "waveform")}
    for name, (way, surface) in track(every.items(), "ways of dreaming", console=Console(stderr=True)):
        climb = partial(
            dream, bundle.ensemble, bundle.judge.network, real, way, surface=surface, steps=STEPS, seconds=SECONDS
        )
        trails = [list(climb(seed=report.seed + each)) for each in range(count)]
        _report_way(report, name, trails, music, away=away, known=known)


def _report_way(
    report: Report, name: str, trails: list[list[Step]], music: Kind, *, away: Floats, known: Floats
) -> None:
    likeness = known @ known.T - 2 * np.eye(len(known))
    ends = [trail[-1] for trail in trails]
    placed = _placed([end.picture for end in ends], music)
    real = [float((away >= music.score(statistics(end.picture))).mean()) for end in ends]
    both = placed @ placed.T
    apart = 1 - both[np.triu_indices(len(both), 1)]
    usual = 1 - (known @ known.T)[np.triu_indices(len(likeness), 1)]
    begin = trails[0][0]
    report.add(f"dream.{name}.p", _mean([end.p for end in ends], begin.p))
    report.add(f"dream.{name}.judge", _mean([end.judge for end in ends], begin.judge))
    report.add(f"dream.{name}.realness", _mean(real, 0.5))
    report.add(f"dream.{name}.nearest", _mean((placed @ known.T).max(axis=1), float(likeness.max(axis=1).mean())))
    report.add(f"dream.{name}.diversity", _mean(apart, float(usual.mean())))
    report.add(f"dream.{name}.alarm", _mean([np.mean([step.alarm for step in trail]) for trail in trails], 0.0))


def _placed(pictures: Sequence[Picture], music: Kind) -> Floats:
    """Unit vectors of standardised band profiles and statistics, ``(pictures, features)``."""
    rows = np.array([np.concatenate([each.mean(axis=1), each.std(axis=1)]) for each in pictures], dtype=np.float64)
    shape = np.array([statistics(each) for each in pictures]) - music.mean
    spread = np.sqrt(np.diag(np.linalg.inv(music.precision)))
    rows = np.concatenate([rows - rows.mean(axis=1, keepdims=True), shape / spread], axis=1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _mean(values: npt.ArrayLike, baseline: float) -> Metric:
    found = bootstrap(values)
    return Metric(found.value, found.low, found.high, found.n, baseline)

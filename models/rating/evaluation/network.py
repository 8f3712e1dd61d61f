"""Rivals of the rating network, what it says of changed music and of noises, and what it dreams.

What else could rate: ridge on cepstra, extra trees on statistics of the sound, the mean; fitted inside folds. For piano
also the taste head's features of the notes, a rival that has never heard a sound: a ridge regression on features scaled
by the head's prior is what a head is that learns from p (its weights are normal with that variance); how noisy p is,
the penalty, is chosen by leaving one track out.

Responses are what the network says of music turned up, buried in noise, played backwards, and of sounds that are no
music. Dreams are made in four ways: what the network and the judge say, how real, how new and how different they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.dataset import neutral
from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.intervals import bootstrap
from models.music.decoding import Samples
from models.music.midi import read_midi
from models.music.notes import MusicError
from models.rating.dreaming import METHODS, Method, Real, Step, Surface, dream
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.outlier import Kind, statistics
from models.rating.rater import RatingBundle
from models.rating.sound import FRAMES_A_SECOND, Sound, checked, log_mel
from models.rating.synthetic import LEARNED, UNSEEN, coloured
from models.style.compose import Composer
from models.taste.space import TasteSpace, summary

Floats = npt.NDArray[np.float64]
Fit = Callable[[Floats, Floats, Floats, int], Callable[[Floats], Floats]]
Change = Callable[[Samples, np.random.Generator], Samples]
Rate = Callable[[npt.NDArray[np.float32]], float]
Picture = npt.NDArray[np.float32]

TREES = 500
PENALTIES = np.logspace(0, 5, 11)

HEAD_PENALTIES = np.logspace(-1, 4, 16)

EXCERPT_S = 10.0
MOST = 40  # tracks that are changed
EACH = 8  # sounds of each kind of noise

DREAMS, STEPS, SECONDS = 3, 96, 5.9


def mean(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """The mean of p, whatever it sounds like."""
    del x, seed
    found = float(np.average(p, weights=weight))
    return lambda rows: np.full(len(rows), found)


def ridge(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Ridge regression, its penalty chosen by leaving one track out."""
    del seed
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x, p, ridgecv__sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def trees(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006)."""
    model = ExtraTreesRegressor(TREES, max_features=1 / 3, min_samples_leaf=2, random_state=seed)
    model.fit(x, p, sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def crossfitted(
    fit: Fit, x: Floats, p: Floats, weight: Floats, fold: npt.NDArray[np.int64], *, seed: int = 0
) -> Floats:
    """p of each track by a model of the other folds, ``(tracks,)``; ``x`` ``(tracks, features)``."""
    found = np.zeros(len(p))
    for each in np.unique(fold):
        own = fold == each
        found[own] = fit(x[~own], p[~own], weight[~own], seed)(x[own])
    return found


def features(rows: list[Mapping[str, float]]) -> tuple[Floats, Floats]:
    """All statistics ``(tracks, features)``, and the cepstra among them."""
    names = list(rows[0])
    table = np.nan_to_num(np.array([[row[name] for name in names] for row in rows]))
    return table, table[:, [name.startswith("mfcc_") for name in names]]


def style_features(composer: Composer, notes: Sequence[Path | None]) -> Floats | None:
    """The head's features ``(tracks, features)`` of MIDI files, scaled by its prior; None where a track has no notes.

    None as well where the style model has no taste space.
    """
    path = composer.bundle.taste_space_path
    if path is None or not all(notes):
        return None
    space = TasteSpace.load(path, composer.version)
    try:
        pieces = [neutral(read_midi(each)) for each in notes if each is not None]
        found = [space.features(summary(composer.encode(each)))[0] for each in pieces]
    except MusicError:
        return None
    return np.asarray(np.array(found) * np.sqrt(space.prior_variance), dtype=np.float64)


def head(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Ridge regression on the taste head's features; a ``Fit`` of ``crossfitted``."""
    del seed
    model = RidgeCV(HEAD_PENALTIES).fit(x, p, sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def noisy(decibels: float) -> Change:
    """Under white noise that is ``decibels`` softer than the music."""

    def change(samples: Samples, rng: np.random.Generator) -> Samples:
        noise = coloured(len(samples) / SAMPLE_RATE_HZ, rng)[: len(samples)]
        level = np.sqrt(np.mean(samples**2)) / np.sqrt(np.mean(noise**2)) * 10 ** (-decibels / 20)
        return np.asarray(samples[: len(noise)] + noise * level, dtype=np.float32)

    return change


def half_silent(samples: Samples, rng: np.random.Generator) -> Samples:
    """Followed by as much silence."""
    del rng
    return np.concatenate([samples, np.zeros_like(samples)])


CHANGES: Mapping[str, Change] = {
    "louder_12_db": lambda samples, _: samples * np.float32(4),
    "softer_12_db": lambda samples, _: samples * np.float32(0.25),
    "noise_20_db": noisy(20),
    "noise_10_db": noisy(10),
    "noise_0_db": noisy(0),
    "reversed": lambda samples, _: np.ascontiguousarray(samples[::-1]),
    "half_silent": half_silent,
}


def piano_chord(seconds: float = 4.0) -> Samples:
    """A chord of partials that die away, the higher the sooner."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sound = np.zeros(len(time))
    for pitch in (48, 55, 60, 64, 67):
        base = 440 * 2 ** ((pitch - 69) / 12)
        for k in range(1, 12):
            sharp = base * k * np.sqrt(1 + 0.0004 * k * k)
            if sharp < SAMPLE_RATE_HZ / 2:
                sound += np.sin(2 * np.pi * sharp * time + k) * np.exp(-time * (0.6 + 0.35 * k)) / k**1.3
    return np.asarray(0.2 * sound / np.abs(sound).max(), dtype=np.float32)


def report_responses(
    report: Report,
    bundle: RatingBundle,
    sounds: Sequence[Sound],
    rated: Sequence[Rate],
) -> None:
    """``rating.response.NAME.{p,outlier}``: the change of p and the share that is called unlike anything heard.

    ``rated[i]`` rates a picture by networks that have not learned from ``sounds[i]``.
    """
    rng = np.random.default_rng([report.seed, 17])
    rows = rng.permutation(len(sounds))[:MOST]
    length = int(EXCERPT_S * SAMPLE_RATE_HZ)
    excerpts = [sounds[row].samples[:length] for row in rows]
    names = [str(row) for row in rows]
    plain = [log_mel(each) for each in excerpts]
    before = np.array([rated[row](picture) for row, picture in zip(rows, plain, strict=True)])
    report.add("rating.response.music.p", _mean(before))
    alarms = np.array([bundle.heard.score(picture) > 1 for picture in plain], float)
    report.add("rating.response.music.outlier", _mean(alarms))
    for name, change in CHANGES.items():
        changed = [log_mel(checked(change(each, rng), SAMPLE_RATE_HZ).samples) for each in excerpts]
        after = np.array([rated[row](picture) for row, picture in zip(rows, changed, strict=True)])
        report.add(f"rating.response.{name}.p", mean_over_songs(names, after - before))
        alarms = np.array([bundle.heard.score(picture) > 1 for picture in changed], float)
        report.add(f"rating.response.{name}.outlier", _mean(alarms))
    kinds = {**LEARNED, **UNSEEN}
    raw, ranked = [], []
    for name, noise in kinds.items():
        pictures = [log_mel(noise(EXCERPT_S, rng)) for _ in range(EACH)]
        p = bundle.rate(pictures)
        strange = np.array([bundle.heard.score(picture) > 1 for picture in pictures])
        report.add(f"rating.response.{name}.p", _mean(p))
        report.add(f"rating.response.{name}.outlier", _mean(strange.astype(float)))
        raw.append((p[:, None] > before).mean())
        ranked.append(((p[:, None] > before) & ~strange[:, None]).mean())
    report.add(
        "rating.noise_above_music", Metric(float(np.mean(ranked)), n=len(kinds) * EACH, baseline=float(np.mean(raw)))
    )
    chord = log_mel(piano_chord())
    report.add("rating.response.piano_chord.p", Metric(float(bundle.rate([chord])[0]), n=1))
    report.add("rating.response.piano_chord.outlier", Metric(float(bundle.heard.score(chord) > 1), n=1))


def _mean(values: npt.ArrayLike, baseline: float | None = None) -> Metric:
    found = bootstrap(values)
    return Metric(found.value, found.low, found.high, found.n, baseline)


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
    known = placed(excerpts, music)
    methods: dict[str, tuple[Method, Surface]] = {name: (method, "picture") for name, method in METHODS.items()}
    every = {**methods, "waveform": (METHODS["both"], "waveform")}
    for name, (method, surface) in track(every.items(), "methods of dreaming", console=Console(stderr=True)):
        climb = partial(
            dream, bundle.ensemble, bundle.judge.network, real, method, surface=surface, steps=STEPS, seconds=SECONDS
        )
        trails = [list(climb(seed=report.seed + each)) for each in range(count)]
        _report_way(report, name, trails, music, away=away, known=known)


def _report_way(
    report: Report, name: str, trails: list[list[Step]], music: Kind, *, away: Floats, known: Floats
) -> None:
    likeness = known @ known.T - 2 * np.eye(len(known))
    ends = [trail[-1] for trail in trails]
    found = placed([end.picture for end in ends], music)
    real = [float((away >= music.score(statistics(end.picture))).mean()) for end in ends]
    both = found @ found.T
    apart = 1 - both[np.triu_indices(len(both), 1)]
    usual = 1 - (known @ known.T)[np.triu_indices(len(likeness), 1)]
    begin = trails[0][0]
    report.add(f"dream.{name}.p", _mean([end.p for end in ends], begin.p))
    report.add(f"dream.{name}.judge", _mean([end.judge for end in ends], begin.judge))
    report.add(f"dream.{name}.realness", _mean(real, 0.5))
    report.add(f"dream.{name}.nearest", _mean((found @ known.T).max(axis=1), float(likeness.max(axis=1).mean())))
    report.add(f"dream.{name}.diversity", _mean(apart, float(usual.mean())))
    report.add(f"dream.{name}.alarm", _mean([np.mean([step.alarm for step in trail]) for trail in trails], 0.0))


def placed(pictures: Sequence[Picture], music: Kind) -> Floats:
    """Unit vectors of standardised band profiles and statistics, ``(pictures, features)``."""
    rows = np.array([np.concatenate([each.mean(axis=1), each.std(axis=1)]) for each in pictures], dtype=np.float64)
    shape = np.array([statistics(each) for each in pictures]) - music.mean
    spread = np.sqrt(np.diag(np.linalg.inv(music.precision)))
    rows = np.concatenate([rows - rows.mean(axis=1, keepdims=True), shape / spread], axis=1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

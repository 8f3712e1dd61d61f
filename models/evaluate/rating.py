"""How well likes are foretold: ``python -m models.evaluate.rating --data DIR [--model PATH] [--dreams N] [--limit N]``.

DIR has plays and sounds (``models.rating.plays``). The given weights are not trained: a track that they have learned
from is rated by those networks that have not, any other by all. Rivals are fitted inside the same folds: ridge on
cepstra, extra trees on statistics of the sound, the mean, and, where every track has ``midi/CLIP.mid``, the taste head
on the latents of its notes. ``mel`` are networks on the log-mel picture alone, where some lie beside the weights.
``genre`` is told each track's genre, where the table has genres, and hears nothing. ``rating.ceiling`` is what a rating
that knew p without the noise of its few listeners would reach; ``rating.ceiling.audible`` what one would that knew
every track's share of likes, and not how often it was played. Prints a table and, as its last line, one JSON object.

``--critics METHOD …`` compares dreams of these methods with a critic of realness that knows piano renders, or tracks
of DIR that the judge hasn't learned from, and measures nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.arguments import exit_on_error, positive_int
from models.experiments.dataset import neutral
from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.audio_statistics import SAMPLE_RATE_HZ as STATISTICS_HZ
from models.metrics.audio_statistics import audio_statistics
from models.metrics.intervals import FEW, bootstrap
from models.music.decoding import Samples
from models.music.midi import read_midi
from models.music.notes import MusicError
from models.rating.crossfit import JUDGED, Order, folds_of
from models.rating.dreaming import METHODS, Method, MethodName, Real, Step, Surface, dream
from models.rating.evaluation.critics import SECONDS, STEPS, placed, report_critics
from models.rating.material import Material, limited, sounds_of
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.plays import audible_ceiling, read_plays, reliability
from models.rating.rater import ABLATIONS, SHIPPED, Kind, MelEnsemble, RatingBundle, load_bundle, load_mel, statistics
from models.rating.real_sounds import PIECES, excerpts
from models.rating.sound import FRAMES_A_SECOND, Sound, checked, log_mel, read_sound
from models.rating.synthetic import LEARNED, UNSEEN, coloured, piano_pictures
from models.style.checkpoint import style_argument
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

DREAMS = 3

ORDERINGS, ORDERED = "orderings.json", ("rating.pairs.", "rating.ceiling.audible")


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

    p and judge: in standard deviations of p; baseline: the noises that the dreams began with. realness: the share of
    real excerpts that are at least as far from music's mean (``Kind``). nearest: the cosine to the most similar real
    excerpt; baseline: of a real excerpt to the others. diversity: 1 less the mean cosine between dreams; baseline:
    between real excerpts. alarm: the share of steps at which p rose and the judge hardly. Fewer than ``FEW`` dreams
    have no intervals.
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
    measured: dict[str, tuple[npt.ArrayLike, float]] = {
        "p": ([end.p for end in ends], float(np.mean([trail[0].p for trail in trails]))),
        "judge": ([end.judge for end in ends], float(np.mean([trail[0].judge for trail in trails]))),
        "realness": (real, 0.5),
        "nearest": ((found @ known.T).max(axis=1), float(likeness.max(axis=1).mean())),
        "diversity": (apart, float(usual.mean())),
        "alarm": ([float(np.mean([step.alarm for step in trail])) for trail in trails], 0.0),
    }
    for figure, (values, baseline) in measured.items():
        metric = _mean(values, baseline)
        report.add(f"dream.{name}.{figure}", metric if len(trails) >= FEW else replace(metric, low=None, high=None))


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.rating", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of plays and sounds")
    parser.add_argument("--model", default=SHIPPED, help="a shipped model, or OUT/bundle of a run of one's own")
    parser.add_argument("--limit", type=positive_int, help="tracks")
    parser.add_argument("--dreams", type=int, default=DREAMS, help="dreams of each way, minutes each; 0 for none")
    parser.add_argument("--only-mel", action="store_true", help="ask the networks on the picture alone, and no other")
    parser.add_argument(
        "--critics", nargs="+", choices=[name for name, method in METHODS.items() if method.realness], metavar="METHOD",
        help="compare dreams by the sounds that their critic has heard, and nothing else: critic, both",
    )  # fmt: skip
    parser.add_argument("--kept", type=Path, help="with --critics: a folder that dreams stay in, to go on later")
    parser.add_argument("--save", action="store_true", help="keep who orders pairs how well beside the weights")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    with exit_on_error():
        bundle = load_bundle(given.model)
        mel = load_mel(bundle.folder)
        plays, sounds = sounds_of(limited(read_plays(given.data), given.limit))
    pictures, digests = tuple(log_mel(sound.samples) for sound in sounds), tuple(sound.digest for sound in sounds)
    material = Material(plays, pictures, digests, bool(bundle.card.get("smooth")))
    fold = folds_of(digests, material.p, seed=given.seed, folds=min(5, len(digests)))
    fold = np.array([bundle.folds.get(digest, own) for digest, own in zip(digests, fold.tolist(), strict=True)])
    about = {"hash": material.hash, "n": len(digests), "heard": sum(digest in bundle.folds for digest in digests)}
    report = Report(
        "evaluate.rating", about, {"version": bundle.version, "sha256": bundle.card["sha256"]["rating"]}, given.seed
    )
    known = np.array([bundle.folds.get(digest, -1) for digest in digests])
    if given.critics:
        compare_critics(report, bundle, material, fold, methods=given.critics, count=given.dreams, kept=given.kept)
    elif given.only_mel:
        if mel is None:
            raise SystemExit(f"no networks on the picture alone lie in {bundle.folder}; models.train.rating --mel")
        order, found = Order(material.p, fold, given.seed), mel.rate(pictures, known)
        report.add("rating.pairs.mel", order.pair_accuracy(found))
        report.add("rating.spearman.mel", order.spearman(found))
    else:
        add_all(report, bundle, material, sounds, fold, mel=mel, dreams=given.dreams)
    report.print()
    if given.save:
        save_orderings(bundle.folder, given.data.name, report.to_json())


def add_all(
    report: Report,
    bundle: RatingBundle,
    material: Material,
    sounds: Sequence[Sound],
    fold: npt.NDArray[np.int64],
    *,
    mel: MelEnsemble | None,
    dreams: int,
) -> None:
    """Every figure of every method, what the networks say of changed sounds, and their dreams."""
    plays, pictures, digests = material.plays, material.pictures, material.digests
    every, cepstra = features([audio_statistics(read_sound(file, STATISTICS_HZ).samples) for file in plays.files])
    p, weight = material.p, material.weight
    rated = {
        "ours": bundle.rate(pictures, digests),
        "trees": crossfitted(trees, every, p, weight, fold, seed=report.seed),
        "ridge": crossfitted(ridge, cepstra, p, weight, fold),
        "mean": crossfitted(mean, every, p, weight, fold),
    }
    if mel:
        rated["mel"] = mel.rate(pictures, np.array([bundle.folds.get(digest, -1) for digest in digests]))
    if len(kinds := sorted(set(plays.genres))) > 1:
        genre = np.array([[float(name == kind) for kind in kinds] for name in plays.genres])
        rated["genre"] = crossfitted(ridge, genre, p, weight, fold)
    if all(plays.notes) and (latents := style_features(Composer(style_argument("default")), plays.notes)) is not None:
        rated["head"] = crossfitted(head, latents, p, weight, fold)
    add_figures(report, material, rated, fold)

    def rater(digest: str) -> Rate:
        return lambda picture: float(bundle.rate([picture], [digest])[0])

    report_responses(report, bundle, sounds, [rater(digest) for digest in digests])
    if dreams > 0:
        report_dreams(report, bundle, pictures, count=dreams)
    add_ablations(report, bundle, material, fold)


def compare_critics(
    report: Report,
    bundle: RatingBundle,
    material: Material,
    fold: npt.NDArray[np.int64],
    *,
    methods: Sequence[MethodName],
    count: int,
    kept: Path | None,
) -> None:
    """Dreams by what their critic has heard: the judge's fold of the data, or other sounds."""
    by_fold = {
        number: [picture for picture, own in zip(material.pictures, fold.tolist(), strict=True) if own == number]
        for number in sorted(set(fold.tolist()))
    }
    own, last = by_fold.pop(JUDGED, []), by_fold.pop(max(by_fold), [])
    learned = [picture for pictures in by_fold.values() for picture in pictures]
    if not (own and last and learned):
        raise SystemExit(f"{len(fold)} tracks are too few: the critic, the networks apart and their test share them")
    sounds = {"piano": piano_pictures(PIECES), "data": excerpts(own, seed=report.seed)[1]}
    report_critics(report, bundle, sounds, learned, last, methods=methods, count=count, kept=kept)


def save_orderings(folder: Path, place: str, line: Mapping[str, Any]) -> None:
    """Put how well methods order the sounds of a ``place`` into ``orderings.json``, for a page: last lines by place.

    Figures of earlier lines stay where this one has none.
    """
    path = folder / ORDERINGS
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    own = {name: each for name, each in line["metrics"].items() if name.startswith(ORDERED)}
    earlier = [
        {**each, "metrics": {name: value for name, value in each["metrics"].items() if name not in own}}
        for each in kept.get(place, [])
    ]
    lines = [*(each for each in earlier if each["metrics"]), {**line, "metrics": own}]
    path.write_text(json.dumps({**kept, place: lines}, indent=1) + "\n", encoding="utf-8")


def add_figures(report: Report, material: Material, rated: Mapping[str, Floats], fold: npt.NDArray[np.int64]) -> None:
    """Each method's figures, ours less each rival's on the same pairs, and the ceiling."""
    order = Order(material.p, fold, report.seed)
    for name, each in rated.items():
        report.add(f"rating.pairs.{name}", order.pair_accuracy(each))
    for name, each in rated.items():
        report.add(f"rating.spearman.{name}", order.spearman(each))
    for name in [name for name in rated if name != "ours"]:
        report.add(f"rating.pairs.ours_less_{name}", order.pair_accuracy(rated["ours"], than=rated[name]))
    found = reliability(material.plays.played, material.plays.liked, smooth=material.smooth, seed=report.seed)
    n = len(material.p)
    report.add("rating.reliability.half", Metric(found.half, n=n))
    report.add("rating.reliability", Metric(found.whole, n=n))
    report.add("rating.ceiling", Metric(found.pairs, found.pairs_low, found.pairs_high, n, chance=0.5))
    audible = audible_ceiling(material.plays.played, material.plays.liked, smooth=material.smooth, seed=report.seed)
    report.add("rating.ceiling.audible", Metric(*audible, n, chance=0.5))
    report.add("rating.ceiling.spearman", Metric(found.spearman, n=n, chance=0.0))
    report.add("rating.exposure.pairs", order.pair_accuracy(material.plays.played.astype(np.float64)))


def add_ablations(report: Report, bundle: RatingBundle, material: Material, fold: npt.NDArray[np.int64]) -> None:
    """What networks trained without one part of the recipe rated the tracks that they had not heard.

    Ablations on other tracks are left out.
    """
    path = bundle.folder / ABLATIONS
    rows = [row for row, digest in enumerate(material.digests) if digest in bundle.folds]
    if not rows or not path.is_file():
        return
    digests = [material.digests[row] for row in rows]
    every = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: np.array([rated[d] for d in digests]) for name, rated in every.items() if rated.keys() >= {*digests}}
    order = Order(material.p[rows], fold[rows], report.seed)
    whole = kept.get("whole")
    for name, values in kept.items():
        metric = order.pair_accuracy(values)
        report.add(f"rating.ablation.{name}.pairs", metric)
        if whole is not None and name != "whole":
            report.add(f"rating.ablation.{name}.less_whole", order.pair_accuracy(values, than=whole))


if __name__ == "__main__":
    main()

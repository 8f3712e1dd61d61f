"""How well likes are foretold: ``python -m models.evaluate.rating --data DIR [--model PATH] [--dreams N] [--limit N]``.

DIR has plays and sounds (``models.rating.plays``). The given weights are not trained: a track that they have learned
from is rated by those networks that have not, any other by all. Rivals are fitted inside the same folds: ridge on
cepstra, extra trees on statistics of the sound, the mean, and, where every track has ``midi/CLIP.mid``, the taste head
on the latents of its notes. ``mel`` are networks on the log-mel picture alone, where some lie beside the weights.
``genre`` is told each track's genre, where the table has genres, and hears nothing. ``rating.ceiling`` is what a rating
that knew p without the noise of its few listeners would reach; ``rating.ceiling.audible`` what one would that knew
every track's share of likes, and not how often it was played. Prints a table and, as its last line, one JSON object.

``--critics METHOD …`` compares dreams of these methods with a critic of realness that has heard piano renders, the
shipped excerpts, or tracks of DIR that the judge hasn't learned from, and measures nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.experiments.arguments import exit_on_error, positive_int
from models.experiments.report import Metric, Report
from models.metrics.audio_statistics import SAMPLE_RATE_HZ as STATISTICS_HZ
from models.metrics.audio_statistics import audio_statistics
from models.rating.crossfit import JUDGED, Order, folds_of
from models.rating.dreaming import METHODS, MethodName
from models.rating.evaluation.critics import report_critics
from models.rating.evaluation.network import (
    DREAMS,
    Rate,
    crossfitted,
    features,
    head,
    mean,
    report_dreams,
    report_responses,
    ridge,
    style_features,
    trees,
)
from models.rating.material import Material, limited, sounds_of
from models.rating.plays import audible_ceiling, read_plays, reliability
from models.rating.rater import ABLATIONS, SHIPPED, MelEnsemble, RatingBundle, load_bundle, load_mel
from models.rating.real_sounds import SHIPPED as REAL_SOUNDS
from models.rating.real_sounds import excerpts, load_real
from models.rating.sound import Sound, log_mel, read_sound
from models.rating.synthetic import piano_pictures
from models.style.checkpoint import style_argument
from models.style.compose import Composer

Floats = npt.NDArray[np.float64]
PIECES = 6  # of each collection, rendered on the piano: what critics heard until 2026-11-30
ORDERINGS, ORDERED = "orderings.json", ("rating.pairs.", "rating.ceiling.audible")


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
        plays, sounds = sounds_of(limited(read_plays(given.data), given.limit))
    pictures, digests = tuple(log_mel(sound.samples) for sound in sounds), tuple(sound.digest for sound in sounds)
    material = Material(plays, pictures, digests, bool(bundle.card.get("smooth")))
    fold = folds_of(digests, material.p, seed=given.seed, folds=min(5, len(digests)))
    fold = np.array([bundle.folds.get(digest, own) for digest, own in zip(digests, fold.tolist(), strict=True)])
    about = {"hash": material.hash, "n": len(digests), "heard": sum(digest in bundle.folds for digest in digests)}
    report = Report(
        "evaluate.rating", about, {"version": bundle.version, "sha256": bundle.card["sha256"]["rating"]}, given.seed
    )
    mel, known = load_mel(bundle.folder), np.array([bundle.folds.get(digest, -1) for digest in digests])
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
    shipped = load_real(REAL_SOUNDS)
    if shipped is None:
        raise SystemExit(f"no excerpts lie in {REAL_SOUNDS}; python -m models.train.rating --excerpts makes them")
    heard = set(shipped.digests)
    rows = [row for row, digest in enumerate(material.digests) if digest not in heard]
    by_fold = {
        number: [material.pictures[row] for row in rows if fold[row] == number] for number in sorted(set(fold.tolist()))
    }
    own, last = by_fold.pop(JUDGED, []), by_fold.pop(max(by_fold), [])
    learned = [picture for pictures in by_fold.values() for picture in pictures]
    if not (own and last and learned):
        raise SystemExit(f"{len(rows)} tracks are too few: the critic, the networks apart and their test share them")
    sounds = {
        "piano": piano_pictures(PIECES),
        "shipped": shipped.pictures,
        "data": excerpts(own, seed=report.seed)[1],
    }
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
    """What networks trained without one part of the recipe rated the tracks that they had not heard."""
    path = bundle.folder / ABLATIONS
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = [row for row, digest in enumerate(material.digests) if digest in bundle.folds]
    if not rows:
        return
    order = Order(material.p[rows], fold[rows], report.seed)
    whole = np.array([kept["whole"][material.digests[row]] for row in rows]) if "whole" in kept else None
    for name, rated in kept.items():
        values = np.array([rated[material.digests[row]] for row in rows])
        metric = order.pair_accuracy(values)
        report.add(f"rating.ablation.{name}.pairs", metric)
        if whole is not None and name != "whole":
            report.add(f"rating.ablation.{name}.less_whole", order.pair_accuracy(values, than=whole))


if __name__ == "__main__":
    main()

"""Which fits better?: ``python -m models.evaluate.fit [--data DIR] [--seed N] [--limit N] [--processes N]``.

Simulated listeners of four kinds, each with a tie of their own between pictures and music, answer questions about
held-out drawings (of KALLOS_CORPORA/pictures, or all pictures of DIR, half of whose series are never shown) and
held-out pop piano, both real.
``models.picture.fit.evaluation`` says when votes are enough. *ours* begins at the annotated tie and asks what tells
most; *random* begins there and asks at random; *no_prior* asks what tells most and begins with no tie; *logistic* is a
logistic regression on random questions; *annotated* is the annotated tie without any vote, *chance* a coin. Prints a
table and, as its last line, one JSON object. The prior was chosen on the seeds from 1000 on; report others.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_on_error, exit_without_music, positive_int
from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap, paired_ratio
from models.metrics.music_statistics import attributes
from models.music.corpora import corpora_folder
from models.music.notes import MusicError
from models.picture import readouts
from models.picture.autoencoder import load_pictures
from models.picture.collection import halves
from models.picture.fit.evaluation import (
    CHANCE,
    KINDS,
    LOGISTIC,
    METHODS,
    MOST,
    ONLY_ANNOTATED,
    OURS,
    RANDOM,
    Kind,
    Learned,
    Material,
    Trial,
    learn,
    trial,
)
from models.picture.fit.head import SEEN, VERSION, of_music, of_pictures
from models.picture.reading import read_folder
from models.style.bundle import style_folder
from models.style.evaluation.clips import corpora_parts, real_excerpts, regular
from models.style.latents import BARS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LISTENERS = 40  # of each kind
PIECES, PICTURES = 120, 120  # of which a third is never shown, or a half of somebody's own pictures
FEWEST = 12


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.fit", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of pictures; the held-out drawings without it")
    parser.add_argument("--limit", type=positive_int, default=LISTENERS, help="listeners of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=positive_int, default=1)
    given = parser.parse_args(argv)
    pictures, unseen, seen = _pictures(given.data, given.seed)
    with exit_without_music():
        music, heard = _music(given.seed)
    material = Material(music, pictures, unseen)
    digest = hashlib.sha256(b"".join([*seen, *heard])).hexdigest()[:16]
    about = {"hash": digest, "n": len(pictures), "pieces": len(music)}
    report = Report("evaluate.fit", about, {"version": VERSION, "sha256": None}, given.seed)
    fill(report, simulate(material, range(given.seed, given.seed + given.limit), given.processes))
    report.print()


def simulate(
    material: Material, seeds: range, processes: int = 1
) -> dict[Kind, list[tuple[Trial, dict[str, Learned]]]]:
    """What every method makes of every listener, by kind."""
    tasks = [(kind, seed) for kind in KINDS for seed in seeds]
    work = partial(_learned, material)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) if processes > 1 else nullcontext() as workers:
        answers = workers.map(work, tasks) if workers else map(work, tasks)
        found = list(track(answers, "asking", total=len(tasks), console=Console(stderr=True)))
    return {kind: [each for (one, _), each in zip(tasks, found, strict=True) if one == kind] for kind in KINDS}


def fill(report: Report, found: Mapping[Kind, list[tuple[Trial, dict[str, Learned]]]]) -> None:
    """Add ``fit.[KIND.]METHOD.{votes_to_90,accuracy,nearness}``: over all kinds, then of each."""
    everybody = [each for some in found.values() for each in some]
    for name, some in (("", everybody), *((f"{kind}.", found[kind]) for kind in KINDS)):
        told = {method: [learned[method] for _, learned in some] for method in METHODS}
        ceiling = float(np.mean([one.ceiling for one, _ in some]))
        random = np.array([each.votes for each in told[RANDOM]])
        for method in METHODS:
            votes = np.array([each.votes for each in told[method]])
            beside = None if method == RANDOM else float(random.mean())
            report.add(f"fit.{name}{method}.votes_to_90", _mean(votes, baseline=beside, chance=float(MOST)))
        for method in METHODS:
            report.add(f"fit.{name}{method}.found", _mean(np.array([each.votes < MOST for each in told[method]])))
        logistic = float(np.mean([each.accuracy for each in told[LOGISTIC]]))
        for method in METHODS:
            beside = None if method in (LOGISTIC, CHANCE) else logistic
            accuracy = np.array([each.accuracy for each in told[method]])
            report.add(f"fit.{name}{method}.accuracy", _mean(accuracy, baseline=beside, chance=0.5, reference=ceiling))
        for method in METHODS:
            nearness = np.array([each.nearness for each in told[method]])
            if method != CHANCE and np.isfinite(nearness).any():
                beside = float(np.nanmean([each.nearness for each in told[ONLY_ANNOTATED]]))
                report.add(f"fit.{name}{method}.nearness", _mean(nearness, baseline=beside, chance=0.0))
        report.add(f"fit.{name}{OURS}.share_of_random", _ratio(told[OURS], told[RANDOM]))


def _learned(material: Material, task: tuple[Kind, int]) -> tuple[Trial, dict[str, Learned]]:
    one = trial(material, *task)
    return one, {method: learn(material, one, method, task[1]) for method in METHODS}


def _pictures(folder: Path | None, seed: int) -> tuple[Floats, Integers | None, list[bytes]]:
    """Standardised readouts of pictures that no model was trained on, and the pictures' bytes.

    Between them, of somebody's own pictures: which are never shown, whole series.
    """
    with exit_on_error():
        found = read_folder(folder or (corpora_folder() or Path()) / "pictures").pictures
        if folder is None:
            test = set(load_pictures().held_out["test"])
            found = [each for each in found if each.path in test]
    if len(found) < FEWEST:
        raise SystemExit(f"{len(found)} pictures are too few to ask about; {FEWEST} are needed")
    rows = np.random.default_rng(seed).permutation(len(found))[:PICTURES]
    unseen = None
    if folder is not None:
        with exit_on_error():
            shown, apart = halves([found[row] for row in rows])
        if min(len(shown), len(apart)) < FEWEST // 3:
            raise SystemExit(
                f"{len(shown)} and {len(apart)} pictures of different series are too few; {FEWEST // 3} are needed of "
                "each: add pictures of other series"
            )
        unseen = np.array(apart)
    pixels = np.stack([found[row].pixels for row in rows])
    return of_pictures(readouts.of_pictures(pixels), readouts.USUAL[:, : len(SEEN)]), unseen, [pixels.tobytes()]


def _music(seed: int) -> tuple[Floats, list[bytes]]:
    """Standardised sides of held-out excerpts of pop piano, and their notes' bytes; raises ``MusicError``."""
    pieces = regular(piece for piece in corpora_parts(style_folder())["test"] if piece.domain == "pop")
    excerpts = real_excerpts(pieces, BARS, PIECES, seed).pieces
    if len(excerpts) < FEWEST:
        raise MusicError(f"{len(excerpts)} excerpts of held-out pop piano are too few; {FEWEST} are needed")
    return np.stack([of_music(attributes(each), "pop") for each in excerpts]), [e.notes.tobytes() for e in excerpts]


def _mean(values: Floats, **beside: float | None) -> Metric:
    figure = bootstrap(values[np.isfinite(values)])
    return Metric(figure.value, figure.low, figure.high, figure.n, **beside)


def _ratio(ours: list[Learned], random: list[Learned]) -> Metric:
    """Votes that ours needs over those that random questions need, both of the same listeners."""
    figure = paired_ratio(*(np.array([each.votes for each in some], dtype=np.float64) for some in (ours, random)))
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline=1.0)


if __name__ == "__main__":
    main()

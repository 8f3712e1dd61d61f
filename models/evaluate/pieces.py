"""Generated music beside held-out real music: ``python -m models.evaluate.pieces [--bars 8] [--pieces NAME=FOLDER]``.

For each domain, and for excerpts of so many bars or whole pieces alike: idiom (bits a note and a chord under n-gram
models of the training part), structure, copied bars in any transposition, voice leading of chorales, and how often a
classifier tells the music from real, at random and in matched pairs. Real music that was held out by tune is measured
in the same way and is the baseline of every other figure; what it copies is what unrelated tunes have in common.

Methods: ``ours``, the piece model that the style model's card names, or that of ``--writer``; ``flow``, the prior of
the style model (8 bars); ``ngram``, melodies drawn from the n-gram model of dance tunes (its bits are its own, so no
composer is asked to reach them); ``copy_bot``, real training bars joined by chord; ``training``, real training music as
it is: how far it is told from the held-out music is what even a perfect imitation of it would be told by; and every
``--pieces NAME=FOLDER`` with MIDI files in ``FOLDER/DOMAIN``. A method that can't answer has null. Music given with
``--data`` is all test data; the judges are fitted to the corpora's training part.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from models.experiments.arguments import add_domains_argument, exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.experiments.provenance import data_hash
from models.experiments.report import Metric, Report
from models.music.notes import Domain, MusicError, Piece
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.evaluation.clips import SHORTEST, Excerpts, composed_excerpts, corpora_parts, real_excerpts, regular
from models.style.evaluation.pieces import Compose, Judges, compare, copy_bot, files, flow, ngram, written
from models.style.latents import BARS
from models.style.pieces.sampling import Writer, version_of

WHOLE = "whole"
REACH_SECONDS = 3.0  # for 32 bars on two cores
POOL = 4  # times as many real clips as are measured, to find matched ones in


def evaluate(
    report: Report,
    training: Sequence[Piece],
    test: Sequence[Piece],
    composers: Mapping[str, Compose],
    domains: Sequence[Domain],
    *,
    bars: int | None,
    limit: int,
) -> None:
    """Add the figures of each domain, and say which is left out.

    Raises ``MusicError`` where none of them has music to train and to test on that is long enough.
    """
    real: dict[Domain, Excerpts] = {}
    for domain in domains:
        learned, held_out = (sum(p.domain == domain for p in pieces) for pieces in (training, test))
        cut = regular(piece for piece in test if piece.domain == domain)
        found = real_excerpts(cut, bars, POOL * limit, report.seed)
        if learned and found.pieces:
            real[domain] = found
        elif learned and held_out:
            length = f"{bars or SHORTEST} whole bars of one meter that could be offered"
            print(f"{domain} is left out: none of {held_out} pieces to test on has {length}")
        else:
            print(f"{domain} is left out: {learned} pieces to train on, {held_out} to test on; both are needed")
    if not real:
        raise MusicError(f"none of {', '.join(domains)} has both training and held-out pieces that are long enough")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(real) * (len(composers) + 3))
        for domain, own in real.items():
            progress.update(task, description=f"{domain}: judges", advance=1)
            known = regular(piece for piece in training if piece.domain == domain)
            judges = Judges.fit(domain, known)
            rivals = {"ngram": ngram(judges.melody, known), "copy_bot": copy_bot(known)}
            methods = {}
            for name, compose in {**composers, **rivals}.items():
                progress.update(task, description=f"{domain}: {name}", advance=1)
                methods[name] = composed_excerpts(compose(domain, limit, bars, report.seed), bars, report.seed)
            methods["training"] = real_excerpts(known, bars, limit, report.seed)
            progress.update(task, description=f"{domain}: figures")
            compare(report, judges, own, methods, limit=limit, whole=bars is None)
            progress.update(task, advance=1)
        progress.update(task, completed=len(real) * (len(composers) + 3))


def speed(report: Report, writer: Writer) -> None:
    """Seconds to write 32 bars of pop, the median of five after a warm-up."""
    seconds = []
    for turn in range(6):
        started = time.perf_counter()
        writer.wholes("pop", [(report.seed, turn)], 32)
        seconds.append(time.perf_counter() - started)
    report.add("compose.seconds_32", Metric(float(np.median(seconds[1:])), n=5, reference=REACH_SECONDS))


def print_table(report: Report) -> None:
    """A row for each measure of a domain and a column for each method, with 95 % intervals; then the JSON line."""
    names = [name.split(".") for name in report.metrics if name.startswith("pieces.")]
    methods = list(dict.fromkeys(method for *_, method in names))
    size = "whole pieces" if report.data["bars"] == WHOLE else f"{report.data['bars']} bars"
    table = Table("domain", "measure", *methods, title=f"{report.command}, {size}")
    for domain, measure in dict.fromkeys((domain, measure) for _, domain, measure, _ in names):
        cells = [report.metrics.get(f"pieces.{domain}.{measure}.{method}") for method in methods]
        table.add_row(domain, measure, *(_cell(metric) for metric in cells))
    Console(width=44 + 22 * len(methods)).print(table)
    print(json.dumps(report.to_json()))


def _cell(metric: Metric | None) -> str:
    if metric is None or metric.value is None or not math.isfinite(metric.value):
        return ""
    return f"{metric.value:.3f} ({metric.low:.3f}–{metric.high:.3f})"


def bars_argument(text: str) -> int | None:
    """``--bars``: a number of at least two, or "whole"."""
    if text == WHOLE:
        return None
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text} was given; at least 2 bars, or {WHOLE!r}, are needed")
    return int(text)


def pieces_argument(text: str) -> tuple[str, Path]:
    """``--pieces``: the name of a method and the folder that its music lies in."""
    name, _, folder = text.partition("=")
    if not name.isidentifier() or not folder or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text} was given; NAME=FOLDER is needed, the folder has one for each domain")
    return name, Path(folder)


def writer_argument(text: str) -> Writer:
    """``--writer``: the folder of a piece model."""
    try:
        return Writer.load(text)
    except (FileNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.pieces", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files, all of it test data")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--writer", type=writer_argument, metavar="FOLDER", help="a piece model: OUT/bundle of its run")
    parser.add_argument("--pieces", type=pieces_argument, action="append", default=[], metavar="NAME=FOLDER")
    add_domains_argument(parser)
    parser.add_argument(
        "--bars", type=bars_argument, default=BARS, help=f"of each excerpt, or {WHOLE!r} (from {SHORTEST})"
    )
    parser.add_argument("--limit", type=positive_int, default=200, help="clips a domain and method")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    bundle = style_argument(given.model)
    with exit_without_music():
        parts = corpora_parts(bundle.folder)
        test = parts["test"] if given.data is None else training_pieces(given.data)
        model = {"version": bundle.version, "sha256": bundle.card.get("sha256", {}).get("style")}
        about = {"hash": data_hash(test), "n": len(test), "bars": given.bars or WHOLE}
        composer = Composer(bundle)
        writer = given.writer or composer.writer
        report = Report("evaluate.pieces", about, {**model, "writer": version_of(writer)}, given.seed)
        composers = {"ours": written(writer)} if writer else {}
        composers |= {"flow": flow(composer), **{name: files(folder) for name, folder in given.pieces}}
        evaluate(report, parts["train"], test, composers, given.domains, bars=given.bars, limit=given.limit)
    if writer:
        speed(report, writer)
    print_table(report)


if __name__ == "__main__":
    main()

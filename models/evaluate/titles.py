"""How well titles and melodies find each other: ``python -m models.evaluate.titles [--data DIR] [--model PATH]``.

The pool is the O'Neill's tunes that the towers have never heard (a test set fixed by hash, whole groups of
near-duplicates), or every tune of a folder of ABC (``near_training`` counts those of the pool that are in one group
with a tune that the towers were trained on); of the folder that they were trained on, those that they held out. Each
title asks for its tune and each tune for its title; any title of a tune is right, and so is any near-duplicate. Chance
is exact for the pool, the baseline is a ridge regression (``models.title.evaluation``) fitted on the training part,
or on the books for a folder that is not the towers' own, intervals are bootstraps over groups. The reference is what an
earlier study logged on another cut of the book: MRR 0.0168 with chance at 0.0112.

Further rows say where it comes from: only first titles (an Irish second title marks who typed a file), titles without
words that name a type, the same among 100 tunes, within one type, within tunes of CRE, a collection that no tower was
trained on. ``against_baseline`` (and ``against_other``, with ``--against``): the paired difference of reciprocal ranks.
``knowing``: the same pool for somebody who were told one thing of the tune that a title belongs to (its type, meter or
key) exactly and nothing else, which is what a title would have to say to be worth as much. ``genre``: see
``models.title.evaluation``; unknown are CRE (or the folder) without near-duplicates of what the towers were trained on,
known O'Neill's and Ryan's without near-duplicates of those.

``--transfer`` compares pairs that start from the writer of music and from vectors of words with those that start from
nothing (``models.title.transfer``), on the same pool. They are fitted to the training part, and what they may choose is
chosen on the validation part.

``--generation`` measures titles that are written for tunes (``models.title.generation``), by the shipped writer or that
of ``--writer``, beside recombined halves.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report, over_songs
from models.metrics.retrieval import MEASURES, Ranking, chance, paired_difference, ranked
from models.music.notes import DOMAINS
from models.style.pieces.model import PieceModel, load_pieces_model
from models.tension.future import steps_of
from models.title.evaluation import LEAST_POOL, UNHEARD, Probe, RidgeBaseline, probe_genres, read_material
from models.title.generation import ROUNDS, Apart, Judge, add_looks, add_nats, add_retrieval, titles_for
from models.title.title_encoders import sentence_vectors, sentences_available
from models.title.transfer import Floats, Pairs, Values, alike_in_length, counted, summary, tokens_of
from models.title.tunes import FIELDS, Pool, Tune, make_pool, spelled, tunes_hash, without_type_words
from models.title.two_tower import TitleBundle, load_towers, note_in_card
from models.title.writer import DEFAULT as WRITER_OF_TITLES
from models.title.writer import Known, WriterBundle, capitalised, load_writer

DIRECTIONS = ("title_to_melody", "melody_to_title")
EARLIER = 0.0168
SMALL, DRAWS = 100, 20
ODDS = tuple(f"titles.{way}.{name}" for way in DIRECTIONS for name in ("mrr", "recall_1", "recall_10", "median_rank"))
KNOWN: Mapping[str, Callable[[Tune], str]] = {
    "type": lambda tune: tune.genre or "",
    "meter": lambda tune: tune.meter,
    "key": lambda tune: str(tune.notes[0, FIELDS.index("key")]),
    "type_and_meter": lambda tune: f"{tune.genre} {tune.meter}",
    "type_meter_and_key": lambda tune: f"{tune.genre} {tune.meter} {tune.notes[0, FIELDS.index('key')]}",
}
SCRATCH, WRITER, VECTORS = "scratch", "writer", "vectors"
WRITER_MODEL, DEPTHS = "pieces-latents", (3, 5)  # after so many of its layers
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """A pool, the towers' and the baseline's scores ``(titles, tunes)`` in it, and the titles as they were asked."""

    pool: Pool
    ours: npt.NDArray[np.float64]
    plain: npt.NDArray[np.float64]

    def rankings(self, direction: str, seed: int) -> tuple[Ranking, Ranking, tuple[str, ...]]:
        """Ours, the baseline's, and the groups of the queries."""
        turned = direction != DIRECTIONS[0]
        right = self.pool.right.T if turned else self.pool.right
        ours, plain = (ranked(scores.T if turned else scores, right, seed) for scores in (self.ours, self.plain))
        return ours, plain, self.pool.tune_groups if turned else self.pool.title_groups

    def only(self, titles: Ints) -> Found:
        """The same pool of tunes, asked for by fewer titles."""
        pool = self.pool
        fewer = replace(
            pool,
            titles=tuple(pool.titles[i] for i in titles),
            right=pool.right[titles],
            title_groups=tuple(pool.title_groups[i] for i in titles),
        )
        return Found(fewer, self.ours[titles], self.plain[titles])


def search(bundle: TitleBundle, baseline: RidgeBaseline, tunes: Sequence[Tune], *, types: bool = True) -> Found:
    """All titles of the tunes against all tunes; without ``types``, titles are asked without type words."""
    pool = make_pool(tunes)
    asked = pool.titles if types else [without_type_words(title) for title in pool.titles]
    return Found(pool, cosines(bundle, asked, pool.tunes), baseline.scores(asked, pool.tunes))


def cosines(bundle: TitleBundle, titles: Sequence[str], tunes: Sequence[Tune]) -> npt.NDArray[np.float64]:
    """What the towers say of titles and tunes: ``(titles, tunes)``."""
    return (bundle.towers.titles(titles) @ bundle.towers.melodies(tunes).T).astype(np.float64)


def retrieval(
    report: Report, prefix: str, found: Found, seed: int, *, names: Sequence[str] = tuple(MEASURES),
    directions: Sequence[str] = DIRECTIONS, reference: float | None = None,
) -> None:  # fmt: skip
    """Adds ``PREFIX.DIRECTION.MEASURE``."""
    for direction in directions:
        ours, plain, groups = found.rankings(direction, seed)
        expected = chance(ours.right, ours.pool)
        for name in names:
            measure = MEASURES[name]
            metric = over_songs(
                groups,
                partial(measure, ours),
                seed=seed,
                baseline=measure(plain, np.arange(len(plain))),
                chance=expected[name],
                reference=reference if (name, direction) == ("mrr", DIRECTIONS[0]) else None,
            )
            report.add(f"{prefix}.{direction}.{name}", metric)


def paired(report: Report, prefix: str, found: Found, theirs: npt.NDArray[np.float64], seed: int) -> None:
    """Adds ``PREFIX.DIRECTION.*``: our reciprocal ranks less those by ``theirs`` ``(titles, tunes)``, p, and DCG."""
    for direction in DIRECTIONS:
        ours, other, groups = Found(found.pool, found.ours, theirs).rankings(direction, seed)
        told = paired_difference(1 / ours.best, 1 / other.best, groups, seed=seed)
        report.add(f"{prefix}.{direction}.mrr", Metric(told.value, told.low, told.high, len(ours)))
        report.add(f"{prefix}.{direction}.p", Metric(told.p, n=len(ours)))
        told = paired_difference(ours.dcg, other.dcg, groups, seed=seed)
        report.add(f"{prefix}.{direction}.dcg", Metric(told.value, told.low, told.high, len(ours)))


def among_few(report: Report, found: Found, seed: int) -> None:
    """Adds MRR and recall among ``SMALL`` tunes: each query's mean over random pools that hold its tune."""
    rng = np.random.default_rng(seed)
    for direction in DIRECTIONS:
        queries = len(found.pool.titles if direction == DIRECTIONS[0] else found.pool.tunes)
        total = {name: np.zeros(queries) for name in ("mrr", "recall_1", "recall_10", "times")}
        expected: list[float] = []
        for draw in range(DRAWS):
            for part in _parts(rng.permutation(len(found.pool.tunes))):
                titles = np.flatnonzero(found.pool.right[:, part].any(1))
                scores, right = found.ours[np.ix_(titles, part)], found.pool.right[np.ix_(titles, part)]
                asked = titles if direction == DIRECTIONS[0] else part
                ranking = ranked(scores, right, draw) if asked is titles else ranked(scores.T, right.T, draw)
                total["mrr"][asked] += 1 / ranking.best
                total["recall_1"][asked] += ranking.best <= 1
                total["recall_10"][asked] += ranking.best <= 10
                total["times"][asked] += 1
                expected.append(chance(ranking.right, ranking.pool)["mrr"])
        groups = found.pool.title_groups if direction == DIRECTIONS[0] else found.pool.tune_groups
        for name in ("mrr", "recall_1", "recall_10"):
            values = total[name] / np.maximum(total["times"], 1)
            metric = over_songs(groups, partial(_mean_of, values), seed=seed)
            beside = float(np.mean(expected)) if name == "mrr" else None
            report.add(f"titles.pool_{SMALL}.{direction}.{name}", replace(metric, chance=beside))


def _parts(order: Ints) -> list[Ints]:
    return [order[start : start + SMALL] for start in range(0, len(order) - SMALL + 1, SMALL)]


def within_types(report: Report, found: Found, bundle: TitleBundle, baseline: RidgeBaseline, seed: int) -> None:
    """Adds MRR among the tunes of one type, where there are enough."""
    kinds = sorted({tune.genre for tune in found.pool.tunes if tune.genre})
    for kind in kinds:
        tunes = [tune for tune in found.pool.tunes if tune.genre == kind]
        if len(tunes) >= LEAST_POOL:
            prefix = f"titles.{kind.replace(' ', '_')}"
            retrieval(report, prefix, search(bundle, baseline, tunes), seed, names=("mrr",))


def knowing(report: Report, found: Found, seed: int) -> None:
    """Adds ``titles.knowing.WHAT.title_to_melody.mrr``: tunes that are alike in it are ranked at random."""
    asked = found.pool.right.argmax(1)
    for name, told in KNOWN.items():
        _, number = np.unique([told(tune) for tune in found.pool.tunes], return_inverse=True)
        alike = (number[asked][:, None] == number).astype(np.float64)
        told_so, ways = replace(found, ours=alike), DIRECTIONS[:1]
        retrieval(report, f"titles.knowing.{name}", told_so, seed, names=("mrr",), directions=ways)


def genres(report: Report, probe: Probe | None) -> None:
    """Adds ``titles.genre.*``; null where there are no types to tell."""
    if probe is None:
        report.add("titles.genre.macro_f1", Metric(None))
        return
    everything = np.arange(len(probe.truth))
    metric = over_songs(probe.groups, probe.macro_f1, draws=200, baseline=probe.macro_f1(everything, meter=True))
    report.add("titles.genre.macro_f1", metric)
    for kind in probe.types:
        name = f"titles.genre.{kind.replace(' ', '_')}.f1"
        report.add(name, over_songs(probe.groups, partial(probe.f1, kind=kind), draws=200))


def confusion_table(probe: Probe) -> Table:
    """True types in rows, types read in columns."""
    table = Table("type, read as", *probe.types, title="types of tunes of a collection never trained on")
    for kind, row in zip(probe.types, probe.confusion().tolist(), strict=True):
        table.add_row(kind, *map(str, row))
    return table


def evaluate(
    bundle: TitleBundle, data: Path | None, seed: int, limit: int | None, other: TitleBundle | None = None
) -> tuple[Report, Probe | None]:
    """All figures; raises ``MusicError`` where there is nothing to test on, ``ValueError`` where ``other`` knows it."""
    if other and data is None and set(other.held_out["test"]) != set(bundle.held_out["test"]):
        raise ValueError(
            f"{other.version} held out other tunes than {bundle.version} and may know those that are asked"
        )
    tunes = read_material(bundle, data, limit)
    baseline = RidgeBaseline(tunes.trained)
    heard = {tune.group for tune in tunes.trained}
    found = search(bundle, baseline, tunes.pool)
    counts = {
        "n": len(tunes.pool),
        "titles": len(found.pool.titles),
        "duplicates": found.pool.duplicates,
        "near_training": sum(tune.group in heard for tune in tunes.pool),
    }
    model = {"version": bundle.version, "sha256": bundle.card["sha256"]["towers"]}
    report = Report("evaluate.titles", {"hash": tunes_hash(tunes.pool), **counts}, model, seed)
    book = data is None
    retrieval(report, "titles", found, seed, reference=EARLIER if book else None)
    paired(report, "titles.against_baseline", found, found.plain, seed)
    if other:
        paired(report, "titles.against_other", found, cosines(other, found.pool.titles, found.pool.tunes), seed)
    by_first = found.only(found.pool.first_titles())
    retrieval(report, "titles.first_titles", by_first, seed, names=("mrr",), directions=DIRECTIONS[:1])
    typed = np.flatnonzero([bool(without_type_words(title)) for title in found.pool.titles])
    bare = search(bundle, baseline, tunes.pool, types=False).only(typed)
    retrieval(report, "titles.without_types", bare, seed, names=("mrr",), directions=DIRECTIONS[:1])
    if len(tunes.pool) >= 2 * SMALL:
        among_few(report, found, seed)
    knowing(report, found, seed)
    within_types(report, found, bundle, baseline, seed)
    if book and len(tunes.elsewhere) >= LEAST_POOL:
        retrieval(report, f"titles.{UNHEARD}", search(bundle, baseline, tunes.elsewhere), seed, names=("mrr",))
    probe = probe_genres(bundle.towers, tunes.known, tunes.elsewhere, seed)
    genres(report, probe)
    return report, probe


@torch.inference_mode()
def written(tunes: Sequence[Tune], model: PieceModel) -> Floats:
    """What the piece model makes of the first notes of each tune: ``(tunes, 2 dim)``."""
    tokens = [tokens_of(tune) for tune in tunes]
    found = np.zeros((len(tunes), 2 * model.config.dim))
    for rows in alike_in_length(tokens):
        states = model(steps_of([tokens[row] for row in rows], DOMAINS.index("dance")))
        for row, own in zip(rows, states, strict=True):
            found[row] = summary(own[1 : len(tokens[row]) + 1])
    return found


def first_layers(name: str, depth: int) -> PieceModel:
    """A piece model whose states are those after ``depth`` of its layers."""
    model = load_pieces_model(name).model
    model.blocks = model.blocks[:depth]
    return model


def transfer(bundle: TitleBundle, data: Path | None, seed: int, limit: int | None, name: str = WRITER_MODEL) -> Report:
    """Figures of pairs by what each side starts from; raises ``MusicError`` where there is nothing to test on.

    Without ``kallos[sentence]`` there are none of ``VECTORS``.
    """
    tunes = read_material(bundle, data, limit)
    baseline = RidgeBaseline(tunes.trained)
    deep = {f"{WRITER}_{depth}": partial(written, model=first_layers(name, depth)) for depth in DEPTHS}

    def read(titles: Sequence[str], own: Sequence[Tune]) -> Values:
        words = {VECTORS: sentence_vectors(titles).double().numpy()} if sentences_available() else {}
        letters = baseline.letters.transform([*map(spelled, titles)])
        melodies = {SCRATCH: counted(own), **{table: values(own) for table, values in deep.items()}}
        return Values(melodies, {SCRATCH: letters, **words})

    titles = [title for tune in tunes.trained for title in tune.titles]
    learned = read(titles, tunes.trained).pairs([row for row, tune in enumerate(tunes.trained) for _ in tune.titles])
    held_out, pool = make_pool(tunes.validation), make_pool(tunes.pool)
    validated, tested = read(held_out.titles, held_out.tunes), read(pool.titles, pool.tunes)
    card = load_pieces_model(name).card
    report = Report(
        "evaluate.titles",
        {"hash": tunes_hash(pool.tunes), "n": len(pool.tunes), "titles": len(pool.titles)},
        {"version": card["version"], "sha256": card.get("sha256", {}).get("pieces", "")},
        seed,
    )
    pairs, plain = Pairs(learned), baseline.scores(pool.titles, pool.tunes)
    found: dict[tuple[str, str], Found] = {}
    for (melody, tables), title in itertools.product({SCRATCH: [SCRATCH], WRITER: [*deep]}.items(), learned.titles):
        chosen, mrr = pairs.best(tables, [title], validated, held_out)
        print(f"{melody}, {title}: {chosen}")
        found[melody, title] = Found(pool, pairs.scores(chosen, tested), plain)
        report.add(f"transfer.{melody}.{title}.validation.mrr", Metric(mrr, n=len(held_out.tunes)))
    for (melody, title), ours in found.items():
        prefix = f"transfer.{melody}.{title}"
        retrieval(report, prefix, ours, seed, names=("mrr", "dcg"))
        paired(report, f"{prefix}.less_ridge", ours, plain, seed)
        for other in ((SCRATCH, title), (melody, SCRATCH)):
            if other != (melody, title):
                paired(report, f"{prefix}.less_{'.'.join(other)}", ours, found[other].ours, seed)
    return report


def generation(
    bundle: TitleBundle, written_by: WriterBundle, data: Path | None, seed: int, limit: int | None, *, shown: int = 10
) -> Report:
    """Figures of titles that are written for the pool's tunes, the first ``shown`` of which are printed.

    Raises ``MusicError`` where there is nothing to test on, ``ValueError`` where the writer may know what is asked.
    """
    if data is None and not set(bundle.held_out["test"]) <= set(written_by.held_out["test"]):
        raise ValueError(f"{written_by.version} held out other tunes than {bundle.version} and may know their titles")
    tunes = read_material(bundle, data, limit)
    apart = Apart(tunes.pool, [*tunes.elsewhere, *tunes.validation])
    judges: dict[str, Judge] = {
        "towers": partial(cosines, bundle),
        "ridge": RidgeBaseline(tunes.trained).scores,
        "apart": apart.scores,
    }
    known, writer = Known.of(title for tune in tunes.trained for title in tune.titles), written_by.writer
    rounds = [titles_for(tunes.pool, writer, bundle.towers, known, seed + turn) for turn in range(ROUNDS)]
    report = Report(
        "evaluate.titles",
        {"hash": tunes_hash(tunes.pool), "n": len(tunes.pool)},
        {"version": written_by.version, "sha256": written_by.card["sha256"]["writer"]},
        seed,
    )
    add_nats(report, writer, tunes.pool, seed)
    add_looks(report, rounds, known, tunes.pool)
    add_retrieval(report, judges, rounds, tunes.pool)
    table = Table("tune", *rounds[0].chosen, title="the first tunes of the pool")
    for row, tune in enumerate(tunes.pool[:shown]):
        table.add_row(tune.titles[0], *(capitalised(titles[row]) for titles in rounds[0].chosen.values()))
    Console(width=200).print(table)
    return report


def _mean_of(values: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> float:
    return float(values[rows].mean())


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.titles", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of ABC files: all of it, or what the towers held out")
    parser.add_argument("--model", default="default", help="shipped towers by name, or a folder (OUT/bundle)")
    parser.add_argument("--against", help="other towers, to be compared with in pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=positive_int, help="at most so many tunes of each pool")
    parser.add_argument("--transfer", action="store_true", help="pairs from the writer and from vectors of words")
    parser.add_argument("--generation", action="store_true", help="titles that are written for tunes")
    parser.add_argument("--writer", default=WRITER_OF_TITLES, help="which writer: shipped by name, or a folder")
    parser.add_argument("--record", action="store_true", help="write the odds into the model's card, for the pages")
    given = parser.parse_args(argv)
    if given.record and (given.data or given.limit):
        raise SystemExit("--record is for the whole test set; leave --data and --limit out")
    if given.transfer and (given.record or given.against):
        raise SystemExit("--transfer fits pairs of its own; leave --record and --against out")
    if given.generation and (given.record or given.against or given.transfer):
        raise SystemExit("--generation is about a writer; leave --record, --against and --transfer out")
    try:
        other = load_towers(given.against) if given.against else None
        bundle = load_towers(given.model)
        if given.transfer:
            transfer(bundle, given.data, given.seed, given.limit).print()
            return
        if given.generation:
            generation(bundle, load_writer(given.writer), given.data, given.seed, given.limit).print()
            return
        report, probe = evaluate(bundle, given.data, given.seed, given.limit, other)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"nothing to evaluate: {error}") from error
    if probe:
        Console(width=120).print(confusion_table(probe))
    if given.record:
        note_in_card(bundle, {name: report.to_json()["metrics"][name] for name in ODDS})
    report.print()


if __name__ == "__main__":
    main()

"""What titles that were written for tunes are worth: do they find their own tune again, and does the melody matter?

A title that was written for a tune asks for it among all tunes of the pool, as the title that people gave it would.
Titles come one by one (``ONE``: the first that was written) or are the best of many by a measure of how they fit the
melody: the cosine of the title towers, which is how recombined halves are chosen (``TOWERS``), or the writer's own log
p(title | melody) - log p(title) (``OWN``).

Judges rank tunes. The title towers chose the best themselves, so they say what was chosen by, not what it is worth.
A ridge regression on the pairs that towers and writer learned from is of another family, and shares with them what
these pairs happen to say. ``Apart`` is the same regression on pairs that nobody else learned from, and shares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.report import Metric, Report, mean_over_songs, ratio_over_songs
from models.metrics.retrieval import chance, paired_difference, ranked
from models.title.evaluation import RidgeBaseline
from models.title.tunes import Tune, invented, spelled
from models.title.two_tower import TowerEnsemble
from models.title.writer import CANDIDATES, Known, TitleWriter, ideas, written_for
from models.title.writer import WRITTEN as AT_FIRST

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Judge = Callable[[Sequence[str], Sequence[Tune]], Floats]  # scores ``(titles, tunes)``

WRITTEN, HALVES, ANOTHER, REAL = "written", "halves", "another", "real"
ONE, TOWERS, OWN = "one", "best", "own"
ROUNDS = 2  # titles are written so often for each tune, from other seeds
AT_ONCE, FOLDS = 16, 5  # tunes for which titles are written together; of the pool, for who is fitted to it


@dataclass(frozen=True)
class Titles:
    """One title for each tune of a pool, by where it comes from ("written.best"), and all that was written."""

    chosen: Mapping[str, Sequence[str]]
    everything: Sequence[Sequence[str]]


def titles_for(tunes: Sequence[Tune], writer: TitleWriter, towers: TowerEnsemble, known: Known, seed: int) -> Titles:
    """Titles by the writer and of recombined halves, the first and the best of ``CANDIDATES``."""
    parts = [tunes[begin : begin + AT_ONCE] for begin in range(0, len(tunes), AT_ONCE)]
    everything = [
        own for place, part in enumerate(parts) for own in written_for(writer, part, AT_FIRST, seed * 1000 + place)
    ]
    vectors, melody = towers.melodies(tunes), writer.melodies(tunes)
    chosen: dict[str, list[str]] = {f"{WRITTEN}.{name}": [] for name in (ONE, TOWERS, OWN)}
    chosen |= {f"{HALVES}.{name}": [] for name in (ONE, TOWERS)}
    for row, written in enumerate(everything):
        new = ideas(written, known) or written
        halves = invented(known.printed, CANDIDATES, np.random.default_rng([seed, row]))
        for name, some in ((WRITTEN, new), (HALVES, halves)):
            chosen[f"{name}.{ONE}"].append(some[0])
            chosen[f"{name}.{TOWERS}"].append(some[int(np.argmax(towers.titles(some) @ vectors[row]))])
        chosen[f"{WRITTEN}.{OWN}"].append(new[int(np.argmax(fits(writer, melody[row], new)))])
    return Titles(chosen, everything)


@torch.inference_mode()
def fits(writer: TitleWriter, melody: torch.Tensor, titles: Sequence[str]) -> Floats:
    """log p(title | melody) - log p(title) a letter, by the writer: ``(titles,)``; ``melody`` ``(dim,)``."""
    told, letters = writer.nats(melody.expand(len(titles), -1), titles)
    without, _ = writer.nats(writer.no_melodies(len(titles)), titles)
    found: Floats = ((without - told) / letters).double().numpy()
    return found


def others(groups: Sequence[str], seed: int) -> Ints:
    """For each tune another one by chance, of another group: a permutation ``(tunes,)``.

    Groups are named in the order of a book, whose neighbours are alike, so they are shuffled first.
    """
    names, own, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    ring = np.argsort(np.random.default_rng(seed).permutation(len(names))[own], kind="stable")
    other = np.empty(len(groups), dtype=np.int64)
    other[ring] = np.roll(ring, -int(sizes.max()))
    return other


def found_by(judge: Judge, titles: Sequence[str], tunes: Sequence[Tune], seed: int) -> dict[str, Floats]:
    """Reciprocal rank and nDCG of each tune's own title: ``(tunes,)`` each; tunes of its group are right, too."""
    names = np.unique([tune.group for tune in tunes], return_inverse=True)[1]
    ranking = ranked(judge(titles, tunes), names[:, None] == names, seed)
    return {"mrr": 1 / ranking.best, "ndcg": ranking.ndcg}


class Apart:
    """A ridge regression for each of ``FOLDS`` of a pool, fitted to the other tunes of the pool and to ``tunes``."""

    def __init__(self, pool: Sequence[Tune], tunes: Sequence[Tune]) -> None:
        self.fold = np.unique([tune.group for tune in pool], return_inverse=True)[1] % FOLDS
        asked = {tune.group for tune in pool}
        others = [tune for tune in tunes if tune.group not in asked]
        self.judges = [
            RidgeBaseline([*others, *(tune for tune, own in zip(pool, self.fold, strict=True) if own != fold)])
            for fold in range(FOLDS)
        ]

    def scores(self, titles: Sequence[str], pool: Sequence[Tune]) -> Floats:
        """Scores ``(titles, pool)`` of a title for each tune of the pool, by who knows no title of that tune."""
        found = np.zeros((len(titles), len(pool)))
        for fold, judge in enumerate(self.judges):
            rows = np.flatnonzero(self.fold == fold)
            if len(rows):
                found[rows] = judge.scores([titles[row] for row in rows.tolist()], pool)
        return found


def add_retrieval(report: Report, judges: Mapping[str, Judge], rounds: Sequence[Titles], tunes: Sequence[Tune]) -> None:
    """Adds ``generation.JUDGE.ORIGIN.MEASURE`` and what titles that were written have more than others.

    A tune's figure is its mean over ``rounds``. ANOTHER: titles that were written for another tune.
    """
    groups = [tune.group for tune in tunes]
    right = np.array([groups.count(group) for group in groups])
    expected = chance(right, len(tunes))
    real = [tune.titles[0] for tune in tunes]
    for name, judge in judges.items():
        values: dict[str, dict[str, Floats]] = {REAL: found_by(judge, real, tunes, 0)}
        for origin in rounds[0].chosen:
            many = [found_by(judge, each.chosen[origin], tunes, turn) for turn, each in enumerate(rounds)]
            values[origin] = _mean(many)
            if origin.startswith(WRITTEN):
                many = []
                for turn, each in enumerate(rounds):
                    titles = [each.chosen[origin][row] for row in others(groups, turn).tolist()]
                    many.append(found_by(judge, titles, tunes, turn))
                values[origin.replace(WRITTEN, ANOTHER)] = _mean(many)
        for origin, found in values.items():
            for measure, figures in found.items():
                reference = None if origin == REAL else float(values[REAL][measure].mean())
                metric = mean_over_songs(groups, figures, chance=expected[measure], reference=reference)
                report.add(f"generation.{name}.{origin}.{measure}", metric)
        _compared(report, f"generation.{name}", values, groups)


def _mean(many: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    return {name: np.mean([each[name] for each in many], axis=0) for name in many[0]}


def _compared(report: Report, prefix: str, values: Mapping[str, Mapping[str, Floats]], groups: Sequence[str]) -> None:
    """Adds ``PREFIX.ORIGIN.less_OTHER.mrr``, paired over tunes."""
    for name in (ONE, TOWERS, OWN):
        own = values[f"{WRITTEN}.{name}"]["mrr"]
        rivals = {ANOTHER: f"{ANOTHER}.{name}", HALVES: f"{HALVES}.{ONE if name == ONE else TOWERS}", REAL: REAL}
        for rival, origin in rivals.items():
            less = paired_difference(own, values[origin]["mrr"], groups)
            metric = Metric(less.value, less.low, less.high, len(groups))
            report.add(f"{prefix}.{WRITTEN}.{name}.less_{rival}.mrr", metric)


@torch.inference_mode()
def add_nats(report: Report, writer: TitleWriter, tunes: Sequence[Tune], seed: int) -> None:
    """Adds ``generation.nats.*``: nats a letter of real titles by their own melody, another tune's, or none.

    ``less_another`` and ``less_none``: what the melody saves, paired over titles (above 0: it tells something).
    """
    owners = np.array([row for row, tune in enumerate(tunes) for _ in tune.titles])
    titles = [title for tune in tunes for title in tune.titles]
    groups = [tunes[row].group for row in owners]
    melodies, other = writer.melodies(tunes), others([tune.group for tune in tunes], seed)
    given = {
        "melody": melodies[owners],
        "another": melodies[other[owners]],
        "none": writer.no_melodies(len(titles)),
    }
    told = {name: tuple(t.double().numpy() for t in writer.nats(each, titles)) for name, each in given.items()}
    for name, (nats, letters) in told.items():
        report.add(f"generation.nats.{name}", ratio_over_songs(groups, nats, letters))
    own, letters = told["melody"]
    for name in ("another", "none"):
        saved = ratio_over_songs(groups, told[name][0] - own, letters)
        report.add(f"generation.nats.less_{name}", saved)


def add_looks(report: Report, rounds: Sequence[Titles], known: Known, tunes: Sequence[Tune]) -> None:
    """Adds ``generation.looks.ORIGIN.{words,distinct,copied}``: what titles look like.

    Shares of words that known titles have, of titles that no other tune of the pool got, and of titles that some tune
    had. ``raw`` is the first that was written for each tune, with nothing left out.
    """
    groups = [tune.group for tune in tunes]
    origins: dict[str, list[Sequence[str]]] = {"raw": [[own[0] for own in each.everything] for each in rounds]}
    origins |= {origin: [each.chosen[origin] for each in rounds] for origin in rounds[0].chosen}
    origins[REAL] = [[tune.titles[0] for tune in tunes]]
    for origin, many in origins.items():
        small = [[*map(spelled, titles)] for titles in many]
        looks = {
            "words": [np.array([known.share(each) for each in titles]) for titles in small],
            "distinct": [np.array([titles.count(each) == 1 for each in titles]) for titles in small],
            "copied": [np.array([each in known.titles for each in titles]) for titles in small],
        }
        for name, turns in looks.items():
            metric = mean_over_songs(groups, np.mean(np.asarray(turns, dtype=np.float64), axis=0))
            report.add(f"generation.looks.{origin}.{name}", metric)

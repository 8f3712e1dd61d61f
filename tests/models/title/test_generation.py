"""Titles that are written for tunes are asked as titles, and judged by who knows nothing of how they were chosen."""

from collections import Counter

import numpy as np
import pytest

from models.experiments.report import Report
from models.metrics.retrieval import chance
from models.title import generation
from models.title.evaluation import RidgeBaseline
from models.title.generation import Apart, Titles, add_looks, add_nats, add_retrieval, others
from models.title.melody_encoders import MelodyConfig
from models.title.tunes import Tune
from models.title.writer import Known, TitleWriter, WriterConfig

ORIGINS = ("written.one", "written.best", "written.own", "halves.one", "halves.best")


@pytest.fixture
def report() -> Report:
    return Report("evaluate.titles", {}, {}, 0)


def by_name(titles, tunes) -> np.ndarray:
    """A judge of titles that are the names of tunes."""
    return np.array([[title == tune.name for tune in tunes] for title in titles], dtype=float)


def named(tunes: list[Tune]) -> Titles:
    """Each tune's own name was written for it; halves are of no help."""
    chosen = {origin: [t.name if origin[0] == "w" else "" for t in tunes] for origin in ORIGINS}
    return Titles(chosen, [[tune.name] for tune in tunes])


def test_own_names_find_their_tunes_and_those_of_others_do_so_by_chance(report: Report, made_tunes: list[Tune]) -> None:
    add_retrieval(report, {"name": by_name}, [named(made_tunes)] * 2, made_tunes)
    expected = chance(np.ones(len(made_tunes), dtype=int), len(made_tunes))
    found = {
        name: report.metrics[f"generation.name.{name}.mrr"] for name in ("written.one", "another.one", "halves.one")
    }
    assert found["written.one"].value == 1
    assert found["another.one"].value < expected["mrr"]  # the right one of another tune comes first
    assert found["halves.one"].value == pytest.approx(expected["mrr"], rel=0.5)
    assert found["halves.one"].chance == pytest.approx(expected["mrr"])
    less = report.metrics["generation.name.written.best.less_halves.mrr"]
    assert less.value == pytest.approx(1 - report.metrics["generation.name.halves.best.mrr"].value)


def test_another_tune_is_of_another_group() -> None:
    groups = [*"aaabbcdefg"]
    other = others(groups, 0)
    assert sorted(other) == [*range(len(groups))]
    assert all(groups[row] != groups[place] for row, place in enumerate(other))
    book = [f"{number:03}" for number in range(400)]
    apart = np.abs(others(book, 0) - np.arange(400))
    assert np.median(apart) > 60  # not its neighbour in the book, which is alike


def test_a_writer_that_hears_nothing_saves_no_nats(report: Report, made_tunes: list[Tune]) -> None:
    writer = TitleWriter(WriterConfig(MelodyConfig("linear", 8, 8), width=8, hidden=16)).eval()
    writer.melody.whiten.weight.data.zero_()
    add_nats(report, writer, made_tunes, 0)
    assert report.metrics["generation.nats.less_another"].value == pytest.approx(0, abs=1e-6)
    assert report.metrics["generation.nats.melody"].value == pytest.approx(np.log(42), rel=0.1)


def test_who_judges_apart_knows_no_title_of_the_tune_that_is_asked_for(made_tunes: list[Tune]) -> None:
    pool, fitted = made_tunes[:20], []

    class Noting(RidgeBaseline):
        def __init__(self, tunes: list[Tune]) -> None:
            super().__init__(tunes)
            self.groups = {tune.group for tune in tunes}
            fitted.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "RidgeBaseline", Noting)
        apart = Apart(pool, made_tunes[:40])
    titles = [tune.titles[0] for tune in pool]
    scores = apart.scores(titles, pool)
    for row, (tune, fold) in enumerate(zip(pool, apart.fold, strict=True)):
        assert tune.group not in fitted[fold].groups
        assert np.allclose(scores[row], fitted[fold].scores(titles, pool)[row])
    assert {tune.group for tune in made_tunes[20:40]} < fitted[0].groups


def test_looks_count_words_copies_and_doubles(report: Report, made_tunes: list[Tune]) -> None:
    tunes = made_tunes[:4]
    known = Known.of(["The Mill", "The Glen"])
    titles = Titles({"written.one": ["the mill", "the lake", "the lake", "the glen mill"]}, [["the mill"]] * 4)
    add_looks(report, [titles], known, tunes)
    looks = {
        name: report.metrics[f"generation.looks.written.one.{name}"].value for name in ("words", "distinct", "copied")
    }
    assert looks == {"words": 0.75, "distinct": 0.5, "copied": 0.25}
    assert Counter(name.rsplit(".", 1)[1] for name in report.metrics)["words"] == 3

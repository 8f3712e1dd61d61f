import itertools
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from models.evaluate import titles as evaluation
from models.evaluate.titles import Found, among_few, knowing, main, retrieval, search
from models.experiments.report import Report
from models.metrics.retrieval import MEASURES
from models.music import corpora
from models.music.notes import MusicError
from models.title.evaluation import RidgeBaseline, probe_genres, read_material
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import TitleConfig, sentences_available
from models.title.tunes import Tune, make_pool, name_of
from models.title.two_tower import TitleBundle, TowerConfig, TowerEnsemble, TwoTower, save_towers
from models.title.writer import TitleWriter, WriterBundle, WriterConfig, save_writer

pytestmark = pytest.mark.slow


def untrained(seed: int = 0) -> TowerEnsemble:
    torch.manual_seed(seed)
    return TowerEnsemble([TwoTower(TowerConfig(MelodyConfig("bag", 16, 8), TitleConfig("bag", 8, 8)))]).eval()


def bundle(held_out: list[str]) -> TitleBundle:
    return TitleBundle(untrained(), {"version": "t", "sha256": {"towers": "0"}}, {"test": held_out})


def report() -> Report:
    return Report("evaluate.titles", {}, {}, 0)


def found(tunes: list[Tune], noise: float) -> Found:
    """Ours is right but for noise, the baseline guesses."""
    pool, rng = make_pool(tunes), np.random.default_rng(0)
    return Found(pool, pool.right + noise * rng.normal(size=pool.right.shape), rng.normal(size=pool.right.shape))


def test_perfect_scores_give_perfect_figures_and_noise_gives_chance(made_tunes: list[Tune]) -> None:
    perfect, guessing = report(), report()
    retrieval(perfect, "titles", found(made_tunes, 0.01), 0)
    retrieval(guessing, "titles", found(made_tunes, 1e6), 0)
    assert set(perfect.metrics) == {f"titles.{d}.{m}" for d in ("title_to_melody", "melody_to_title") for m in MEASURES}
    for direction in ("title_to_melody", "melody_to_title"):
        best, chance = perfect.metrics[f"titles.{direction}.mrr"], guessing.metrics[f"titles.{direction}.mrr"]
        assert (best.value, best.low, best.high) == (1.0, 1.0, 1.0)
        assert chance.value == pytest.approx(chance.chance, rel=0.35)
        assert best.baseline == pytest.approx(best.chance, rel=0.35)


def test_fewer_titles_ask_in_the_same_pool(made_tunes: list[Tune]) -> None:
    everything = found(made_tunes, 0.5)
    some = everything.only(np.array([3, 5]))
    ours, _, groups = some.rankings("title_to_melody", 0)
    assert ours.pool == len(made_tunes)
    assert len(ours) == len(groups) == 2
    assert groups == (everything.pool.title_groups[3], everything.pool.title_groups[5])


def test_small_pools_have_their_own_chance(made_tunes: list[Tune], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SMALL", 20)
    told = report()
    among_few(told, found(made_tunes, 1e6), 0)
    metric = told.metrics["titles.pool_20.title_to_melody.mrr"]
    assert metric.chance == pytest.approx(np.mean(1 / np.arange(1, 21)), rel=0.05)
    assert metric.value == pytest.approx(metric.chance, rel=0.1)


def test_who_knows_the_type_ranks_the_tunes_of_other_types_behind(made_tunes: list[Tune]) -> None:
    told = report()
    knowing(told, found(made_tunes, 1.0), 0)
    metric = told.metrics["titles.knowing.type.title_to_melody.mrr"]
    sizes = np.array(list(Counter(tune.genre for tune in made_tunes).values()))
    by_hand = sum(np.sum(1 / np.arange(1, size + 1)) for size in sizes) / sizes.sum()
    assert metric.value == pytest.approx(by_hand, rel=0.3)
    assert metric.value > 1.3 * metric.chance


def test_the_baseline_learns_what_untrained_towers_cannot_know(made_tunes: list[Tune]) -> None:
    baseline = RidgeBaseline(made_tunes[:80])
    told = report()
    retrieval(told, "titles", search(bundle([]), baseline, made_tunes[80:]), 0, names=("mrr",))
    metric = told.metrics["titles.title_to_melody.mrr"]
    assert metric.baseline is not None
    assert metric.chance is not None
    assert metric.baseline > 1.4 * metric.chance


def test_types_are_read_from_the_melody_tower_and_rare_ones_left_out(made_tunes: list[Tune]) -> None:
    rare = [Tune(f"r{i}", "made", (f"R{i}",), "polka", f"r{i}", made_tunes[0].notes) for i in range(3)]
    probe = probe_genres(untrained(), [*made_tunes[:80], *rare], made_tunes[80:], 0)
    assert probe is not None
    assert probe.types == ("jig", "reel")
    everything = np.arange(len(probe.truth))
    assert probe.macro_f1(everything) > 0.9
    assert probe.macro_f1(everything, meter=True) == 1.0
    assert probe.confusion().sum() == 40
    assert probe_genres(untrained(), made_tunes[:80], rare, 0) is None


@pytest.fixture(scope="module")
def abc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("abc")
    tunes = []
    for number in range(24):
        bars = "|".join("".join(rng.choice(list("DEFGABcdef"), size=8)) for _ in range(8))
        tunes.append(f"X:{number}\nT:Name {number} zz{number}\nR:{'reel' if number % 2 else 'polka'}\n"
                     f"M:4/4\nL:1/8\nK:D\n{bars}|\n")  # fmt: skip
    (folder / "tunes.abc").write_text("\n".join(tunes), encoding="utf-8")
    return folder


@pytest.fixture
def few_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tunes of each corpus: the whole ones take long to group."""
    load = corpora.load

    def some(name: str) -> list[object]:
        return list(load(name, limit=60))

    monkeypatch.setattr(corpora, "load", some)


@pytest.mark.usefixtures("few_corpora")
def test_the_command_ends_with_the_contracts_figures_for_a_folder(
    abc_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_towers(tmp_path, untrained(), {"version": "t"}, {"validation": [], "test": []})
    main(["--data", str(abc_folder), "--model", str(tmp_path), "--against", str(tmp_path)])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["command"] == "evaluate.titles"
    assert last["data"]["n"] == 24
    for direction in ("title_to_melody", "melody_to_title"):
        for measure in MEASURES:
            metric = last["metrics"][f"titles.{direction}.{measure}"]
            assert metric["chance"] is not None
            assert metric["low"] <= metric["value"] <= metric["high"]
    assert last["metrics"]["titles.against_other.title_to_melody.mrr"]["value"] == 0
    assert last["metrics"]["titles.against_other.title_to_melody.p"]["value"] == 1
    assert "titles.genre.macro_f1" in last["metrics"]


@pytest.mark.usefixtures("few_corpora")
def test_what_pairs_start_from_is_compared_on_the_same_tunes(
    abc_folder: Path, held_out: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_towers(tmp_path, untrained(), {"version": "t"}, {"validation": held_out, "test": []})
    main(["--data", str(abc_folder), "--model", str(tmp_path), "--transfer"])
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    titles = ("scratch", *(["vectors"] if sentences_available() else []))
    for melody, title in itertools.product(("scratch", "writer"), titles):
        metric = metrics[f"transfer.{melody}.{title}.title_to_melody.dcg"]
        assert metric["low"] <= metric["value"] <= metric["high"]
        less = metrics[f"transfer.{melody}.{title}.less_ridge.title_to_melody.dcg"]
        assert less["value"] == pytest.approx(metric["value"] - metric["baseline"])
    assert metrics["transfer.writer.scratch.less_scratch.scratch.melody_to_title.mrr"]["n"] == 24
    assert "transfer.scratch.scratch.less_scratch.scratch.melody_to_title.mrr" not in metrics


@pytest.mark.usefixtures("few_corpora")
def test_titles_that_are_written_for_tunes_are_asked_beside_recombined_halves(
    abc_folder: Path, held_out: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_towers(tmp_path / "towers", untrained(), {"version": "t"}, {"validation": held_out, "test": []})
    small = TitleWriter(WriterConfig(MelodyConfig("linear", 8, 8), width=8, hidden=16))
    save_writer(tmp_path / "writer", small, {"preset": "tiny", "seed": 0}, {"test": []})
    asked = ["--model", str(tmp_path / "towers"), "--generation", "--writer", str(tmp_path / "writer")]
    main(["--data", str(abc_folder), *asked])
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    for judge, origin in itertools.product(("towers", "ridge", "apart"), ("written", "another", "halves")):
        metric = metrics[f"generation.{judge}.{origin}.best.mrr"]
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["reference"] == pytest.approx(metrics[f"generation.{judge}.real.mrr"]["value"])
    assert metrics["generation.ridge.written.own.less_halves.mrr"]["n"] == 24
    assert metrics["generation.looks.halves.best.words"]["value"] == 1


def test_a_writer_that_may_know_the_titles_is_not_asked(held_out: list[str]) -> None:
    writer = TitleWriter(WriterConfig(MelodyConfig("linear", 8, 8), width=8, hidden=16))
    knows = WriterBundle(writer, {"version": "w"}, {"test": held_out[1:]})
    with pytest.raises(ValueError, match="may know their titles"):
        evaluation.generation(bundle(held_out), knows, None, 0, None)


@pytest.fixture(scope="module")
def held_out() -> list[str]:
    return [name_of(piece) for piece in corpora.load("oneills1850", limit=30)]


@pytest.mark.usefixtures("few_corpora")
def test_only_what_was_held_out_is_asked_for_and_no_near_duplicate_is_probed(held_out: list[str]) -> None:
    everything = read_material(bundle(held_out), None, None)
    assert [tune.name for tune in everything.pool] == held_out
    heard = {tune.group for tune in everything.trained}
    assert not {tune.name for tune in everything.trained} & set(held_out)
    assert all(tune.group not in heard and tune.source == "cre" for tune in everything.elsewhere)


@pytest.mark.usefixtures("few_corpora")
def test_the_genre_probe_learns_from_no_near_duplicate_of_what_it_reads(tmp_path: Path) -> None:
    text = min(corpora.music21_corpus().glob("oneills1850/*.abc")).read_text(encoding="utf-8", errors="replace")
    (tmp_path / "copied.abc").write_text("".join(re.split(r"(?m)^(?=X:)", text)[:31]), encoding="utf-8")
    held_out = [name_of(piece) for piece in corpora.load("oneills1850")]
    everything = read_material(bundle(held_out), tmp_path, None)  # no tower was trained on them
    assert len(everything.elsewhere) >= 25
    assert everything.known
    assert not {tune.group for tune in everything.known} & {tune.group for tune in everything.elsewhere}


@pytest.mark.usefixtures("few_corpora")
def test_of_the_folder_that_towers_were_trained_on_only_what_they_held_out_is_asked(abc_folder: Path) -> None:
    names = [name_of(piece) for piece in corpora.load_folder(abc_folder)]
    own = TitleBundle(untrained(), {"version": "t"}, {"test": names[:20], "validation": names[20:22]})
    everything = read_material(own, abc_folder, None)
    assert [tune.name for tune in everything.pool] == names[:20]
    assert [tune.name for tune in everything.validation] == names[20:22]
    assert [tune.name for tune in everything.trained] == names[22:]  # and no book, which they have never seen
    few = TitleBundle(untrained(), {"version": "t"}, {"test": [], "validation": names[:2]})
    with pytest.raises(MusicError, match="holds 0 tunes with titles that the towers held out; at least 20 are needed"):
        read_material(few, abc_folder, None)
    with pytest.raises(MusicError, match="--data where they were trained on a folder"):
        read_material(own, None, None)
    other = read_material(bundle(["folder/elsewhere.abc:1"]), abc_folder, None)
    assert [tune.name for tune in other.pool] == names  # all of a folder is test data for towers that don't know it


def test_towers_that_may_know_the_test_tunes_are_not_compared_with(held_out: list[str]) -> None:
    with pytest.raises(ValueError, match="may know those"):
        evaluation.evaluate(bundle(held_out), None, 0, None, bundle(held_out[1:]))

"""Protocols on simulated listeners: what a method may know, what it must not, and what the last line says."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import taste
from models.evaluate.taste import Outcome, by_agreement, half_known, newcomers, outcomes
from models.metrics.preference import binned_error
from models.style.checkpoint import tiny_style
from models.taste import clip_effects, hierarchy
from models.taste.evaluation import methods
from models.taste.evaluation import study as listeners_study
from models.taste.evaluation.methods import (
    LEARNERS,
    NEW_CLIPS,
    People,
    Scores,
    about,
    clip_folds,
    heard,
    learn_pairwise_gp,
    new_clips,
    slope,
)
from models.taste.evaluation.study import Pairs, Resampling, Study, accuracy_of, joined, load_study, two_way
from models.taste.head import utilities

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def short_searches(monkeypatch) -> None:
    """Effects of clips are searched for in a few steps: what a method may know doesn't hang on them."""
    monkeypatch.setattr(clip_effects, "SEARCH_STEPS", 4)


@pytest.fixture(scope="module", params=["ratings", "votes"])
def study(request, listening_folder) -> Study:
    return load_study(listening_folder(request.param), None, quiet=True)


@pytest.fixture(scope="module")
def people(study: Study) -> People:
    return People(study, seed=0)


def truth(study: Study, utility: np.ndarray) -> Scores:
    return Scores(utility[[int(name[1:]) for name in study.clips]] * 3)


def test_who_knows_the_truth_wins_and_ours_comes_close(study, people, true_utility, monkeypatch) -> None:
    monkeypatch.setitem(LEARNERS, "truth", lambda *_: truth(study, true_utility))
    tasks = half_known(study, 0, splits=3)
    won = joined([task.pairs for task in tasks]).won
    found = {name: accuracy_of(people.answer(name, tasks).wins, won).mean() for name in ("truth", "ours", "average")}
    assert found["truth"] > 0.7
    assert found["truth"] > found["average"] > 0.5
    assert found["ours"] > found["truth"] - 0.05


def test_the_average_is_the_mean_rating_of_all_other_listeners(listening_folder) -> None:
    study = load_study(listening_folder("ratings"), None, quiet=True)
    people, said = People(study, 0), study.judgements
    task = half_known(study, 0, splits=1)[3]
    wins = people.answer("average", [task]).wins
    others = said.listener != task.listener
    mean = [said.value[others & (said.left == clip)].mean() for clip in range(len(study.clips))]
    gap = np.array(mean)[task.pairs.left] - np.array(mean)[task.pairs.right]
    odds = np.log(wins / (1 - wins))
    assert np.allclose(odds, gap * (odds @ gap) / (gap @ gap))


def test_known_and_asked_never_meet(study) -> None:
    for task in half_known(study, 0, splits=2) + newcomers(study, 4, 0, splits=2):
        rows = study.judgements.choose(task.known)
        assert (rows.listener == task.listener).all()
        assert (task.pairs.listener == task.listener).all()
        if rows.rated:
            assert not set(rows.left) & {*task.pairs.left, *task.pairs.right}


def test_clip_folds_share_no_clip_and_a_held_out_clip_is_seen_by_nobody(study, monkeypatch) -> None:
    fold, asked = clip_folds(len(study.clips), 3), []

    def spy(given: Study, rows, held, seed) -> Scores:
        assert seed == 3
        asked.append(held)
        assert not set(heard(given, rows)) & set(held)
        return Scores(np.zeros(len(given.clips)))

    monkeypatch.setitem(NEW_CLIPS, "spy", spy)
    pairs = study.pairs(np.arange(len(study.judgements)))
    assert (new_clips(study, "spy", pairs, 3).wins == 0.5).all()
    assert sorted(np.concatenate(asked)) == list(range(len(study.clips)))
    assert all(len(set(fold[held])) == 1 for held in asked)
    assert len(about(study, np.arange(len(study.clips)))) == len(study.judgements)


def test_a_listener_of_whom_nothing_is_known_gets_the_population_of_the_others(study, people) -> None:
    tasks = newcomers(study, 0, 0)
    assert all(len(task.known) == 0 for task in tasks)
    wins = np.split(people.answer("ours", tasks).wins, np.cumsum([len(task.pairs) for task in tasks])[:-1])
    heads, _ = people.page["ours"]
    for task, found in list(zip(tasks, wins, strict=True))[::5]:
        others = [one for one, fold in people.fold.items() if fold != people.fold[task.listener]]
        begun = heads.beginning(others)
        mean = utilities(begun.head, heads.x, begun.effects).mean
        assert np.array_equal(found > 0.5, mean[task.pairs.left] > mean[task.pairs.right])


def test_what_a_listener_says_later_changes_no_prediction_of_it(study) -> None:
    task = half_known(study, 0, splits=1)[3]
    asked = study.rows_of(task.listener)
    asked = asked[~np.isin(asked, task.known)]
    value = study.judgements.value.copy()
    value[asked] = value[asked][::-1].copy()
    other = replace(study, judgements=replace(study.judgements, value=value))
    one, two = (People(each, 0) for each in (study, other))
    assert np.array_equal(one.answer("ours", [task]).wins, two.answer("ours", [task]).wins)


def test_a_slope_makes_differences_log_odds() -> None:
    rng = np.random.default_rng(0)
    gap = rng.normal(size=20_000)
    won = rng.random(20_000) < 1 / (1 + np.exp(-1.7 * gap))
    assert slope(gap, won) == pytest.approx(1.7, rel=0.1)
    assert slope(np.zeros(4), [True, False, True, False]) == 1.0


def test_accuracy_counts_no_preference_half_and_honest_probabilities_are_calibrated() -> None:
    assert accuracy_of([0.9, 0.2, 0.5], [True, True, False]).tolist() == [1.0, 0.0, 0.5]
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    assert binned_error(p, rng.random(20_000) < p) < 0.02
    assert binned_error(np.full(20_000, 0.9), np.arange(20_000) < 10_000) == pytest.approx(0.4, abs=0.01)


def test_a_bootstrap_over_listeners_and_clips_is_wider_than_over_pairs() -> None:
    rng = np.random.default_rng(0)
    listener, left = np.repeat(np.arange(40), 10), rng.integers(0, 10, 400)
    pairs = Pairs(listener, left, left + 10, np.ones(400, dtype=bool))
    values = rng.normal(size=40)[listener] + rng.normal(size=20)[left]
    metric = Resampling(pairs, seed=0).metric(values)
    naive = 1.96 * values.std() / 20
    assert metric.value == pytest.approx(values.mean())
    assert metric.high - metric.low > 3 * naive
    alone = [Resampling(pairs, seed=0, listeners=one, clips=not one) for one in (True, False)]
    apart = two_way(*alone, values)
    widths = [found.high - found.low for found in (apart, *(draws.metric(values) for draws in alone))]
    assert max(widths[1:]) * 0.95 < widths[0] < (metric.high - metric.low) * 1.1
    twice = joined([pairs, pairs])
    again = Resampling(twice, seed=0).metric(np.concatenate([values, values]))
    assert (again.low, again.high) == pytest.approx((metric.low, metric.high))  # a pair asked twice is one pair


def test_thirds_are_of_listeners(study, people) -> None:
    tasks = half_known(study, 0, splits=1)
    third = np.split(by_agreement(people, tasks), np.cumsum([len(task.pairs) for task in tasks])[:-1])
    assert all(len(set(part)) == 1 for part in third)
    assert np.ptp(np.bincount([part[0] for part in third])) <= 1


def test_pairwise_gp_of_botorch_learns_what_is_shared(listening_folder, true_utility) -> None:
    study = load_study(listening_folder("ratings"), None, quiet=True)
    everything = np.arange(len(study.clips))
    scores = learn_pairwise_gp(study, np.arange(len(study.judgements)), everything, 0)
    assert np.corrcoef(scores.mean, truth(study, true_utility).mean)[0, 1] > 0.6
    assert scores.variance is not None
    assert (scores.variance > 0).all()


def test_the_last_line_holds_every_key_of_the_contract(listening_folder, monkeypatch, capsys) -> None:
    def missing(*_: object) -> Scores:
        raise ImportError("no botorch here", name="botorch")

    monkeypatch.setitem(LEARNERS, "pairwise_gp", missing)
    monkeypatch.setitem(NEW_CLIPS, "pairwise_gp", missing)
    monkeypatch.setattr(taste, "SHUFFLES", 1)
    monkeypatch.setattr(listeners_study, "DRAWS", 20)
    monkeypatch.setattr(methods, "TREES", 5)
    monkeypatch.setattr(methods, "FOLDS", 4)
    monkeypatch.setattr(clip_effects, "SEARCH_STEPS", 2)
    monkeypatch.setattr(hierarchy, "EM_STEPS", 5)
    monkeypatch.setattr(taste, "KNOWN", (0, 2))
    monkeypatch.setattr(taste, "style_argument", lambda _: tiny_style())
    for name in ("half_known", "newcomers"):
        original = getattr(taste, name)
        monkeypatch.setattr(taste, name, lambda *a, original=original: original(*a, splits=1))
    taste.main(["--data", str(listening_folder("ratings")), "--limit", "12"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert "smallest difference" in lines[0]
    assert "pip install botorch" in " ".join(err.split())
    last = json.loads(lines[-1])
    assert last["command"] == "evaluate.taste"
    assert last["data"]["n"] == 144
    for protocol in ("known", "unheard", "new_listener_0", "new_listener_2"):
        for method in ("ours", "average", "choix", "pairwise_gp", "logistic", "trees"):
            for figure in ("accuracy", "log_loss", "calibration_error", "seconds"):
                value = last["metrics"][f"taste.{protocol}.{method}.{figure}"]["value"]
                silent = method == "pairwise_gp" or (protocol == "unheard" and method in {"average", "choix"})
                assert (value is None) == silent, (protocol, method, figure)
    assert last["metrics"]["taste.new_listener_0.ours_minus_population.accuracy"]["value"] == 0
    assert last["metrics"]["taste.known.ours_minus_average.accuracy"]["low"] is not None


def test_a_method_that_cannot_answer_has_no_hits() -> None:
    pairs = Pairs(np.zeros(1, int), np.zeros(1, int), np.ones(1, int), np.ones(1, dtype=bool))
    assert Outcome(pairs, {"average": None}).hits("average") is None


def test_listeners_without_a_pair_are_told_so(tmp_path, listening_folder) -> None:
    few = tmp_path / "few"
    shutil.copytree(listening_folder("ratings"), few)
    rows = [f"p{person},c{clip},3" for person in range(4) for clip in range(12)]
    (few / "ratings.csv").write_text("\n".join(["listener_id,clip_id,rating", *rows]))
    with pytest.raises(SystemExit, match="no listener has a pair"):
        outcomes(load_study(few, None, quiet=True), 0)

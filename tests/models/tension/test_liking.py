import json
from dataclasses import replace

import numpy as np
import pytest

from models.experiments.report import Report
from models.taste.evaluation.heads import basis_of, lines_of
from models.taste.evaluation.study import NOBODY, Judgements, Study
from models.taste.space import distances
from models.tension.evaluation import Judged, liking, with_measures
from models.tension.persons import between, curve, people, persons

CLIPS, LISTENERS, RATINGS = 40, 60, 12


def made(utility, *, listeners: int = LISTENERS, ratings: int = RATINGS) -> tuple[Study, Judged]:
    """Listeners who rate clips by ``utility(surprise, listener)`` and as much noise."""
    rng = np.random.default_rng(1)
    surprise, uncertainty, own_bars = rng.normal(10, 1, (3, CLIPS))
    clip = np.concatenate([rng.permutation(CLIPS)[:ratings] for _ in range(listeners)])
    who = np.repeat(np.arange(listeners), ratings)
    value = utility((surprise - 10)[clip], who) + rng.standard_normal(len(clip))
    said = Judgements(who, clip, np.full(len(clip), NOBODY), value)
    study = Study("ratings", tuple(map(str, range(CLIPS))), said, {"notes": rng.normal(size=(CLIPS, 12))}, "hash")
    return study, Judged(surprise, uncertainty, own_bars, {})


def found(study: Study, judged: Judged) -> dict:
    report = Report("test", {}, {}, 0)
    persons(report, study, judged)
    return report.metrics


def test_a_curve_is_what_numpy_fits() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (5, 9)), rng.normal(size=(5, 9))
    y -= y.mean(axis=1, keepdims=True)
    r2, inverted = curve(x, y)
    for each in range(5):
        square, slope, constant = np.polyfit(x[each], y[each], 2)
        left = y[each] - (square * x[each] ** 2 + slope * x[each] + constant)
        assert r2[each] == pytest.approx(1 - (left @ left) / (y[each] @ y[each]))
        assert inverted[each] == (square < 0 and x[each].min() < -slope / (2 * square) < x[each].max())


def test_a_rising_curve_that_flattens_is_no_inverted_u() -> None:
    x = np.linspace(0, 1, 9)
    for peak, wanted in ((0.5, True), (1.5, False)):
        y = -((x - peak) ** 2)
        assert curve(x, y - y.mean())[1] == wanted


def test_people_who_like_a_middle_best_are_found() -> None:
    metrics = found(*made(lambda surprise, who: -1.5 * surprise**2))
    for name in ("inverted_u", "r2"):
        above = metrics[f"tension.liking.persons.surprise.{name}.above"]
        assert above.low > metrics[f"tension.liking.persons.surprise.{name}.smallest"].value / 2 > 0
        assert metrics[f"tension.liking.persons.surprise.{name}.p"].value < 0.01
        # people agree about these clips, whose uncertainty goes along with that by accident: only this p knows
        assert metrics[f"tension.liking.persons.uncertainty.{name}.p"].value > 0.05
    assert metrics["tension.liking.persons.surprise.r2"].reference == 0.12
    assert metrics["tension.liking.persons.uncertainty.r2"].reference is None


def test_few_ratings_fit_a_curve_by_chance() -> None:
    metrics = found(*made(lambda surprise, who: 0 * surprise, ratings=7))
    r2 = metrics["tension.liking.persons.surprise.r2"]
    assert r2.chance == pytest.approx(2 / 6, abs=0.01)
    above = metrics["tension.liking.persons.surprise.r2.above"]
    assert above.low < 0 < above.high


def test_whether_people_differ_is_told_from_noise() -> None:
    key = "tension.liking.persons.surprise.spread"
    unlike = found(*made(lambda surprise, who: np.where(who % 2, 1.0, -1.0) * surprise))
    alike = found(*made(lambda surprise, who: 0.5 * surprise))
    assert unlike[key].low > 0.1
    assert alike[key].low < 0.02
    assert alike["tension.liking.persons.surprise.slope"].low > 0.2
    assert alike["tension.liking.persons.surprise.slope.p"].value < 0.01


def test_the_variance_between_people_is_that_of_their_effects_less_the_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.5, 2, 20_000)
    mean, spread = between(0.3 + rng.normal(0, np.sqrt(noise + 0.25)), noise)
    assert mean == pytest.approx(0.3, abs=0.03)
    assert spread == pytest.approx(0.25, abs=0.05)


def test_judgements_that_tell_little_are_no_error() -> None:
    for what in ("votes", "constant", "few listeners", "few ratings", "one surprise", "likes"):
        study, judged = made(
            lambda surprise, who: surprise,
            listeners=3 if what == "few listeners" else 12,
            ratings=4 if what == "few ratings" else RATINGS,
        )
        said = study.judgements
        if what == "votes":
            study = replace(study, form="votes", judgements=replace(said, right=(said.left + 1) % CLIPS))
        elif what == "constant":
            study = replace(study, judgements=replace(said, value=np.full(len(said), 3.0)))
        elif what == "one surprise":
            judged = replace(judged, surprise=np.full(CLIPS, 2.0))
        elif what == "likes":
            study = replace(study, form="likes", judgements=replace(said, value=np.sign(np.round(said.value))))
        report = Report("test", {}, {}, 0)
        persons(report, study, judged)
        liking(report, study, judged)
        json.dumps(report.to_json(), allow_nan=False)
        there = any("persons.surprise" in name for name in report.metrics)
        assert there == (what == "likes")
        assert len(people(study)) == (0 if what in {"votes", "constant", "few ratings"} else len(study.listeners))


def test_heads_see_the_distance_of_surprise_from_its_middle() -> None:
    study, judged = made(lambda surprise, who: surprise)
    more = with_measures(study, judged.measures())
    plain, seen = basis_of(study, "ours")[0], basis_of(more, "ours")[0]
    assert seen.shape[1] == plain.shape[1] + 6
    surprise = (judged.surprise - judged.surprise.mean()) / judged.surprise.std()
    lines = lines_of(more)
    assert np.allclose(lines[:, -3], surprise)
    assert np.allclose(seen[:, -3], distances(surprise))
    assert abs(np.corrcoef(seen[:, -3], surprise)[0, 1]) < 0.5
    assert np.array_equal(more.features["notes"], study.features["notes"])

from __future__ import annotations

import json

import numpy as np
import pytest

from models.music.abc import read_abc
from models.style.checkpoint import tiny_style
from models.tension.curves import Curves
from models.tension.score import curves, load_tension
from models.tension.unfolding import Heads, called, figures, fit

JIG = """X:1
T:The Kesh Jig
M:6/8
L:1/8
Q:3/8=100
K:G
|:GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G3:|
|:BAB dBd|ege dBG|BAB dBG|ABA AGA|BAB dBd|ege dBd|gfg aga|bgg g3:|
"""


@pytest.fixture(scope="module")
def jig():
    (piece,) = read_abc(JIG)
    return piece


@pytest.fixture(scope="module")
def heard(jig) -> Curves:
    return curves(load_tension(), jig)


def likeliest(found: Curves) -> dict[str, str]:
    return {each.task: each.likeliest[-1][0][0] for each in found.recognitions}


@pytest.mark.slow
def test_a_jig_is_recognised_and_the_second_time_it_is_foreseen(heard) -> None:
    told = likeliest(heard)
    assert (told["domain"], told["meter"]) == ("dance", "6/8")
    assert [each.ahead for each in heard.horizons] == [1, 2, 4]
    for each in heard.horizons:
        assert len(each.returns) == len(each.like) == len(each.uncertainty) == len(each.returned) == 32
        assert each.returns[:3] == (None,) * 3
        assert all(0 <= chance <= 1 for chance in each.returns[3:])
        assert each.surprise[-each.ahead :] == (None,) * each.ahead
    near = heard.horizons[0]
    again, first = (np.mean(near.returns[part]) for part in (slice(8, 15), slice(3, 7)))
    assert again > first
    assert all(near.returned[8:15])


@pytest.mark.slow
def test_what_is_told_after_some_bars_knows_no_later_one(jig, heard) -> None:
    cut = curves(load_tension(), jig.window(0, 9))
    assert [each.likeliest for each in cut.recognitions] == [each.likeliest for each in heard.recognitions]
    for own, whole in zip(cut.horizons, heard.horizons, strict=True):
        assert own.returns[3:9] == pytest.approx(whole.returns[3:9], abs=2e-3)
        assert own.like[3:9] == whole.like[3:9]
    short = curves(load_tension(), jig.window(0, 3))
    assert short.horizons == ()
    assert {each.after for each in short.recognitions} == {(1, 2)}


@pytest.mark.slow
def test_curves_with_heads_come_back_from_json(heard) -> None:
    assert Curves.from_json(json.loads(json.dumps(heard.to_json()))) == heard


@pytest.mark.slow
def test_heads_are_the_same_when_they_are_made_again_and_say_how_often_they_are_right(parts) -> None:
    heads = fit(tiny_style().model, parts, seed=0, steps=20, task_steps=150)
    again = Heads.of(tiny_style().model, heads.arrays(), json.loads(json.dumps(heads.about())))
    marks = np.stack([piece.marks for piece in parts["test"]])
    for name, task in heads.tasks.items():
        np.testing.assert_allclose(task.chances(marks), again.tasks[name].chances(marks))
        np.testing.assert_allclose(task.chances(marks).sum(2), 1, atol=1e-6)
    assert "domain" not in heads.tasks  # there is only one
    found = figures(heads, parts, seed=0)
    assert found["collection"]["accuracy"]["8"][0] > 0.8
    assert set(found) == {*heads.tasks, "in_1", "in_2", "in_4"}
    error, low, high = found["in_1"]["calibration_error"]
    assert 0 <= low <= error <= high <= 1
    json.dumps(found)


def test_classes_are_called_as_people_call_them() -> None:
    assert [called("key", each) for each in (0, 2, 21)] == ["C major", "D major", "A minor"]
    assert called("valence", 4) == "highest"
    assert called("collection", "cre") == "cre"

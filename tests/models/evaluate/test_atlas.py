import json

import numpy as np
import pytest

from models.atlas.points import Material, Points
from models.evaluate import atlas
from models.evaluate.atlas import evaluate, main, placed
from models.experiments.report import Report

pytestmark = pytest.mark.slow


@pytest.fixture
def crowds() -> Points:
    rng = np.random.default_rng(0)
    crowd = np.arange(150) % 3
    vectors = (6 * np.eye(8)[crowd] + rng.normal(size=(150, 8))).astype(np.float32)
    names = tuple(map(str, range(150)))
    return Points(names, names, vectors, {"crowd": tuple(crowd.astype(str))}, ("",) * 150, ("",) * 150)


@pytest.fixture(autouse=True)
def a_plane_instead_of_umap(monkeypatch):
    """The projection has tests of its own; here the first three axes, of which each crowd has one, are turned flat."""
    flat = np.zeros((8, 2), np.float32)
    flat[:3] = [[1, 0], [-0.5, 0.9], [-0.5, -0.9]]
    monkeypatch.setattr(atlas, "project", lambda vectors, *_: vectors @ flat)


def test_figures_stand_beside_chance_and_a_plain_plane(crowds):
    report = Report("evaluate.atlas", {}, {}, 0)
    evaluate(report, "tunes", Material(crowds, "v"), 0)
    trust, purity = report.metrics["atlas.tunes.trustworthiness"], report.metrics["atlas.tunes.crowd.purity"]
    assert trust.value > 0.75 > trust.chance
    assert trust.baseline == pytest.approx(trust.value, abs=0.15)
    assert purity.value > 0.9 > purity.chance


def test_points_that_were_left_out_are_placed_better_than_dealt(crowds):
    told = placed(crowds.vectors, 0, transform=False)
    assert told.n == 15
    assert told.value > 0.7
    assert told.value > told.chance + 0.1


def test_the_last_line_is_one_object(crowds, monkeypatch, capsys):
    about = {"left_out": {"pieces": 2, "why": "too short"}}
    monkeypatch.setattr(atlas, "gather", lambda *_, **__: Material(crowds, "v", about))
    main(["--kind", "tunes", "joint"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["command"] == "evaluate.atlas"
    assert {"atlas.tunes.trustworthiness", "atlas.joint.trustworthiness"} <= set(last["metrics"])
    assert last["metrics"]["atlas.tunes.left_out"]["value"] == 2

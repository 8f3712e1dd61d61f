"""Simulated listeners' ties: known beforehand, found by picks, and counted as the contract says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.evaluate import fit
from models.experiments.report import Report
from models.picture.fit import evaluation
from models.picture.fit.evaluation import METHODS, MOST, Material, _votes_until, learn, trial
from models.picture.fit.head import TIES, annotated, features
from models.taste.simulated_people import UTILITY_SD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(0)
    return Material(rng.normal(size=(24, 5)), rng.normal(size=(24, 4)))


def test_every_kind_has_the_tie_that_it_is_named_after(material: Material) -> None:
    whole = features(material.music[:, None], material.pictures[None])
    found = {
        kind: evaluation.viewer(kind, material.music, material.pictures, np.random.default_rng(3))
        for kind in evaluation.KINDS
    }
    usual = annotated()[TIES]
    for kind, sign in (("annotated", 1), ("reversed", -1)):
        weights = found[kind].weights
        assert weights is not None
        assert sign * float(weights[TIES] @ usual) > 0
    assert found["nearest"].weights is None
    for kind, one in found.items():
        utility = one.person.utility.reshape(one.expected.shape)
        assert utility.std() == pytest.approx(UTILITY_SD, rel=0.15)
        assert 0.85 < np.corrcoef(utility.ravel(), one.expected.ravel())[0, 1] < 0.99  # some of it is measured nowhere
        if one.weights is not None:
            assert np.corrcoef((whole @ one.weights).ravel(), one.expected.ravel())[0, 1] > 0.8, kind
    with pytest.raises(ValueError, match="'deaf'"):
        evaluation.viewer("deaf", material.music, material.pictures, np.random.default_rng(0))


def test_what_tests_a_method_was_never_shown(material: Material) -> None:
    one = trial(material, "own", 1)
    for asked in (one.first, one.second):
        assert not {*asked[:, 0]} & {*one.pieces.tolist()}
        assert not {*asked[:, 1]} & {*one.pictures.tolist()}
    same = one.first == one.second
    assert (same.sum(1) == 1).mean() > 0.95
    assert 0.3 < same[:, 0].mean() < 0.7
    assert one.ceiling > 0.65
    assert one.accuracy(np.zeros((24, 24))) == 0.5
    assert one.accuracy(-one.someone.expected) == pytest.approx(1 - one.ceiling)


def test_pictures_that_are_kept_apart_are_those_that_test(material: Material) -> None:
    apart = np.arange(8, 16)
    one = trial(Material(material.music, material.pictures, apart), "own", 1)
    assert sorted(one.pictures) == [*range(8), *range(16, 24)]
    assert {*one.first[:, 1], *one.second[:, 1]} <= {*apart.tolist()}


def test_of_a_folder_whole_series_are_never_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for word in ("fox", "owl", "hen"):
        for number in range(5):
            pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((96, 96), Image.Resampling.NEAREST).save(tmp_path / f"{word} {number}.png")
    pictures, unseen, _ = fit._pictures(tmp_path, 0)
    assert unseen is not None
    assert (len(pictures), len(unseen)) == (15, 5)
    for path in tmp_path.glob("*.png"):
        path.rename(tmp_path / path.name.replace("owl", "fox a").replace("hen", "fox b"))
    with pytest.raises(SystemExit, match="too few series"):
        fit._pictures(tmp_path, 0)


def test_votes_are_enough_from_where_they_stay_so_for_five() -> None:
    low, high = [0.5], [0.9]
    assert _votes_until(high * 64, 0.8) == 1
    assert _votes_until(low * 10 + high * 54, 0.8) == 11
    assert _votes_until(high * 4 + low + high * 59, 0.8) == 6
    assert _votes_until(low * 64, 0.8) == MOST


def test_picks_find_a_tie_that_nobody_told_and_chance_does_not(material: Material) -> None:
    one = trial(material, "reversed", 0)
    ours, untaught, chance = (learn(material, one, method, 0) for method in ("ours", "annotated", "chance"))
    assert ours.accuracy > 0.6
    assert 0.5 == chance.accuracy > untaught.accuracy
    assert ours.nearness > 0.4 > untaught.nearness
    assert (chance.votes, untaught.votes) == (MOST, MOST)


def test_the_report_has_the_figures_of_the_contract(
    material: Material, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "KINDS", ("own", "nearest"))
    report = Report("evaluate.fit", {}, {}, 0)
    fit.fill(report, fit.simulate(material, range(1)))
    report.print()
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    for method in METHODS:
        assert 1 <= metrics[f"fit.{method}.votes_to_90"]["value"] <= MOST
    assert metrics["fit.chance.accuracy"]["value"] == 0.5
    assert metrics["fit.ours.votes_to_90"]["n"] == 2
    assert "fit.nearest.ours.nearness" not in metrics

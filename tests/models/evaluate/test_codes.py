"""What style codes say: the command on real tunes with a tiny model, and its parts where the answer is known."""

import json
import shutil

import numpy as np
import pytest

from models.evaluate import codes
from models.experiments import report
from models.metrics.music_statistics import ATTRIBUTES

pytestmark = pytest.mark.slow


def test_windows_found_again_are_those_with_the_songs_codes() -> None:
    one = np.arange(10.0)[:, None].repeat(4, 1)
    domains = np.array(["pop"] * 5 + ["dance"] * 5)
    assert codes.found_again(one, one, domains, 0).tolist() == [1] * 10
    assert codes.found_again(one, np.zeros((10, 4)), domains, 0).tolist() == pytest.approx([1 / 5] * 10)
    assert codes.found_again(one, one[::-1], domains, 0).tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]


def test_others_are_other_songs_of_the_domain() -> None:
    domains = np.array(["pop", "dance"] * 6)
    others = codes.others_of(domains, 0)
    assert (domains[others] == domains).all()
    assert (others != np.arange(12)).all()
    assert codes.others_of(np.array(["pop"]), 0).tolist() == [0]


def test_the_command_tells_and_keeps_what_it_found(tunes, weights, tmp_path, capsys) -> None:
    folder = shutil.copytree(weights, tmp_path / "weights")
    codes.main(["--data", str(tunes), "--model", str(folder), "--limit", "24", "--save"])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["command"] == "evaluate.codes"
    metrics = line["metrics"]
    assert 0 < metrics["codes.agree"]["value"] <= 1
    cost = metrics["codes.prior_cost"]
    assert cost["value"] - cost["chance"] == pytest.approx(-metrics["codes.prior_gain"]["value"])
    assert 0 <= metrics["codes.obeyed"]["value"] <= 1
    assert set(metrics) >= {f"codes.{code}.{name}" for code in range(1, 5) for name in (*ATTRIBUTES, "bits")}
    assert (
        report.read_evaluations(folder)["evaluate.codes"].metrics["codes.found"].chance
        == metrics["codes.found"]["chance"]
    )

import json
import math

import numpy as np
import pytest

from models.experiments.report import Metric, Report, mean_over_songs, over_halves, over_songs, ratio_over_songs
from models.metrics.intervals import finite_mean


def test_the_last_line_is_one_json_object_with_every_key_of_the_contract(capsys) -> None:
    report = Report("evaluate.style", {"hash": "abc", "n": 2}, {"version": "v1", "sha256": "00"}, 7)
    report.add("quality.in_key", Metric(0.5, 0.25, 0.75, 2, baseline=0.6))
    report.add("cycle.rhythm", Metric(math.nan, math.nan, math.nan, 0))
    report.add("taste.known.trees.accuracy", Metric(None))
    report.print()
    *table, last = capsys.readouterr().out.splitlines()
    assert any("quality.in_key" in line and "0.250 to 0.750" in line for line in table)
    assert not any("nan" in line for line in table)
    found = json.loads(last)
    assert {key: found[key] for key in ("command", "schema", "data", "model", "seed")} == {
        "command": "evaluate.style",
        "schema": 1,
        "data": {"hash": "abc", "n": 2},
        "model": {"version": "v1", "sha256": "00"},
        "seed": 7,
    }
    assert found["commit"]
    assert found["metrics"]["quality.in_key"] == {
        "value": 0.5, "low": 0.25, "high": 0.75, "n": 2, "baseline": 0.6, "chance": None, "reference": None,
    }  # fmt: skip
    assert found["metrics"]["cycle.rhythm"]["value"] is None
    assert "NaN" not in last


def test_the_interval_of_a_mean_is_the_one_of_the_normal_distribution() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, size=400)
    metric = mean_over_songs([str(i) for i in range(400)], values, baseline=1.0)
    assert metric.value == pytest.approx(values.mean())
    assert metric.low == pytest.approx(values.mean() - 1.96 * 0.05, abs=0.02)
    assert metric.high == pytest.approx(values.mean() + 1.96 * 0.05, abs=0.02)
    assert (metric.n, metric.baseline) == (400, 1.0)


def test_clips_of_one_song_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=20), 20)
    apart = mean_over_songs([str(i) for i in range(400)], values)
    together = mean_over_songs([str(i // 20) for i in range(400)], values)
    assert together.high - together.low > 2.5 * (apart.high - apart.low)


def test_numbers_that_are_none_are_left_out_and_nothing_at_all_is_null() -> None:
    assert mean_over_songs(["a", "b"], [1.0, math.nan]).value == 1.0
    assert math.isnan(mean_over_songs(["a"], [math.nan]).value)
    assert mean_over_songs([], [], chance=0.5) == Metric(None, chance=0.5)
    assert math.isnan(finite_mean([]))
    assert over_songs(["a", "b"], lambda rows: float(len(rows))).value == 2.0


def test_halves_of_the_songs_give_the_interval_of_the_bootstrap() -> None:
    values = np.repeat(np.random.default_rng(0).normal(3.0, 1.0, size=200), 2)
    songs = [str(i // 2) for i in range(400)]
    halves = over_halves(songs, lambda rows: {"mean": float(values[rows].mean())}, draws=200)["mean"]
    wanted = mean_over_songs(songs, values)
    assert (halves.value, halves.n) == (wanted.value, 400)
    assert halves.low == pytest.approx(wanted.low, abs=0.03)
    assert halves.high == pytest.approx(wanted.high, abs=0.03)


def test_too_few_songs_to_halve_have_no_interval() -> None:
    found = over_halves(["a", "b"], lambda rows: {"count": float(len(rows))})["count"]
    assert found.value == 2
    assert math.isnan(found.low)


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    found = ratio_over_songs(["a", "b", "c"], [1.0, 8.0, 0.0], [1.0, 4.0, 0.0])
    assert found.value == pytest.approx(9 / 5)
    assert found.low <= found.value <= found.high
    assert np.isnan(ratio_over_songs(["a"], [0.0], [0.0]).value)

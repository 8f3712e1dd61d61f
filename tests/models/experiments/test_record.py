"""Figures kept beside weights: one entry a command, read strictly."""

import json

import pytest

from models.experiments.report import EVALUATION_FILE, Metric, RecordError, Report, read_evaluations, save_evaluation


def line(command: str = "evaluate.style", value: float | None = 0.5, sha256: str = "00") -> dict:
    report = Report(command, {"hash": "abc", "n": 2}, {"version": "v1", "sha256": sha256}, 7)
    report.add("swap.rhythm.own", Metric(value, 0.25, 0.75, 2, baseline=0.1))
    return report.to_json()


def test_a_line_is_read_as_it_was_saved_and_a_later_one_takes_its_place(tmp_path) -> None:
    assert read_evaluations(tmp_path) == {}
    save_evaluation(tmp_path, line(value=0.1))
    save_evaluation(tmp_path, line("evaluate.relations", value=None))
    save_evaluation(tmp_path, line(value=0.9))
    found = read_evaluations(tmp_path)
    assert set(found) == {"evaluate.style", "evaluate.relations"}
    style = found["evaluate.style"]
    assert style.metrics["swap.rhythm.own"] == Metric(0.9, 0.25, 0.75, 2, baseline=0.1)
    assert (style.seed, style.data, style.model["version"]) == (7, {"hash": "abc", "n": 2}, "v1")
    assert found["evaluate.relations"].metrics["swap.rhythm.own"].value is None


def test_an_entry_says_whether_it_is_of_the_weights_at_hand(tmp_path) -> None:
    save_evaluation(tmp_path, line(sha256="aa"))
    found = read_evaluations(tmp_path)["evaluate.style"]
    assert [found.of_weights(sha256) for sha256 in ("aa", "bb", None)] == [True, False, False]


def test_anything_else_is_told_in_words(tmp_path) -> None:
    for broken, what in (
        ("{", "is not JSON"),
        ("{}", "no list"),
        (json.dumps([{**line(), "schema": 2}]), "schema 2"),
        (json.dumps([{**line(), "more": 1}]), "its keys must be"),
        (json.dumps([{**line(), "seed": "0"}]), "seed a whole number"),
        (json.dumps([{**line(), "metrics": []}]), "metrics must be an object"),
        (json.dumps([{**line(), "metrics": {"a": {"value": 1}}}]), "a must have value, low"),
        (json.dumps([{**line(), "metrics": {"a": {**line()["metrics"]["swap.rhythm.own"], "value": "x"}}}]), "finite"),
        (json.dumps([line(), line()]), "two entries of one command"),
    ):  # fmt: skip
        (tmp_path / EVALUATION_FILE).write_text(broken, encoding="utf-8")
        with pytest.raises(RecordError, match=what):
            read_evaluations(tmp_path)


def test_what_is_no_last_line_is_not_saved(tmp_path) -> None:
    with pytest.raises(RecordError):
        save_evaluation(tmp_path, {"command": "evaluate.style"})
    assert not (tmp_path / EVALUATION_FILE).exists()

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from models.experiments.run_log import ended, parsed, rows
from models.title.training import PRESETS
from models.train.title_study import Study, conditions_of, has_tested, main
from models.train.titles import main as train_titles

pytestmark = pytest.mark.slow

RUNS = {
    f"{condition}-{seed}"
    for condition in ("bag-bag", "cnn-rnn", "bag-bag-no_rhythm", "bag-bag-no_word_order")
    for seed in (0, 1)
}

HELD = """
import sys, time
from models.experiments.run_log import RunLog
from models.train import titles
write = RunLog.write

def write_and_hold(log, kind, **values):
    write(log, kind, **values)
    if values.get("step") == 25:  # after a state was saved, before the next is
        time.sleep(300)

RunLog.write = write_and_hold
titles.main(sys.argv[1:])
"""


def logs(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Every log of a study by its run, without the commit."""
    return {
        path.parent.name if path.parent != folder else "": [
            {name: value for name, value in row.items() if name not in {"commit", "run"}} for row in rows(path)
        ]
        for path in folder.rglob("log.jsonl")
    }


def test_a_study_trains_every_condition_with_every_seed_and_tests_them_once(study: Path) -> None:
    assert {path.parent.name for path in study.glob("*/log.jsonl")} == RUNS
    assert all(ended(path) for path in study.rglob("log.jsonl"))
    found = rows(study / "log.jsonl")
    assert found[0]["test"]["tunes"] == 48
    told = Counter((row["comparison"], row["condition"]) for row in found if row["kind"] == "result")
    ablated = {"bag-bag-no_rhythm", "bag-bag-no_word_order"}
    assert {condition for comparison, condition in told if comparison == "ablation"} == ablated
    assert {condition for comparison, condition in told if comparison == "probe_ablation"} == ablated
    assert {c for comparison, c in told if comparison == "variant"} == {"ridge", "bag-bag", "cnn-rnn", *ablated}


def test_a_study_that_has_ended_is_not_tested_again(
    study: Path, study_arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    main([*study_arguments, "--out", str(study), "--resume"])
    assert "nothing is left to do" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


def test_more_seeds_are_another_study(study: Path) -> None:
    conditions = conditions_of(("bag-bag", "cnn-rnn"), ("bag-bag",), ("rhythm", "word_order"))
    settled = {"preset_name": "tiny", "conditions": conditions}
    short = PRESETS["tiny"].__class__(**{**vars(PRESETS["tiny"]), "steps": 6})
    assert has_tested(Study(preset=short, seeds=(0, 1), **settled), study)
    assert not has_tested(Study(preset=short, seeds=(0, 1, 2), **settled), study)
    assert not has_tested(Study(preset=PRESETS["tiny"], seeds=(0, 1), **settled), study)


def test_a_study_goes_on_with_the_runs_that_are_missing_side_by_side(
    study: Path, study_arguments: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "study"
    shutil.copytree(study, out)
    (out / "log.jsonl").unlink()
    for missing in ("bag-bag-no_rhythm-1", "cnn-rnn-0"):
        shutil.rmtree(out / missing)
    main([*study_arguments, "--out", str(out), "--resume", "--jobs", "2"])
    assert logs(out) == logs(study)


def test_a_training_that_is_killed_goes_on_without_gap_and_double(dance_music: Path, tmp_path: Path) -> None:
    arguments = ["--preset", "tiny", "--steps", "42", "--variants", "bag-bag", "--data", str(dance_music), "--out"]
    log, end = tmp_path / "killed" / "bag-bag-0" / "log.jsonl", time.monotonic() + 500
    with subprocess.Popen(
        [sys.executable, "-c", HELD, *arguments, str(tmp_path / "killed")],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        try:
            while not log.exists() or b'"step": 25' not in log.read_bytes():
                assert time.monotonic() < end
                assert child.poll() is None
                time.sleep(0.02)
        finally:
            child.kill()
    assert not ended(log)
    assert rows(log)[-1]["step"] >= 25
    train_titles([*arguments, str(tmp_path / "killed"), "--resume"])
    train_titles([*arguments, str(tmp_path / "straight")])
    assert logs(tmp_path / "killed") == (straight := logs(tmp_path / "straight"))
    assert [row["line"] for row in straight["bag-bag-0"]] == list(range(len(straight["bag-bag-0"])))


def test_lines_of_a_log_without_numbers_are_numbered_and_those_that_came_again_count_once() -> None:
    lines = [{"step": s, "loss": loss} for s, loss in ((50, 3.0), (100, 2.0), (150, 1.0), (100, 2.5), (150, 1.5))]
    text = "".join(json.dumps(row) + "\n" for row in lines) + '{"step": 20'
    assert [(row["line"], row["step"], row["values"]["loss"]) for row in parsed(text.encode()).rows] == [
        (0, 50, 3.0), (3, 100, 2.5), (4, 150, 1.5),
    ]  # fmt: skip

from __future__ import annotations

import json

import numpy as np
import pytest

from models.evaluate import mood as evaluate
from models.experiments.report import Report
from models.mood.judge import load_mood
from models.mood.labels import labelled_folder
from models.mood.training import PRESETS, crossfitted
from models.music.midi import write_midi
from models.music.notes import Piece
from models.train import mood

pytestmark = pytest.mark.slow

CLIPS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fast or slow, in major or minor: as the quadrant is."""
    made = tmp_path_factory.mktemp("moods")
    rng = np.random.default_rng(0)
    lines = ["path,quadrant"]
    bars = np.array([(96 * bar, 96, 4, 4) for bar in range(4)])
    for number in range(CLIPS):
        quadrant = number % 4
        scale = (0, 4, 7, 12) if quadrant in {0, 3} else (0, 3, 7, 12)
        onset = np.arange(0, 384, 6 if quadrant < 2 else 24)
        pitch = 55 + rng.integers(0, 12) + rng.choice(scale, len(onset))
        notes = np.stack([onset, np.full(len(onset), 6), pitch, rng.integers(40, 90, len(onset))], axis=1)
        (made / f"{number}.mid").write_bytes(write_midi(Piece(notes, bars, np.full(4, 100.0))))
        lines.append(f"{number}.mid,Q{quadrant + 1}")
    (made / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    mood.main(["--preset", "tiny", "--data", str(folder), "--out", str(out)])
    return load_mood(out)


def test_the_same_again_from_what_was_heard(trained, folder, capsys) -> None:
    arguments = ["--preset", "tiny", "--data", str(folder), "--out", str(trained.folder), "--resume"]
    mood.main(arguments)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["version"] == trained.version
    with pytest.raises(SystemExit, match="another seed"):
        mood.main([*arguments, "--seed", "1"])


def test_a_folder_is_test_music_for_the_judge_that_is_given(trained, folder, capsys) -> None:
    evaluate.main(["--data", str(folder), "--model", str(trained.folder), "--limit", "40"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["data"]["n"] == last["data"]["heard"] == 40
    assert last["metrics"]["mood.judge.arousal"]["value"] > 0.8
    assert last["metrics"]["mood.judge.first.quadrant"]["chance"] == 0.25


def test_judges_and_rivals_are_fitted_on_the_same_folds(folder) -> None:
    report = Report("evaluate.mood", {}, {}, 0)
    crossfitted(report, labelled_folder(folder), PRESETS["tiny"], 1)
    metrics = report.metrics
    assert metrics["mood.judge.hand_made.quadrant"].value > 0.8
    assert metrics["mood.judge.quadrant"].baseline == metrics["mood.judge.hand_made.quadrant"].value
    paired = metrics["mood.judge.quadrant"].value - metrics["mood.judge.hand_made.quadrant"].value
    assert metrics["mood.judge.quadrant.less_hand_made"].value == pytest.approx(paired)


def test_few_clips_of_each_mood_are_too_few_to_hold_out_a_fifth(folder, tmp_path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    lines = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()[:13]
    for line in lines[1:]:
        (few / line.split(",")[0]).write_bytes((folder / line.split(",")[0]).read_bytes())
    (few / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="no quadrant has more than 3 pieces; 5 of one are needed"):
        mood.main(["--preset", "tiny", "--data", str(few), "--out", str(tmp_path)])

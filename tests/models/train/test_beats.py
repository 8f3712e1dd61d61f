from __future__ import annotations

import json

import numpy as np
import pytest

from models.experiments.report import Report
from models.mood import beat_training as evaluation
from models.mood.beats import FORMAT, load_beats
from models.music.midi import write_midi
from models.music.notes import Piece
from models.train import beats

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("played")
    rng = np.random.default_rng(0)
    grid = [(96 * bar, 96, 4, 4) for bar in range(20)]
    for number in range(12):
        rows = [(12 * place, 12, int(rng.integers(50, 80)), 60 + 20 * (place % 8 == 0)) for place in range(160)]
        tempo = np.full(20, rng.uniform(70, 130))
        (made / f"{number}.mid").write_bytes(write_midi(Piece(np.array(rows), np.array(grid), tempo)))
    return made


def test_a_network_is_trained_loaded_and_measured(folder, tmp_path, capsys, monkeypatch) -> None:
    beats.main(["--preset", "tiny", "--data", str(folder), "--out", str(tmp_path)])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    bundle = load_beats(tmp_path)
    assert bundle.card["version"] == last["version"]
    files = {path.name: path for path in folder.glob("*.mid")}
    assert set(bundle.held_out) < set(files)
    monkeypatch.setattr(evaluation, "corpus_files", lambda: files)
    report = Report("evaluate.mood", {}, {}, 0)
    evaluation.beats(report, bundle, 3)
    assert 0 <= report.metrics["beats.beat_f"].value <= 1
    assert report.metrics["beats.downbeat_f"].reference == 0.75
    with (tmp_path / FORMAT.weights_file).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="fetch it again"):
        load_beats(tmp_path)
    (tmp_path / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"models\.train\.beats"):
        load_beats(tmp_path)

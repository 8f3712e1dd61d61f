import json
from pathlib import Path

import numpy as np
import pytest

from models.evaluate.quantisation import distance, distance_with_triplets, main
from models.music.midi_file import MidiFile, dump

pytestmark = pytest.mark.slow


def test_distances_to_a_grid() -> None:
    assert distance(np.array([0.0, 2.0, 3.5, 11.0, 24.0]), 6).tolist() == [0, 2, 2.5, 1, 0]


def test_a_beat_of_triplets_takes_triplets() -> None:
    beats = np.array([0.0, 8.0, 16.0, 24.0, 30.0, 36.5])
    assert distance_with_triplets(beats).tolist() == [0, 0, 0, 0, 0, 0.5]


def test_a_folder_is_measured_and_the_last_line_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = [(0, 480, 60, 64, 0), (490, 100, 62, 64, 0), (970, 100, 64, 64, 0)]
    (tmp_path / "a.mid").write_bytes(dump(MidiFile(480, notes=notes, tempi=[(0, 480_000)])))
    (tmp_path / "b.mid").write_bytes(b"broken")
    (tmp_path / "c.abc").write_text("X:1\nM:4/4\nL:1/8\nK:C\nabcd|\n")
    main(["--data", str(tmp_path)])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    metrics = last["metrics"]
    assert last["command"] == "evaluate.quantisation"
    assert metrics["corpus.data.broken"]["value"] == 1
    assert metrics["corpus.data.pieces"]["value"] == 2
    assert metrics["quantisation.data.memory.mean_ticks"]["value"] == pytest.approx((0.5 + 0.5) / 7)
    assert metrics["quantisation.data.memory.mean_ms"]["value"] == pytest.approx((10 + 10) / 7, abs=0.2)
    assert metrics["corpus.data.meter.4/4"]["value"] == 1


def test_nothing_to_measure_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.mid").write_bytes(b"broken")
    with pytest.raises(SystemExit, match="none of the 1 pieces there can be read"):
        main(["--data", str(tmp_path)])

from __future__ import annotations

import numpy as np

from models.mood.labels import labelled_folder, quadrant_of
from models.music.midi import write_midi
from models.music.notes import Piece


def written(folder, name: str, notes: int = 12) -> None:
    rows = [(12 * place, 12, 60 + place % 5, 70) for place in range(notes)]
    bars = [(72 * bar, 72, 3, 4) for bar in range(4)]
    (folder / name).write_bytes(write_midi(Piece(np.array(rows), np.array(bars), np.full(4, 100.0))))


def test_degrees_and_quadrants_are_read_and_the_rest_is_left_out_with_a_line(tmp_path, capsys) -> None:
    for name in ("glad.mid", "sad.mid", "wrong.mid", "odd.mid", "untold.mid", "half.mid"):
        written(tmp_path, name)
    written(tmp_path, "short.mid", notes=2)
    (tmp_path / "broken.mid").write_bytes(b"no music")
    table = "path,valence,arousal,quadrant\nglad.mid,.5,0.25,\nsad.mid,,,3\nwrong.mid,much,0,\nodd.mid,,,Q7\n"
    (tmp_path / "metadata.csv").write_text(f"{table}short.mid,1,1,\nhalf.mid,,-0.5,\n", encoding="utf-8")
    found = labelled_folder(tmp_path)
    assert [piece.piece_id for piece in found.pieces] == ["glad.mid", "half.mid", "sad.mid"]
    assert found.valence.tolist()[::2] == [0.5, -1]
    assert np.isnan(found.valence[1])
    assert found.arousal.tolist() == [0.25, -0.5, -1]
    assert found.quadrant.tolist() == [0, -1, 2]
    assert found.graded
    said = capsys.readouterr().out
    assert "wrong.mid is left out: its valence is 'much'; it must be a number from -1 to 1" in said
    assert "odd.mid is left out: its quadrant is 'Q7'; there are Q1, Q2, Q3, Q4" in said
    assert "short.mid is left out: it has 2 notes" in said
    assert "1 piece has no mood" in said
    assert "broken.mid" in said


def test_the_quadrants_are_russells() -> None:
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1), (0, 1)], dtype=float)
    assert quadrant_of(*signs.T).tolist() == [0, 1, 2, 3, -1]

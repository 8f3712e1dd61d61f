from pathlib import Path

import numpy as np
import pytest

from models.music.corpora import music21_corpus, read_chorale
from models.music.notes import MusicError


def chorale(name: str) -> Path:
    root = music21_corpus()
    assert root is not None
    return root / "bach" / f"{name}.mxl"


def test_a_chorale_has_its_voices_pickup_and_repeats() -> None:
    piece = read_chorale(chorale("bwv103.6"))
    assert piece.bars[:3].tolist() == [[0, 24, 4, 4], [24, 96, 4, 4], [120, 96, 4, 4]]
    assert 72 <= piece.tempo_bpm[0] <= 80
    assert (piece.bars[1:-1, 1] == 96).all()  # the halves around the repeat sign are one bar
    at_once = np.unique(piece.notes[:, 0], return_counts=True)[1]
    assert at_once.max() == 4
    first = piece.window(0, 4).notes[:, 1:3]
    assert len(first)
    opening = piece.notes[piece.notes[:, 0] < 300]
    repeat = piece.notes[(piece.notes[:, 0] >= 384) & (piece.notes[:, 0] < 684)]
    assert np.array_equal(opening[:, 1:3], repeat[:, 1:3])


def test_the_soprano_is_a_little_louder() -> None:
    piece = read_chorale(chorale("bwv10.7"))
    onset = piece.notes[piece.notes[:, 0] == piece.notes[0, 0]]
    assert onset[onset[:, 2].argmax(), 3] == onset[0, 3] + 6


@pytest.mark.slow
def test_instruments_that_double_the_voices_are_left_out() -> None:
    piece = read_chorale(chorale("bwv1.6"))
    assert np.unique(piece.notes[:, 0], return_counts=True)[1].max() <= 4


def test_what_is_no_score_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mxl").write_bytes(b"PK not a score")
    with pytest.raises(MusicError, match=r"a\.mxl cannot be read"):
        read_chorale(tmp_path / "a.mxl")

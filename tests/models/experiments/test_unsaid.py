from dataclasses import replace

import numpy as np
import pytest

from models.experiments.dataset import is_flat, is_left, neutral, training_pieces
from models.music import corpora
from models.music.abc import read_abc
from models.music.midi import read_midi, write_midi
from models.music.notes import Piece

JIG = "X:1\nT:The Test Jig\nR:jig\nM:6/8\nL:1/8\nK:D\nA|dAF DFA|dAF def|gfe fed|cBA Bcd|\n"


def exported(piece: Piece, velocity: int = 90, bpm: float = 120) -> Piece:
    """As a program exports it that knows neither accents nor the tempo."""
    notes = piece.notes.copy()
    notes[:, 3] = velocity
    tempo = np.full(len(piece.bars), bpm)
    return read_midi(write_midi(replace(piece, notes=notes, tempo_bpm=tempo, titles=("The Test Jig",))))


def test_a_flat_velocity_says_nothing_so_accents_are_the_reader_s_own() -> None:
    for velocity in (64, 80, 90, 100, 127):
        jig = read_abc(JIG)[0]
        found = neutral(exported(jig, velocity))
        assert found.notes.tolist() == jig.notes.tolist()
        assert "equally loud" in found.extra["remarks"]


def test_a_chorale_gets_its_reader_s_velocities_and_tempo() -> None:
    chorale = corpora.load("bachChorales", limit=1)[0]
    found = neutral(exported(chorale))
    same = found.notes[:, 3] == chorale.notes[:, 3]
    assert same.mean() > 0.95  # where parts cross, another voice is on top
    assert 72 <= found.tempo_bpm[0] <= 80


def test_a_tempo_that_was_left_at_120_is_the_kind_s_usual() -> None:
    jig = read_abc(JIG)[0]
    found = neutral(exported(jig, 64))
    assert 150 < found.tempo_bpm[0] < 200
    assert "120 of a program" in found.extra["remarks"]
    assert neutral(exported(jig, 64, bpm=112)).tempo_bpm[0] == pytest.approx(112, abs=0.01)


def test_loudness_and_tempi_that_somebody_chose_stay() -> None:
    jig = read_abc(JIG)[0]
    assert neutral(jig) is jig
    loud = replace(jig, notes=jig.notes[:4])
    assert not is_flat(replace(loud, notes=np.where([0, 0, 0, 1], 90, loud.notes)))  # four notes
    played = exported(jig)
    late = played.notes.copy()
    late[::2, 0] += 1
    assert not is_left(replace(played, notes=late))
    slower = played.tempo_bpm.copy()
    slower[-1] = 60
    assert not is_left(replace(played, tempo_bpm=slower))


def test_a_folder_of_one_s_own_is_read_so_and_a_tune_that_says_120_keeps_it(tmp_path, capsys) -> None:
    jig = read_abc(JIG)[0]
    flat = replace(jig, notes=np.where([0, 0, 0, 1], 90, jig.notes), tempo_bpm=np.full(len(jig.bars), 120))
    (tmp_path / "a.mid").write_bytes(write_midi(flat))
    (tmp_path / "b.abc").write_text(JIG.replace("K:D", "Q:1/4=120\nK:D"))
    midi, tune = training_pieces(tmp_path)
    assert midi.notes[:, 3].tolist() == jig.notes[:, 3].tolist()
    assert midi.tempo_bpm[0] > 150
    assert tune.tempo_bpm[0] == 120
    assert (
        "1 files say things wrongly or not at all, such as a.mid: its notes are equally loud" in capsys.readouterr().out
    )

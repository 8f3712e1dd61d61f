import numpy as np
import pytest

from models.music.midi_file import MidiFile, dump
from models.music.notes import MusicError
from models.style.performance.score import read_score, smooth_tempo
from models.style.performance.training import read_example


def test_score_and_playing_are_taken_apart(performed):
    example = read_example(performed / "0.mid")
    piece, played = example.piece, example.played
    order = read_score(piece).order
    assert (piece.notes[:, 0] % 12 == 0).all()
    low = piece.notes[order, 2] <= 58
    assert (played.velocity[low] == 50).all()
    assert (played.velocity[~low] == 70).all()
    # 20 ticks of 480 late, at a beat of 0.6 s and a little more
    assert played.late_s[low] == pytest.approx(20 / 480 * 0.63, abs=0.012)
    assert np.abs(played.late_s).max() < 0.05
    # the score has a tempo in steps, smoothed; with what was played it is the file's again
    tempo = read_score(piece).base_tempo_bpm * np.exp(played.tempo)
    assert tempo[:15] == pytest.approx(60 / (0.6 + 0.001 * (4 * np.arange(15) + 1.5)), rel=2e-3)
    # the score has the length that was played, to the nearest step of the grid
    assert np.abs(played.length[low]).max() < 0.03


def test_a_file_with_few_notes_is_refused(tmp_path):
    (tmp_path / "a.mid").write_bytes(dump(MidiFile(480, notes=[(0, 100, 60, 60, 0)])))
    with pytest.raises(MusicError, match="at least 32"):
        read_example(tmp_path / "a.mid")


def test_a_single_odd_tempo_is_no_part_of_the_base():
    assert smooth_tempo([100, 100, 60, 100, 100]) == pytest.approx([100] * 5)


def test_notes_are_read_from_the_top_and_know_their_place(chords):
    score = read_score(chords(2))
    pitches = chords(2).notes[score.order, 2]
    assert pitches[:3].tolist() == [60, 52, 48]
    assert score.first.sum() == 16
    assert np.flatnonzero(score.opens).tolist() == [0, 10]
    assert np.isfinite(score.features).all()
    without = read_score(chords(2), dynamics=False).features
    assert (without[:, -2:] == 0).all()

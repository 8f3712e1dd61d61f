from __future__ import annotations

import numpy as np
import pytest

from models.metrics.music_statistics import attributes
from models.mood.control import chances, climbed, donors_of_another_mood
from models.mood.judge import load_mood
from models.mood.steering import Dials, rules
from models.music.notes import Piece

GLAD, TENSE, SAD, CALM = range(4)


@pytest.fixture
def piece() -> Piece:
    """Eight bars in C major: a scale over held chords."""
    scale = (60, 62, 64, 65, 67, 69, 71, 72)
    rows = [(12 * place, 12, scale[place % 8], 60 + place % 9) for place in range(64)]
    chords = ((48, 52, 55), (53, 57, 60), (55, 59, 62), (48, 52, 55))
    rows += [(96 * bar, 96, pitch, 60) for bar in range(8) for pitch in chords[bar % 4]]
    grid = [(96 * bar, 96, 4, 4) for bar in range(8)]
    return Piece(np.array(rows), np.array(grid), np.full(8, 100.0), domain="pop")


def test_each_rule_moves_what_it_is_called_and_nothing_else(piece) -> None:
    was = attributes(piece)
    faster = attributes(Dials(tempo=1.3).turned(piece))
    assert faster == pytest.approx(was | {"tempo_bpm": 130})
    assert attributes(Dials(semitones=3).turned(piece))["mean_pitch"] == pytest.approx(was["mean_pitch"] + 3)
    assert attributes(Dials(velocity=80).turned(piece))["mean_velocity"] == pytest.approx(80, abs=0.5)
    wide, narrow = (Dials(spread=way).turned(piece).notes[:, 2].std() for way in (1, -1))
    assert wide > piece.notes[:, 2].std() > narrow - 1e-9


def test_major_becomes_minor_and_minor_major_again(piece) -> None:
    minor = Dials(major=-1).turned(piece)
    assert attributes(minor)["mode"] < 0 < attributes(piece)["mode"]
    assert set(minor.notes[:, 2] % 12) == {0, 2, 3, 5, 7, 8, 11}
    again = Dials(major=1).turned(minor)
    assert (again.notes[:, 2] == piece.notes[:, 2]).all()
    assert (Dials(major=1).turned(piece).notes == piece.notes).all()


def test_the_rules_stay_on_the_piano(piece) -> None:
    high = piece.transposed(35)
    found = rules(GLAD).turned(high).notes[:, 2]
    assert found.max() <= 108


def test_both_judges_hear_what_the_rules_do(piece) -> None:
    bundle = load_mood()
    for judge in (bundle.first, bundle.second):
        said = judge.judge([rules(quadrant).turned(piece) for quadrant in range(4)])
        assert said.arousal[[GLAD, TENSE]].min() > said.arousal[[SAD, CALM]].max()
        assert said.valence[GLAD] > said.valence[TENSE]
        assert said.valence[CALM] > said.valence[SAD]


def test_a_climb_never_comes_down(piece) -> None:
    judge = load_mood().first
    few, many = (climbed(judge, piece, TENSE, steps, np.random.default_rng(0)) for steps in (2, 12))
    plain, low, high = chances(judge, [piece, few, many], TENSE)
    assert plain <= low <= high
    assert high > plain


def test_a_donor_is_of_another_mood_and_another_song() -> None:
    quadrant = np.array([0, 0, 1, 1, 2])
    songs = ["a", "b", "a", "c", "a"]
    donors = donors_of_another_mood(quadrant, songs, 0)
    for row, donor in enumerate(donors.tolist()):
        assert donor == row or (quadrant[donor] != quadrant[row] and songs[donor] != songs[row])
    assert donors[0] == 3

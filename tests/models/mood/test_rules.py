from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from models.experiments.report import Report
from models.metrics.music_statistics import attributes
from models.mood import control as mood_control
from models.mood.control import (
    OF_A_SONG,
    Composed,
    chances,
    climbed,
    control,
    donors_of_another_mood,
    methods,
    surest,
)
from models.mood.judge import load_mood
from models.mood.steering import Dials, rules
from models.music.notes import Piece
from models.style.evaluation.clips import Excerpts

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


def test_real_clips_that_are_surely_of_a_quadrant_are_few_of_a_song_and_stand_beside_what_was_made_for_it(piece):
    judge = load_mood().first
    pieces = [rules(quadrant).turned(piece.transposed(number)) for number in range(4) for quadrant in range(4)]
    songs = [f"song {place // 8}" for place in range(16)]  # of each quadrant two of either song
    sure = surest(judge, Excerpts(pieces, songs, []), 3)
    heard = judge.judge(pieces).quadrant
    for quadrant, some in enumerate(sure):
        rows = [next(row for row, each in enumerate(pieces) if each is one) for one in some.pieces]
        assert rows == sorted(rows, key=lambda row: -heard[row, quadrant])
        assert [songs[row] for row in rows] == some.songs
        assert len(rows) == 3
        assert max(Counter(some.songs).values()) <= OF_A_SONG
    assert surest(judge, Excerpts([], [], []), 3) == []


def test_what_is_composed_for_moods_is_recognised_beside_music_and_beside_music_of_the_mood(piece, monkeypatch):
    monkeypatch.setattr(mood_control, "TOGETHER", 2)
    monkeypatch.setattr(mood_control, "TOLD", (2, 4))
    bundle, report, short = load_mood(), Report("evaluate.mood", {}, {}, 0), piece.window(0, 4)
    heard = [short.transposed(number % 12) for number in range(5 * 2)]
    told = [[rules(quadrant).turned(each) for each in (*heard, *heard)] for quadrant in range(4)]

    def real(pieces):
        return Excerpts(
            [replace(each, source="real") for each in pieces], [f"song {n}" for n in range(len(pieces))], []
        )

    composed = Composed(None, [None] * len(heard), heard, told)
    some = methods(bundle, composed, 0)
    assert {len(some[name](range(2), TENSE)) for name in ("plain", "rules", "told_best_of_4")} == {1}
    best = some["told_best_of_2"](range(2), TENSE)
    pairs = told[TENSE][:2], told[TENSE][2:4]
    assert [pair.index(one) for one, pair in zip(best, pairs, strict=True)] == [
        chances(bundle.first, pair, TENSE).argmax() for pair in pairs
    ]
    monkeypatch.setattr(mood_control, "methods", lambda *_: {name: some[name] for name in ("plain", "told")})
    recognised = []

    def noted(ones, others, names):
        recognised.append((list(ones), list(others)))
        return np.ones(len(names))

    monkeypatch.setattr(mood_control, "two_sample_test", noted)
    control(report, bundle, composed, real(heard), [real(each[:5]) for each in told])
    found = report.metrics
    assert (found["mood.control.plain.quadrant"].n, found["mood.control.told.quadrant"].n) == (20, 80)
    assert found["mood.control.told.arousal"].value == 1
    assert found["mood.control.told.two_sample"].n == 2 * 10
    made, beside = recognised[-1]
    assert len(made) == len(beside) == 4 * 5
    for one, other in zip(made, beside, strict=True):
        (asked,) = (row for row, pieces in enumerate(told) if any(one is each for each in pieces))
        assert any(np.array_equal(other.notes, each.notes) for each in told[asked])


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

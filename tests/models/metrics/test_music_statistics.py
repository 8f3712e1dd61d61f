"""Statistics of clips against brute force, mir_eval and music that can be judged by eye."""

import math
from itertools import product

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.music_statistics import (
    ATTRIBUTES,
    attributes,
    bar_similarity,
    chroma_correlation,
    density,
    in_key,
    note_f1,
    onset_histogram,
    repeats,
)
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import Piece, skyline

BARS = np.array([[bar * 96, 96, 4, 4] for bar in range(4)])
MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]
HARMONIC_MINOR = [57, 59, 60, 62, 64, 65, 68, 69]

notes = st.lists(
    st.tuples(st.integers(0, 383), st.integers(1, 200), st.integers(21, 108), st.integers(1, 127)), max_size=30
)


def piece(rows) -> Piece:
    return Piece(np.array(rows).reshape(-1, 4), BARS, np.full(4, 90.0))


def melody(pitches, step: int = 24) -> Piece:
    return piece([(index * step, step, pitch, 80) for index, pitch in enumerate(pitches)])


@settings(max_examples=60, deadline=None)
@given(notes)
def test_the_skyline_is_the_highest_note_sounding_at_each_onset(rows) -> None:
    expected = [
        [time, max(pitch for onset, duration, pitch, _ in rows if onset <= time < onset + duration)]
        for time in sorted({row[0] for row in rows})
    ]
    assert skyline(piece(rows)).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(notes)
def test_half_bar_chroma_counts_every_sounding_tick_once(rows) -> None:
    expected = np.zeros((8, 12))
    for onset, duration, pitch, _ in rows:
        for tick in range(onset, min(384, onset + duration)):
            expected[tick // 48, pitch % 12] += 1
    assert np.allclose(half_bar_chroma(piece(rows)), expected)


def test_scales_are_wholly_in_key() -> None:
    for pitches, key in product((MAJOR, HARMONIC_MINOR), range(12)):
        assert in_key(melody(pitches).transposed(key)) == 1


def test_the_likeliest_key_is_that_of_the_scale() -> None:
    for (pitches, tonic), by in product(((MAJOR, 0), (HARMONIC_MINOR, 12 + 9)), range(12)):
        chroma = np.bincount(np.array([*pitches, pitches[0], pitches[-1], pitches[4]]) % 12, minlength=12)
        assert likely_key(np.roll(chroma, by)) == tonic // 12 * 12 + (tonic + by) % 12


def test_note_f1_is_that_of_mir_eval() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        one, two = (
            np.unique(np.stack([rng.integers(0, 12, size=20), rng.integers(60, 66, size=20)], axis=1), axis=0)
            for _ in range(2)
        )
        sets = [
            (np.stack([rows[:, 0], rows[:, 0] + 0.5], axis=1), mir_eval.util.midi_to_hz(rows[:, 1]))
            for rows in (one, two)
        ]
        expected = mir_eval.transcription.precision_recall_f1_overlap(
            *sets[0], *sets[1], onset_tolerance=0.1, pitch_tolerance=10.0, offset_ratio=None
        )[2]
        assert note_f1(two, one) == pytest.approx(expected)


def test_note_f1_takes_onsets_alone_and_empty_clips() -> None:
    assert note_f1(np.array([0, 24]), np.array([0, 48])) == 0.5
    assert note_f1(np.zeros((0, 2)), np.zeros((0, 2))) == 1
    assert note_f1(np.zeros((0, 2)), np.array([[0, 60]])) == 0


def test_attributes_say_what_they_are_named_for() -> None:
    found = attributes(melody(MAJOR, 24))
    assert found["onsets_per_bar"] == 2
    assert found["mean_pitch"] == np.mean(MAJOR)
    assert found["tempo_bpm"] == 90
    assert found["notes_per_onset"] == 1
    assert found["leap"] == pytest.approx(12 / 7)
    assert found["contour"] == pytest.approx(np.polyfit(np.arange(8) / 4, MAJOR, 1)[0])
    assert attributes(melody(MAJOR[::-1]))["contour"] < 0
    triads = [(48 * i, 48, p, 80) for i, root in enumerate((0, 5, 7, 0)) for p in (60 + root, 64 + root, 67 + root)]
    minor = [(48 * i, 48, p, 80) for i, root in enumerate((0, 5, 0, 0)) for p in (57 + root, 60 + root, 64 + root)]
    assert attributes(piece(triads))["mode"] > 0 > attributes(piece(minor))["mode"]
    assert attributes(piece(triads))["notes_per_onset"] == 3
    assert attributes(piece([])) == {**dict.fromkeys(ATTRIBUTES, 0.0), "tempo_bpm": 90.0}


def test_runs_of_four_or_more_of_one_pitch_are_repeats() -> None:
    assert repeats(melody([60, 60, 60, 62])) == 0
    assert repeats(melody([60, 60, 60, 60, 62, 62, 64, 64])) == 0.5
    assert repeats(piece([])) == 0


@settings(max_examples=60, deadline=None)
@given(notes, notes)
def test_chroma_of_several_half_bars_is_their_sum_and_correlated_as_numpy_does(one, other) -> None:
    both = [half_bar_chroma(piece(rows)).reshape(4, 24)[:, :12] + half_bar_chroma(piece(rows)).reshape(4, 24)[:, 12:]
            for rows in (one, other)]  # fmt: skip
    live = [(a, b) for a, b in zip(*both, strict=True) if np.ptp(a) > 0 and np.ptp(b) > 0]
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in live]) if live else 0
    assert chroma_correlation(piece(one), piece(other), 2) == pytest.approx(expected, abs=1e-9)


def test_neighbouring_bars_of_one_chord_are_alike() -> None:
    same = piece([(96 * bar, 48, 60, 80) for bar in range(4)])
    turned = piece([(96 * bar, 48, 60 + bar, 80) for bar in range(4)])
    assert bar_similarity(same) == pytest.approx(1)
    assert bar_similarity(turned) == 0
    assert math.isnan(bar_similarity(piece([])))


def test_onsets_are_counted_by_their_place_in_the_bar() -> None:
    found = onset_histogram([melody(MAJOR, 48), melody(MAJOR, 48)])
    assert found[[0, 24]].tolist() == [0.5, 0.5]
    assert found.sum() == 1
    assert onset_histogram([]).tolist() == [0.0] * 48
    assert density(melody(MAJOR)) == 2

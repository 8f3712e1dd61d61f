from dataclasses import replace

import numpy as np
import pytest

from models.metrics.idiom import (
    CHORD_SYMBOLS,
    LONGEST,
    MELODY_SYMBOLS,
    WIDEST,
    NGram,
    chord_symbols,
    lowest_line,
    melody_symbols,
    sample_melody,
)
from models.music.notes import Piece, skyline

BARS = np.array([[bar * 96, 96, 4, 4] for bar in range(8)])
CYCLE = [60, 62, 64, 65, 67, 65, 64, 62]


def melody(pitches, step: int = 12) -> Piece:
    notes = [(index * step, step, pitch, 80) for index, pitch in enumerate(pitches)]
    return Piece(np.array(notes), BARS, np.full(8, 120.0))


def test_a_cycle_that_was_learned_costs_next_to_nothing_and_anything_else_much() -> None:
    cycle = np.tile(np.arange(5), 400)
    model = NGram.fit([cycle], symbols=50)
    assert model.bits(cycle)[3:].mean() < 0.01
    assert model.bits(cycle[::-1])[3:].mean() > 4


def test_the_chances_are_those_of_the_formula() -> None:
    model = NGram.fit([np.array([0, 1, 0, 1, 0, 2])], symbols=4, order=2)
    single = (2 + 3 * 1 / 4) / (6 + 3)  # symbol 1: twice among six, three types, below them an even share
    after_0 = (2 + 2 * single) / (3 + 2)  # after 0: 1, 1, 2
    bits = model.bits(np.array([0, 1]))
    assert bits[1] == pytest.approx(-np.log2(after_0))
    unseen = model.bits(np.array([3, 1]))  # nothing followed 3: what follows nothing
    assert unseen[1] == pytest.approx(-np.log2(single))


def test_the_chances_of_all_symbols_sum_to_one_after_any_context() -> None:
    rng = np.random.default_rng(0)
    model = NGram.fit([rng.integers(6, size=200), rng.integers(6, size=3)], symbols=6)
    for context in ([0, 1, 2], [5, 5, 5], [3], []):
        chance = [2 ** -model.bits(np.array([*context, symbol]))[-1] for symbol in range(6)]
        assert sum(chance) == pytest.approx(1)


def test_draws_are_as_frequent_as_their_chances() -> None:
    rng = np.random.default_rng(1)
    model = NGram.fit([rng.integers(3, size=60)], symbols=4, order=3)
    drawn = np.bincount([model.draw([1, 2], rng) for _ in range(4000)], minlength=4) / 4000
    chance = [2 ** -model.bits(np.array([1, 2, symbol]))[-1] for symbol in range(4)]
    assert drawn == pytest.approx(np.array(chance), abs=0.03)


def test_symbols_of_a_melody_are_interval_and_time_in_any_key() -> None:
    symbols = melody_symbols(skyline(melody([60, 64, 62, 62])))
    assert symbols.tolist() == [(4 + WIDEST) * LONGEST + 5, (-2 + WIDEST) * LONGEST + 5]
    assert melody_symbols(skyline(melody([67, 71, 69, 69]))).tolist() == symbols.tolist()
    assert len(melody_symbols(skyline(melody([60])))) == 0
    wide = melody_symbols(np.array([[0, 20], [4000, 100], [9000, 20]]))
    assert wide.tolist() == [MELODY_SYMBOLS - 1]


def test_the_lowest_line_lies_below() -> None:
    piece = replace(melody([72, 74]), notes=np.array([(0, 24, 48, 80), (0, 12, 72, 80), (12, 12, 74, 80)]))
    assert lowest_line(piece).tolist() == [[0, 48], [12, 48]]


def test_symbols_of_chords_are_movement_and_quality() -> None:
    triads = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)]
    notes = [(bar * 96, 96, 60 + tone, 80) for bar, triad in enumerate(triads) for tone in triad]
    piece = Piece(np.array(notes), BARS[:4], np.full(4, 120.0))
    found = chord_symbols(piece)
    assert found.tolist() == [5 * 3, 2 * 3, 5 * 3]
    assert chord_symbols(piece.transposed(3)).tolist() == found.tolist()
    by_beat = chord_symbols(piece, 24)
    assert len(by_beat) == 15
    assert by_beat[by_beat > 0].tolist() == found.tolist()
    assert found.max() < CHORD_SYMBOLS


def test_a_sampled_melody_is_what_was_learned_in_its_bars_and_range() -> None:
    tune = melody((CYCLE * 8)[:64])
    model = NGram.fit([melody_symbols(skyline(tune))], MELODY_SYMBOLS)
    made = sample_melody(model, tune, np.random.default_rng(0))
    line = skyline(made)
    assert line[0, 1] == 60
    assert set(line[:, 1].tolist()) <= set(range(60, 68))
    assert (np.diff(line[:, 0]) > 0).all()
    assert made.end_tick == tune.end_tick
    assert model.bits(melody_symbols(line)).mean() < 1.5
    again = sample_melody(model, tune, np.random.default_rng(0))
    assert np.array_equal(made.notes, again.notes)

"""Form where it is known: exact repetitions have the fitness that follows from its definition."""

import math
from dataclasses import replace

import numpy as np
import pytest

from models.metrics.structure import (
    chord_irregularity,
    comes_to_rest,
    ends_on_tonic,
    fitness,
    grooving_similarity,
    pitch_class_entropy,
    second_chroma,
    self_similarity,
    steps,
    structureness,
)
from models.music.notes import Piece


def scored(pitches, bars: int, step: int = 24, bpm: float = 240.0) -> Piece:
    """Even notes; at 240 quarters a minute a bar of 4/4 lasts a second."""
    notes = [(index * step, step, pitch, 80) for index, pitch in enumerate(pitches)]
    table = np.array([[bar * 96, 96, 4, 4] for bar in range(bars)])
    return Piece(np.array(notes, dtype=np.int32).reshape(-1, 4), table, np.full(bars, bpm))


def blocks(form: str, length: int) -> np.ndarray:
    """Likeness of a piece whose sections of ``length`` frames are alike where their letters are, frame by frame."""
    frames = np.array([ord(letter) * 1000 + place for letter in form for place in range(length)])
    return np.where(frames[:, None] == frames, 1.0, -2.0)


def test_fitness_of_exact_repetitions_is_that_of_the_definition() -> None:
    for form, wanted in (
        ("AA", 0.5),  # score (2M - M) / 2M, coverage (2M - M) / 2M
        ("AAAA", 0.75),
        ("AB", 0.0),
        ("ABAC", 2 * 0.5 * 0.25 / 0.75),  # score 1/2, coverage 1/4
    ):  # fmt: skip
        assert fitness(blocks(form, 6), 6)[0] == pytest.approx(wanted)


def test_a_repetition_at_half_the_speed_is_found_as_well() -> None:
    frames = np.array([*range(6), *np.repeat(np.arange(6), 2)])
    likeness = np.where(frames[:, None] == frames, 1.0, -2.0)
    found = fitness(likeness, 6)[0]
    assert found == pytest.approx(2 * 0.5 * (12 / 18) / (0.5 + 12 / 18), abs=0.05)


def test_structureness_tells_what_returns_from_what_never_does() -> None:
    rng = np.random.default_rng(0)
    section = rng.integers(48, 84, size=40).tolist()  # ten bars, ten seconds
    returning = structureness(scored(section * 2, 20))
    never = structureness(scored(rng.integers(48, 84, size=80), 20))
    assert returning["si_mid"] == pytest.approx(0.5, abs=0.03)
    assert never["si_mid"] < 0.35
    assert math.isnan(returning["si_long"])  # twenty seconds have no room for twice fifteen


def test_seconds_hold_what_sounds_in_them() -> None:
    chroma = second_chroma(scored([60, 60, 62, 62], 2))
    assert chroma.shape == (2, 12)
    assert chroma[0, [0, 2]] == pytest.approx([0.5, 0.5])
    assert chroma[1].sum() == 0
    assert self_similarity(chroma)[0, 1] < 0


def test_entropy_of_pitch_classes() -> None:
    assert pitch_class_entropy(scored([60, 72, 60, 48], 1), 1) == 0
    assert pitch_class_entropy(scored([60, 62, 64, 65], 1), 1) == pytest.approx(2)
    two = scored([60] * 4 + [62] * 4, 2)
    assert pitch_class_entropy(two, 1) == 0
    assert pitch_class_entropy(two, 4) == pytest.approx(1)  # fewer bars than asked for: all of them
    assert math.isnan(pitch_class_entropy(scored([], 2), 1))


def test_grooving_similarity_counts_places_on_which_bars_agree() -> None:
    assert grooving_similarity(scored([60] * 8, 2)) == 1
    notes = scored([60] * 8, 2).notes
    moved = notes[notes[:, 0] != 120]  # one onset of the second bar less
    assert grooving_similarity(replace(scored([60] * 8, 2), notes=moved)) == pytest.approx(47 / 48)
    assert math.isnan(grooving_similarity(scored([60], 1)))


def test_irregularity_is_the_share_of_distinct_trigrams() -> None:
    triads = {"C": (60, 64, 67), "F": (65, 69, 72), "G": (67, 71, 74)}

    def harmonised(names: str) -> Piece:
        notes = [(bar * 96, 96, pitch, 80) for bar, name in enumerate(names) for pitch in triads[name]]
        table = np.array([[bar * 96, 96, 4, 4] for bar in range(len(names))])
        return Piece(np.array(notes), table, np.full(len(names), 100.0))

    assert chord_irregularity(harmonised("CCCCCC")) == pytest.approx(1 / 4)
    assert chord_irregularity(harmonised("CFGCFG")) == pytest.approx(3 / 4)
    assert math.isnan(chord_irregularity(harmonised("CF")))


def test_steps_are_intervals_up_to_two_semitones() -> None:
    assert steps(scored([60, 62, 62, 67], 1)) == pytest.approx(2 / 3)
    assert math.isnan(steps(scored([60], 1)))


def test_the_end_is_heard_in_the_key_of_the_piece() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    assert ends_on_tonic(scored([*scale, 67, 60, 67, 72], 3))
    assert not ends_on_tonic(scored([*scale, 67, 60, 67, 64], 3))
    assert not ends_on_tonic(scored([], 1))


def test_a_piece_comes_to_rest_where_nothing_begins_in_the_second_half_of_its_last_bar() -> None:
    for last, rests in ((96, True), (144, True), (147, False), (180, False)):
        notes = np.array([[0, 12, 60, 70], [90, 12, 62, 70], [last, 12, 64, 70]], dtype=np.int32)
        bars = np.array([[96 * n, 96, 4, 4] for n in range(3)], dtype=np.int32)  # the last one is silent
        assert comes_to_rest(Piece(notes, bars, np.full(3, 100.0, dtype=np.float32))) is rests

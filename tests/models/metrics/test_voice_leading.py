"""Voice leading on chords set by hand, each fault alone, and on a chorale's plain progression."""

import numpy as np

from models.metrics.voice_leading import ends_in_cadence, is_dissonant, voice_leading
from models.music.notes import Piece

BARS = np.array([[bar * 96, 96, 4, 4] for bar in range(2)])


def chords(*beats) -> Piece:
    """Four voices, soprano first, a quarter each."""
    notes = [(beat * 24, 24, pitch, 70) for beat, chord in enumerate(beats) for pitch in chord]
    return Piece(np.array(notes, dtype=np.int32).reshape(-1, 4), BARS, np.full(2, 76.0))


TONIC, FOURTH, FIFTH = (72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55)


def test_a_correct_progression_has_no_fault() -> None:
    found = voice_leading(chords(TONIC, FOURTH, TONIC, FIFTH, TONIC))
    assert found.changes == 4
    assert (found.parallels, found.hidden, found.unprepared, found.crossings, found.dissonant) == (0, 0, 0, 0, 0)
    assert (found.beats, found.four, found.outside) == (5, 5, 0)


def test_parallel_fifths_and_octaves_are_counted_by_pair() -> None:
    fifths = voice_leading(chords((72, 64, 55, 48), (74, 65, 57, 50)))  # tenor and bass by step: a fifth twice
    assert fifths.parallels == 2  # soprano and bass move in octaves as well
    alone = voice_leading(chords((76, 64, 55, 48), (74, 65, 57, 50)))
    assert alone.parallels == 1
    repeated = voice_leading(chords((76, 64, 55, 48), (77, 64, 55, 48)))
    assert repeated.parallels == 0  # a fifth that stays is none
    contrary = voice_leading(chords((76, 64, 55, 48), (74, 65, 57, 38)))
    assert contrary.parallels == 0  # a twelfth by contrary motion


def test_a_leap_of_the_soprano_into_an_octave_with_the_bass_is_hidden() -> None:
    assert voice_leading(chords((67, 64, 59, 45), (72, 67, 64, 48))).hidden == 1
    assert voice_leading(chords((71, 64, 59, 45), (72, 67, 64, 48))).hidden == 0  # the soprano steps
    assert voice_leading(chords((67, 64, 59, 52), (72, 67, 64, 48))).hidden == 0  # the bass falls
    assert voice_leading(chords((67, 64, 59, 45), (76, 67, 64, 48))).hidden == 0  # into a tenth


def test_dissonance_is_a_second_a_seventh_or_a_tritone_in_any_octave() -> None:
    for pitches, wanted in (((60, 64, 67), False), ((60, 62), True), ((60, 71), True), ((60, 66), True),
                            ((60, 70), True), ((48, 85), True), ((60, 69), False), ((60, 65), False)):  # fmt: skip
        assert is_dissonant(np.array(sorted(pitches, reverse=True))) is wanted, pitches


def test_a_dissonance_is_unprepared_only_where_both_notes_leap() -> None:
    held = voice_leading(chords((72, 67, 64, 48), (72, 69, 65, 50)))  # C is held over D
    assert (held.dissonant, held.unprepared) == (1, 0)
    leapt = voice_leading(chords((76, 67, 64, 48), (72, 67, 64, 50)))  # C by a leap, D by a step
    assert (leapt.dissonant, leapt.unprepared) == (1, 0)
    both = voice_leading(chords((76, 67, 64, 60), (72, 67, 64, 50)))
    assert (both.dissonant, both.unprepared) == (1, 1)


def test_a_voice_that_passes_a_held_one_crosses() -> None:
    notes = [(0, 24, 67, 70), (24, 24, 60, 70), (0, 48, 64, 70), (0, 48, 57, 70), (0, 48, 48, 70)]
    crossing = voice_leading(Piece(np.array(notes), BARS, np.full(2, 76.0)))
    assert (crossing.onsets, crossing.crossings) == (1, 1)
    notes[1] = (24, 24, 65, 70)
    assert voice_leading(Piece(np.array(notes), BARS, np.full(2, 76.0))).crossings == 0


def test_voices_outside_their_range_and_beats_without_four_are_told() -> None:
    found = voice_leading(chords((90, 67, 64, 30), (60, 55)))
    assert (found.four, found.outside, found.beats) == (1, 2, 2)
    silent = voice_leading(chords())
    assert (silent.beats, silent.changes, silent.onsets) == (0, 0, 0)


def test_a_cadence_ends_on_a_root_after_a_fifth() -> None:
    for progression, wanted in (
        ((FOURTH, FIFTH, TONIC), True),
        ((TONIC, FOURTH, TONIC), True),  # plagal: a fourth as well
        ((FIFTH, TONIC, (71, 67, 64, 48)), False),  # a seventh chord at the end
        ((FIFTH, (72, 67, 60, 52)), False),  # a sixth chord
        (((72, 69, 65, 50), TONIC), False),  # the bass steps
        ((TONIC,), False),
        ((FIFTH, TONIC, TONIC), True),  # the last chord said twice
    ):  # fmt: skip
        assert ends_in_cadence(chords(*progression)) is wanted

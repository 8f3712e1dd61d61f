import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music.abc import read_abc
from models.music.abc_writer import write_abc
from models.music.midi import without_overlaps
from models.music.notes import Piece

METERS = [(4, 4), (3, 4), (6, 8), (2, 2), (9, 8), (5, 4), (3, 8)]


def piece_of(notes, bars: int = 2, meter: tuple[int, int] = (4, 4), pickup: int = 0, **more) -> Piece:
    length = 96 * meter[0] // meter[1]
    lengths = [*([pickup] if pickup else []), *([length] * bars)]
    starts = np.cumsum([0, *lengths[:-1]])
    table = np.array([(start, each, *meter) for start, each in zip(starts, lengths, strict=True)])
    return Piece(np.array(notes).reshape(-1, 4), table, np.full(len(table), 100.0), **more)


def told(piece: Piece) -> list[list[int]]:
    """Onset, duration and pitch, as a score can tell them: no overlaps of one pitch, nothing past the last bar."""
    notes = without_overlaps(piece.notes)
    notes[:, 1] = np.minimum(notes[:, 1], piece.end_tick - notes[:, 0])
    return notes[:, :3].tolist()


@st.composite
def pieces(draw) -> Piece:
    meter = draw(st.sampled_from(METERS))
    length = 96 * meter[0] // meter[1]
    bars, pickup = draw(st.integers(1, 4)), draw(st.sampled_from([0, 0, 12, length // 3]))
    grid = draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12]))
    total = bars * length + pickup
    note = st.tuples(
        st.integers(0, (total - 1) // grid).map(lambda step: step * grid),
        st.integers(1, 60 // grid + 1).map(lambda steps: steps * grid),
        st.integers(21, 108),
        st.integers(1, 127),
    )
    notes = draw(st.lists(note, min_size=1, max_size=24))
    return piece_of(notes, bars, meter, pickup)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(pieces())
def test_what_is_written_is_read_back(piece: Piece) -> None:
    back = read_abc(write_abc(piece))[0]
    assert back.notes[:, :3].tolist() == told(piece)
    assert back.bars.tolist() == piece.bars.tolist()


def test_every_key_is_spelled_so_that_it_is_read_back() -> None:
    for key in range(12):
        scale = [0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0, 1, 3, 6, 8, 10]
        for minor in (0, 9):
            piece = piece_of([(12 * i, 12, 60 + (key + minor) % 12 + step, 80) for i, step in enumerate(scale)])
            assert read_abc(write_abc(piece))[0].notes[:, :3].tolist() == told(piece)


def test_accidentals_are_written_where_key_and_bar_require_them() -> None:
    for pitches, written in (
        ([60, 61, 60, 61, 60, 72, 73, 72], "C_D CD Cc _dc"),  # C minor: once a bar and octave
        ([66, 66, 65, 65, 60, 64, 67, 72], "^FF =FF CE Gc"),  # C major: one natural is enough
        ([66, 78, 65, 77, 60, 64, 67, 72], "^F^f =F=f CE Gc"),  # right wherever an accidental holds
        ([60, 64, 66, 77, 65, 64, 62, 60], "CE ^F=f =FE DC"),
    ):
        piece = piece_of([(12 * i, 12, pitch, 80) for i, pitch in enumerate(pitches)], 1)
        text = write_abc(piece)
        assert text.splitlines()[-1] == f"{written} |]"
        assert read_abc(text)[0].notes[:, :3].tolist() == told(piece)


def test_a_note_and_its_sharp_at_once_leave_no_doubt_and_octaves_need_no_sign() -> None:
    tune = [(24 * i, 24, pitch, 80) for i, pitch in enumerate([84, 88, 91, 84])]
    octaves, clash = [(0, 24, 48, 60), (0, 24, 60, 60)], [(24, 24, 53, 60), (24, 24, 54, 60)]
    piece = piece_of([*tune, *octaves, *clash, (48, 24, 53, 60), (72, 24, 53, 60)], 1)
    text = write_abc(piece)
    assert text.splitlines()[-1] == "[C,C]2 [=F,^F,]2 =F,2 F,2 |]"
    assert read_abc(text)[0].notes[:, :3].tolist() == told(piece)


def test_a_tune_alone_has_one_voice_and_an_accompanied_one_two() -> None:
    tune = [(24 * i, 24, 72 + i, 80) for i in range(4)]
    assert "V:" not in write_abc(piece_of(tune))
    text = write_abc(piece_of([*tune, (0, 96, 48, 60), (48, 48, 52, 60)], titles=("Two\nhands",)))
    assert "T:Two hands\n" in text
    melody, accompaniment = text.split("V:1 clef=treble\n")[1].split("V:2 clef=bass\n")
    assert re.findall("[a-g]", melody) == ["c", "c", "d", "d"]
    assert accompaniment.startswith("C,4- [C,E,]4 |")


def test_the_clef_is_the_one_that_needs_fewer_ledger_lines() -> None:
    tune = [(24 * i, 24, 76 + i, 80) for i in range(4)]
    for pitches, clef in (((62, 62, 60, 40), "bass"), ((67, 69, 60, 65), "treble")):
        lower = [(24 * i, 24, pitch, 60) for i, pitch in enumerate(pitches)]
        assert f"V:2 clef={clef}\n" in write_abc(piece_of([*tune, *lower]))


def test_triplets_and_syncopations_are_written_as_scores_have_them() -> None:
    notes = [(0, 8, 60, 80), (8, 8, 62, 80), (16, 8, 64, 80), (24, 18, 65, 80), (42, 6, 67, 80), (48, 30, 69, 80)]
    line = write_abc(piece_of(notes, 1)).splitlines()[-1]
    assert line == "(3:2:3CDE F3/2G/2 A2-A/2 z3/2 |]"


def test_for_reading_a_voice_is_written_without_overlaps_and_short_rests() -> None:
    melody = [(0, 20, 72, 80), (24, 10, 74, 80), (48, 20, 76, 80)]
    chords = [(0, 80, 48, 60), (0, 40, 55, 60), (24, 20, 52, 60), (48, 6, 48, 60)]
    text = write_abc(piece_of([*melody, *chords], 1), reading=True)
    one, two = text.split("V:1 clef=treble\n")[1].split("V:2 clef=bass\n")
    assert (one, two) == ("c2 d2 e2 z2 |]\n", "[C,G,]2 E,2 C,/2z3/2 z2 |]\n")


@settings(max_examples=25, deadline=None)
@given(pieces())
def test_for_reading_every_note_begins_where_it_did(piece: Piece) -> None:
    back = read_abc(write_abc(piece, reading=True))[0]
    assert back.notes[:, [0, 2]].tolist() == [[onset, pitch] for onset, _, pitch in told(piece)]


def test_for_reading_each_hand_has_a_staff_and_what_moves_below_the_tune_a_voice() -> None:
    tune = [(0, 72, 76, 80), (72, 24, 77, 80), (0, 72, 72, 70)]
    inner, bass = [(24, 24, 67, 60), (48, 24, 69, 60)], [(0, 48, 48, 60), (48, 48, 43, 60)]
    text = write_abc(piece_of([*tune, *inner, *bass], 1), reading=True)
    assert "%%score {(1 2) | 3}" in text
    one, two, three = (text.split(f"V:{n} ")[1].splitlines()[:2] for n in (1, 2, 3))
    assert (one, two, three) == (
        ["clef=treble", "[ce]6 f2 |]"], ["clef=treble", "x2 G2 A2 x2 |]"], ["clef=bass", "C,4 G,,4 |]"],
    )  # fmt: skip


def test_for_reading_a_rest_within_a_triplet_is_seen_in_every_voice() -> None:
    tune, bass = [(0, 96, 76, 80)], [(0, 96, 48, 60)]
    inner = [(8, 8, 67, 60), (16, 8, 69, 60), (24, 24, 67, 60), (72, 12, 67, 60)]
    text = write_abc(piece_of([*tune, *inner, *bass], 1), reading=True)
    assert "%%score {(1 2) | 3}" in text
    assert text.split("V:2 ")[1].splitlines()[1] == "(3:2:3zGA G2 x2 Gx |]"


def test_for_reading_a_chorale_has_two_voices_on_each_staff() -> None:
    soprano, alto = [(0, 24, 72, 80), (24, 24, 71, 80), (48, 48, 72, 80)], [(0, 48, 67, 70), (48, 48, 67, 70)]
    tenor, bass = [(0, 24, 64, 70), (24, 24, 62, 70)], [(0, 48, 48, 70), (48, 48, 60, 70)]
    piece = replace(piece_of([*soprano, *alto, *tenor, *bass], 1), domain="chorale")
    text = write_abc(piece, reading=True)
    assert "%%score {(1 2) | (3 4)}" in text
    assert [text.split(f"V:{n} ")[1].splitlines()[1] for n in (1, 2, 3, 4)] == [
        "c2 B2 c4 |]", "G4 G4 |]", "E2 D2 x4 |]", "C,4 C4 |]",
    ]  # fmt: skip


def test_for_reading_a_low_tune_without_chords_is_in_bass_clef() -> None:
    text = write_abc(piece_of([(24 * beat, 24, 40 + beat, 80) for beat in range(4)], 1), reading=True)
    assert text.count("V:1 clef=bass") == text.count("V:") == 1


def test_a_piece_whose_tempo_and_meter_change_says_so_where_they_do() -> None:
    bars = np.array([[0, 96, 4, 4], [96, 72, 3, 4], [168, 72, 3, 4]])
    piece = Piece(np.array([[0, 24, 60, 80], [96, 24, 62, 80], [168, 24, 64, 80]]), bars, np.array([90.0, 90.4, 120.0]))
    back = read_abc(write_abc(piece))[0]
    assert back.bars.tolist() == bars.tolist()
    assert back.tempo_bpm.tolist() == [90, 90, 120]

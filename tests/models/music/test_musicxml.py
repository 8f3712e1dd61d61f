from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from music21 import converter

from models.music.abc import read_abc
from models.music.corpora import music21_corpus, read_chorale
from models.music.engraving import write_musicxml
from models.music.notes import Piece
from tests.models.music.test_abc_writer import piece_of, pieces, told

JIG = "X:1\nT:The Test Jig\nM:6/8\nL:1/8\nQ:3/8=120\nK:D\nA|dAF DFA|dAF def|gfe fed|cBA Bcd|\n"


def read_back(data: bytes):
    return converter.parseData(data, format="musicxml")


def notes_of(score) -> list[list[int]]:
    """Onset, duration and pitch in ticks, tied notes as one, of all staves."""
    rows, ringing = [], {}
    for part in score.parts:
        for each in part.flatten().notes:
            onset, length = (round(float(value) * 24) for value in (each.offset, each.duration.quarterLength))
            for note in each.notes if each.isChord else [each]:
                begun = ringing.pop((part.id, note.pitch.midi), None) or (onset, 0)
                lasting = (begun[0], begun[1] + length)
                if note.tie is not None and note.tie.type in {"start", "continue"}:
                    ringing[part.id, note.pitch.midi] = lasting
                else:
                    rows.append([*lasting, note.pitch.midi])
    assert not ringing
    return sorted(rows, key=lambda row: (row[0], row[2]))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(pieces())
def test_music21_reads_the_same_notes(piece: Piece) -> None:
    assert notes_of(read_back(write_musicxml(piece))) == told(piece)


@pytest.mark.slow
def test_a_real_chorale_survives_and_for_reading_every_note_begins_where_it_did() -> None:
    root = music21_corpus()
    assert root is not None
    piece = read_chorale(root / "bach" / "bwv10.7.mxl")
    assert notes_of(read_back(write_musicxml(piece))) == told(piece)
    read = notes_of(read_back(write_musicxml(piece, reading=True)))
    assert [[onset, pitch] for onset, _, pitch in read] == [[onset, pitch] for onset, _, pitch in told(piece)]


def test_for_reading_no_note_is_shorter_than_it_is_held() -> None:
    held = [(0, 192, 40, 80), (0, 96, 72, 80), (24, 12, 52, 80), (48, 24, 55, 80), (96, 48, 74, 80), (144, 48, 76, 80)]
    read = notes_of(read_back(write_musicxml(piece_of(held, 2), reading=True)))
    lasting = {(onset, pitch): length for onset, length, pitch in read}
    assert all(lasting[onset, pitch] >= length for onset, length, pitch, _ in held)


def test_the_composer_is_who_is_named(tmp_path) -> None:
    for field, wanted in (("C:Ada Brown\n", "Ada Brown"), ("", "Unknown")):
        tune = tmp_path / "own.abc"
        tune.write_text(f"X:1\nT:Own\n{field}M:4/4\nL:1/4\nK:C\nCDEF|GABc|\n", encoding="utf-8")
        (piece,) = read_abc(tune)
        score = read_back(write_musicxml(replace(Piece.from_json(piece.to_json()), source="upload")))
        assert score.metadata.composer == wanted
    assert read_back(write_musicxml(piece_of([(0, 24, 60, 80)], 1))).metadata.composer == "Kallos"


def test_a_jig_says_its_title_key_meter_and_dotted_beat(tmp_path) -> None:
    path = tmp_path / "jig.abc"
    path.write_text(JIG, encoding="utf-8")
    score = read_back(write_musicxml(read_abc(path)[0]))
    assert score.metadata.bestTitle == "The Test Jig"
    first = score.recurse()
    assert next(iter(first.getElementsByClass("KeySignature"))).sharps == 2
    assert next(iter(first.getElementsByClass("TimeSignature"))).ratioString == "6/8"
    mark = next(iter(first.getElementsByClass("MetronomeMark")))
    assert (mark.referent.quarterLength, mark.number) == (1.5, 120)
    assert [each.number for each in score.parts[0].getElementsByClass("Measure")] == [0, 1, 2, 3, 4]


def test_pitches_are_spelled_by_the_key() -> None:
    for pitches, sharps in (((60, 63, 67, 68, 72, 70), -3), ((64, 68, 71, 73, 76, 75), 4)):
        piece = piece_of([(16 * index, 16, pitch, 80) for index, pitch in enumerate(pitches)], 1)
        notes = list(read_back(write_musicxml(piece)).flatten().notes)
        signs = {note.pitch.accidental.alter for note in notes if note.pitch.accidental and note.pitch.accidental.alter}
        assert signs <= {np.sign(sharps)}


def test_a_short_bar_inside_stays_short() -> None:
    bars = np.array([(0, 96, 4, 4), (96, 48, 4, 4), (144, 96, 4, 4)])
    notes = np.array([(0, 96, 60, 80), (96, 36, 62, 80), (144, 96, 64, 80)])
    score = read_back(write_musicxml(Piece(notes, bars, np.full(3, 120.0))))
    assert [each.offset for each in score.parts[0].getElementsByClass("Measure")] == [0, 4, 6]
    assert [each.offset for each in score.flatten().notes] == [0, 4, 6]


def test_fifths_of_a_beat_are_a_quintuplet() -> None:
    for edges in ((0, 5, 10, 14, 19, 24), (0, 10, 19, 29, 38, 48), (0, 19, 38, 58, 77, 96), (0, 5, 14, 19, 24)):
        notes = [(begin, end - begin, 60 + index, 80) for index, (begin, end) in enumerate(pairwise(edges))]
        written = list(read_back(write_musicxml(piece_of(notes, 1))).flatten().notes)
        kinds = {
            (tuplet.numberNotesActual, tuplet.numberNotesNormal) for each in written for tuplet in each.duration.tuplets
        }
        assert kinds == {(5, 4)}
        assert sum(float(each.duration.quarterLength) for each in written) == pytest.approx(edges[-1] / 24)


def test_a_note_that_rings_out_of_a_quintuplet_is_tied() -> None:
    edges = [0, 5, 10, 14, 19]
    notes = [(begin, 5, 60 + index, 80) for index, begin in enumerate(edges[:-1])] + [(19, 29, 72, 80)]
    assert [row[2] for row in notes_of(read_back(write_musicxml(piece_of(notes, 1))))] == [60, 61, 62, 63, 72]

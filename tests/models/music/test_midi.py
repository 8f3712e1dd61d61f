from pathlib import Path

import numpy as np
import pytest
import symusic
from hypothesis import given
from hypothesis import strategies as st

from models.music.midi import bars_from_meters, read_midi, without_overlaps, write_midi
from models.music.midi_file import MidiFile, dump, parse
from models.music.notes import Piece
from models.music.performance import Performance, as_written

METERS = [(4, 4), (3, 4), (6, 8), (9, 8), (2, 2), (5, 8), (7, 16)]


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Pieces of any meters and tempi, with short first and last bars and no note over another of its pitch."""
    bars, at = [], 0
    for index in range(draw(st.integers(1, 6))):
        numerator, denominator = draw(st.sampled_from(METERS))
        full = 96 * numerator // denominator
        length = draw(st.integers(1, full)) if index == 0 else draw(st.sampled_from([full, full // 2, full + 7]))
        bars.append((at, length, numerator, denominator))
        at += length
    note = st.tuples(st.integers(0, at - 1), st.integers(1, 200), st.integers(0, 127), st.integers(1, 127))
    notes = np.array(draw(st.lists(note, min_size=1, max_size=40)), dtype=np.int32)
    tempi = draw(st.lists(st.floats(20, 300, width=32), min_size=len(bars), max_size=len(bars)))
    chords = draw(st.sampled_from([(), tuple("C:maj" if i % 2 else "N" for i in range(len(bars)))]))
    return Piece(without_overlaps(notes), np.array(bars), np.array(tempi), chords=chords)


@given(pieces(), st.booleans())
def test_what_is_on_the_grid_survives_a_round_trip(piece: Piece, voices: bool) -> None:
    back = read_midi(write_midi(piece, voices=voices))
    assert np.array_equal(back.notes, piece.notes)
    assert np.array_equal(back.bars, piece.bars)
    assert np.allclose(back.tempo_bpm, piece.tempo_bpm, rtol=1e-4)
    assert back.chords == piece.chords


@given(pieces())
def test_symusic_reads_the_same_notes_from_what_is_written(piece: Piece) -> None:
    track = symusic.Score.from_midi(write_midi(piece)).tracks[0]
    found = sorted((n.time // 20, n.duration // 20, n.pitch, n.velocity) for n in track.notes)
    assert found == sorted(map(tuple, piece.notes.tolist()))


def test_melody_and_accompaniment_may_have_a_track_each() -> None:
    notes = [(0, 96, 72, 90), (0, 48, 48, 60), (48, 24, 55, 60), (96, 96, 74, 90)]
    bars = np.array([(0, 96, 4, 4), (96, 96, 4, 4)])
    score = symusic.Score.from_midi(write_midi(Piece(np.array(notes), bars, np.array([90.0, 96.0])), voices=True))
    tracks = {track.name: [note.pitch for note in track.notes] for track in score.tracks if len(track.notes)}
    assert tracks == {"Melody": [72, 74], "Accompaniment": [48, 55]}
    assert [round(tempo.qpm) for tempo in score.tempos] == [90, 96]


def test_it_reads_the_notes_that_symusic_writes() -> None:
    score = symusic.Score(960)
    track = symusic.Track(program=24)
    rows = [(0, 960, 60, 80), (960, 480, 64, 70), (1440, 240, 67, 1)]
    for row in rows:
        track.notes.append(symusic.Note(*row))
    score.tracks.append(track)
    score.tempos.append(symusic.Tempo(0, qpm=90))
    score.time_signatures.append(symusic.TimeSignature(0, 3, 4))
    piece = read_midi(score.dumps_midi())
    assert piece.notes.tolist() == [[0, 24, 60, 80], [24, 12, 64, 70], [36, 6, 67, 1]]
    assert piece.bars.tolist() == [[0, 72, 3, 4]]
    assert piece.tempo_bpm == pytest.approx(90, rel=1e-4)


def written(midi: MidiFile) -> Piece:
    return read_midi(dump(midi))


def test_a_bar_lasts_as_long_as_the_tempo_map_says() -> None:
    midi = MidiFile(24, notes=[(0, 192, 60, 64, 0), (191, 1, 62, 64, 0)], tempi=[(0, 500_000), (48, 1_000_000)])
    piece = written(midi)
    assert piece.seconds_at([96, 192]) == pytest.approx([3.0, 7.0])


def test_a_meter_that_changes_early_leaves_a_short_bar() -> None:
    bars = bars_from_meters([(0, 1, 4), (24, 3, 4), (24 + 100, 4, 4)], 24, 240)
    assert bars.tolist() == [[0, 24, 1, 4], [24, 72, 3, 4], [96, 28, 3, 4], [124, 96, 4, 4], [220, 96, 4, 4]]


def test_doubled_notes_are_merged_and_overlapping_ones_cut() -> None:
    notes = np.array([[0, 48, 60, 50], [0, 24, 60, 90], [12, 24, 60, 40], [12, 24, 64, 40]], dtype=np.int32)
    assert without_overlaps(notes).tolist() == [[0, 12, 60, 90], [12, 24, 60, 40], [12, 24, 64, 40]]


def test_instruments_are_merged_and_drums_dropped() -> None:
    score = symusic.Score(480)
    for program, drums, pitch in ((0, False, 60), (40, False, 72), (0, True, 38)):
        track = symusic.Track(program=program, is_drum=drums)
        track.notes.append(symusic.Note(0, 480, pitch, 80))
        score.tracks.append(track)
    assert read_midi(score.dumps_midi()).notes[:, 2].tolist() == [60, 72]


def test_a_held_pedal_lengthens_a_note_to_its_release_but_not_for_ever() -> None:
    score = symusic.Score(480)
    track = symusic.Track()
    track.notes.append(symusic.Note(0, 240, 60, 80))
    track.notes.append(symusic.Note(4800, 240, 64, 80))
    for time, value in ((10, 127), (960, 0), (4800, 100), (48000, 0)):
        track.controls.append(symusic.ControlChange(time, 64, value))
    score.tracks.append(track)
    assert read_midi(score.dumps_midi()).notes[:, 1].tolist() == [48, 12 + 96]


def test_a_performance_is_quantised_to_sixteenths_and_loses_its_silent_start() -> None:
    midi = MidiFile(480, notes=[(1920 + 470, 500, 60, 50, 0), (1920 + 610, 90, 64, 60, 0)], meters=[(480, 3, 4)])
    piece = read_midi(dump(midi), performed=True)
    assert piece.performed
    assert piece.notes.tolist() == [[24, 24, 60, 50], [30, 6, 64, 60]]
    assert piece.bars.tolist() == [[0, 96, 4, 4]]


def test_a_note_without_an_end_lasts_as_long_as_its_track() -> None:
    track = b"\x00\x90\x3c\x40\x60\x80\x40\x40\x00\xff\x2f\x00"
    data = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x18MTrk" + len(track).to_bytes(4, "big") + track
    assert parse(data).notes == [(0, 96, 60, 64, 16)]


def test_a_real_performance_reads_as_symusic_reads_it(further_corpora: Path) -> None:
    for path in sorted((further_corpora / "pop1k7").rglob("*.mid"))[:20]:
        ours = sorted((on, dur, p, v) for on, dur, p, v, _ in parse(path).notes)
        theirs = sorted((n.time, n.duration, n.pitch, n.velocity) for n in symusic.Score(path).tracks[0].notes)
        assert ours == theirs
        piece = read_midi(path, performed=True)
        assert (piece.notes[:, 0] % 6 == 0).all()
        assert piece.notes[0, 0] < 96


def test_a_performance_is_written_where_it_was_played_with_its_pedal() -> None:
    notes = np.array([[0, 24, 60, 70], [0, 24, 64, 70], [24, 24, 62, 70], [96, 96, 60, 70]])
    piece = Piece(notes, np.array([[0, 96, 4, 4], [96, 96, 4, 4]]), np.array([120.0, 120.0]))
    bars_s = np.array([0.0, 2.0, 4.5])  # the second bar is slower
    onset_s, held_s = np.array([0.0, 0.03, 0.49, 2.0]), np.array([0.4, 0.4, 0.5, 2.4])
    pedal_s = np.array([[0.1, 1.9]])
    velocity = np.array([60, 61, 62, 63], dtype=np.int32)
    performance = Performance(onset_s, held_s, np.maximum(held_s, 1.0), velocity, bars_s, pedal_s)
    midi = parse(write_midi(piece, performance))
    assert midi.tempi == [(0, 500_000), (1920, 625_000)]
    ticks = {pitch: (onset, duration) for onset, duration, pitch, loud, _ in midi.notes if loud < 63}
    assert ticks == {60: (0, 384), 64: (29, 384), 62: (470, 480)}
    assert [(time, down) for _, time, down in midi.pedals] == [(96, True), (1824, False)]
    assert [loud for *_, loud, _ in sorted(midi.notes)] == [60, 61, 62, 63]
    assert read_midi(write_midi(piece, performance, voices=True)).notes[:, 2].tolist() == [60, 64, 62, 60]


def test_what_is_played_as_written_is_written_so() -> None:
    notes = np.array([[0, 24, 60, 70], [12, 24, 64, 71], [96, 96, 60, 70]])
    piece = Piece(notes, np.array([[0, 96, 4, 4], [96, 96, 4, 4]]), np.array([100.0, 90.0]))
    assert parse(write_midi(piece, as_written(piece))) == parse(write_midi(piece))


def file(*tracks: bytes, form: int = 1, division: int = 24, lengths: list[int] | None = None) -> bytes:
    """A MIDI file of tracks as they stand; ``lengths`` are what their heads say."""
    said = lengths or [len(track) for track in tracks]
    parts = [b"MTrk" + size.to_bytes(4, "big") + track for size, track in zip(said, tracks, strict=True)]
    head = b"\x00\x00\x00\x06" + b"".join(number.to_bytes(2, "big") for number in (form, len(tracks), division))
    return b"MThd" + head + b"".join(parts)


END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x3c\x40\x18\x80\x3c\x40"  # a quarter
SECOND = b"\x00\x90\x3e\x40\x18\x80\x3e\x40"


def test_what_players_take_is_read_with_a_remark() -> None:
    for data, words in (
        (file(b"\x00\xb0\x07\xff" + NOTE + SECOND + END), "above 127"),
        (file(NOTE + b"\x00\x90\x3e\xff\x18\x80\x3e\xf0" + END), "above 127"),
        (file(NOTE + SECOND + b"\x00\x90\xff\x40" + END), "such a pitch left out"),
        (file(b"\x00\xff\x58\x04\x63\x03\x18\x08" + NOTE + SECOND + END), "the meter 99/8"),
        (file(b"\x00\xff\x58\x04\x00\x02\x18\x08" + NOTE + SECOND + END), "the meter 0/4"),
        (file(b"\x00\xff\x58\x04\x04\xff\x18\x08" + NOTE + SECOND + END), "the meter 4/2^255"),
        (file(NOTE + SECOND + END)[:-2], "not as long as it says"),
        (file(NOTE + SECOND + b"\x00\x90"), "in the middle of an event"),
        (file(NOTE + SECOND + b"\x00\x90")[:-1], "not as long as it says"),
        (file(NOTE + SECOND + b"\xff\xff\xff\xff\xff"), "more than four bytes"),
        (file(NOTE + SECOND + END, lengths=[4000]), "not as long as it says"),
        (file(NOTE + SECOND + END, lengths=[0]), "not as long as it says"),
        (file(NOTE + END, SECOND + END, lengths=[7, 12]), "track 1 is not as long as it says"),
        (file(NOTE + END, SECOND + END, lengths=[999, 12]), "track 1 is not as long as it says"),
        (file(b"\x00\xf8" + NOTE + b"\x00\xfe" + SECOND + END), "on a wire"),
        (file(b"\x00\xf2\x10\x20\x00\xf3\x01\x00\xf6" + NOTE + SECOND + END), "on a wire"),
    ):
        piece = read_midi(data)
        assert piece.notes[:, 2].tolist() == [60, 62]
        assert words in piece.extra["remarks"]


def test_a_real_time_byte_ends_no_running_status() -> None:
    piece = read_midi(file(b"\x00\x90\x3c\x40\x0c\xfe\x0c\x3c\x00\x00\x3e\x40\x18\x3e\x00" + END))
    assert piece.notes[:, :3].tolist() == [[0, 24, 60], [24, 24, 62]]


def test_what_a_file_is_wrapped_in_is_passed_over() -> None:
    for data in (
        b"RIFF\x40\x00\x00\x00RMIDdata\x22\x00\x00\x00" + file(NOTE + SECOND + END),
        b"\x00\x04tune".ljust(65, b"\x00") + b"Midi" + bytes(59) + file(NOTE + SECOND + END) + bytes(40),
        file(NOTE + SECOND + END) + b"junk that somebody left",
        file(NOTE + SECOND + END) + b"\x00" * 100,
        file(NOTE + SECOND + END) + b"XFIH\x00\x00\x00\x02ab",
    ):
        piece = read_midi(data)
        assert piece.notes[:, 2].tolist() == [60, 62]
        assert piece.extra == {}


def test_tempi_and_meters_long_after_the_last_note_cost_nothing() -> None:
    late = b"\xff\xff\xff\x7f\xff\x51\x03\x07\xa1\x20\xff\xff\xff\x7f\xff\x58\x04\x03\x02\x18\x08"
    piece = read_midi(file(NOTE + SECOND + late + END, late + END))
    assert piece.bars.tolist() == [[0, 96, 4, 4]]


def test_times_in_frames_are_seconds() -> None:
    for division, ticks in ((0xE728, 1000), (0xE250, 2400), (0xE801, 24)):  # 25 × 40, 30 × 80, 24 × 1 a second
        long = bytes([0x80 | ticks >> 7, ticks & 0x7F])
        piece = read_midi(file(b"\x00\x90\x3c\x40" + long + b"\x80\x3c\x40\x00\x90\x3e\x40\x10\x80\x3e\x40" + END,
                               division=division))  # fmt: skip
        assert piece.seconds_at(piece.notes[1, 0]) == pytest.approx(1)
        assert "SMPTE" in piece.extra["remarks"]


def test_all_notes_off_ends_the_notes_of_its_channel() -> None:
    for controller in (120, 123, 124, 127):
        off = bytes([0xB0, controller, 0])
        held = b"\x00\x90\x3c\x40\x00\x91\x43\x40"
        ends = [[0, 12, 60], [0, 48, 67], [12, 12, 62]]
        after = b"\x00\x90\x3e\x40\x0c\x80\x3e\x40\x18\x81\x43\x40" + END
        assert read_midi(file(held + b"\x0c" + off + after)).notes[:, :3].tolist() == ends
        elsewhere = read_midi(
            file(held + b"\x0c\x90\x3e\x40\x0c\x80\x3e\x40\x18\x81\x43\x40" + END, b"\x0c" + off + END)
        )
        assert elsewhere.notes[:, :3].tolist() == ends


def test_all_sound_off_and_reset_let_the_pedal_go() -> None:
    for controller, length in ((120, 24), (121, 24), (123, 48)):  # 123 leaves what the pedal holds
        up = b"\x0c" + bytes([0xB0, controller, 0]) + b"\x18\xb0\x40\x00"
        piece = read_midi(file(b"\x00\xb0\x40\x7f\x00\x90\x3c\x40\x0c\x80\x3c\x40" + up + END))
        assert piece.notes[:, :3].tolist() == [[0, length, 60]]


def test_a_pedal_holds_its_channel_in_every_track() -> None:
    pedal = b"\x00\xb0\x40\x7f\x30\xb0\x40\x00" + END
    other = b"\x00\x91\x43\x40\x18\x81\x43\x40"
    assert read_midi(file(NOTE + END, pedal, other + END)).notes[:, 1].tolist() == [48, 24]


def test_patterns_of_a_file_of_type_2_follow_one_another() -> None:
    tempo = b"\x00\xff\x51\x03\x0f\x42\x40"
    piece = read_midi(file(NOTE + b"\x48\xff\x2f\x00", tempo + SECOND + b"\x48\xff\x2f\x00", form=2))
    assert piece.notes[:, [0, 2]].tolist() == [[0, 60], [96, 62]]
    assert piece.tempo_bpm.tolist() == [120, 60]

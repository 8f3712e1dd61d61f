"""Tunes of several voices, as ABC 2.1 says and players play them: each voice counts its own time."""

import pytest

from models.music.abc import read_abc
from models.music.notes import MusicError, Piece

HEAD = "X:1\nM:4/4\nL:1/4\n"


def piece(text: str) -> Piece:
    return read_abc(HEAD + text + "\n")[0]


def sounds(text: str) -> list[tuple[float, int]]:
    """Onsets in quarters and pitches."""
    return [(onset / 24, pitch) for onset, _, pitch, _ in piece(text).notes.tolist()]


def low(text: str) -> list[tuple[float, int]]:
    return [each for each in sounds(text) if each[1] < 60]


def test_a_voice_may_have_any_name() -> None:
    for names in (("S", "B"), ("1", "2"), ("2", "1"), ("Tenor1", "Bass"), ("RH clef=treble", "LH")):
        upper, lower = names
        found = piece(f"K:C\nV:{upper}\nCDEF|G4|\nV:{lower}\nC,4|G,,4|")
        assert [pitch for pitch in found.notes[:, 2] if pitch < 60] == [48, 43]
        assert found.bars[:, :2].tolist() == [[0, 96], [96, 96]]
        assert low(f"K:C\n[V:{upper}]CDEF|[V:{lower}]C,4|\n[V:{upper}]G4|[V:{lower}]G,,4|") == [(0, 48), (4, 43)]


def test_voices_that_the_header_lists_are_in_its_order_and_music_before_any_is_the_first_one_s() -> None:
    assert low("V:T\nV:B\nK:C\nCDEF|\nV:B\nC,4|") == [(0, 48)]
    assert len(piece("V:T\nV:B\nK:C\nCDEF|G4|\nV:B\nC,4|\nV:T\nc4|").bars) == 3


def test_key_length_and_meter_of_a_voice_are_its_own() -> None:
    assert low("K:C\nV:1\nV:2\nL:1/8\nK:Cm\nV:1\nCDEF|E4|\nV:2\nE,8|A,8|") == [(0, 51), (4, 56)]
    assert [pitch for _, pitch in sounds("K:D\nV:1\nF4|[K:C]F4|\nV:2\nc4|c4|")] == [66, 73, 65, 73]
    assert low("K:C\nV:1\nCDEF|GABc|cBAG|\nV:2\nM:2/4\nZ2|C,2|E,2|") == [(4, 48), (6, 52)]


def test_voices_are_joined_by_time() -> None:
    for upper, lower, expected in (
        ("CDEF|GABc|CDEF|", "Z2|C,4|", [(8, 48)]),
        ("CDEF|GABc|CDEF|", "X2|C,4|", [(8, 48)]),
        ("CDEF|GABc|", "Z|C,4|", [(4, 48)]),
        ("G|CDEF|GABc|", "z|C,4|E,4|", [(1, 48), (5, 52)]),
        ("G|CDEF|GABc|", "z C,2 E,2|G,4|", [(1, 48), (3, 52), (5, 55)]),
        ("CDEF|", "C,4|E,4|G,4|", [(0, 48), (4, 52), (8, 55)]),
        ("Z3|", "C,4|E,4|G,4|", [(0, 48), (4, 52), (8, 55)]),
        ("CDEF|GABc|cdef|", "C,4|", [(0, 48)]),
        ("|:CDEF|GABc:|", "|:C,4|E,4:|", [(0, 48), (4, 52), (8, 48), (12, 52)]),
        ("|:CDEF|GABc:|", "C,4|E,4|", [(0, 48), (4, 52), (8, 48), (12, 52)]),  # equally long: repeated with the first
        ("|:CDEF:|", "C,4|E,4|", [(0, 48), (4, 52)]),  # the repeat written out
    ):
        found = low(f"K:C\nV:1\n{upper}\nV:2\n{lower}")
        assert found == expected


def test_a_rest_of_several_bars_is_several_bars() -> None:
    assert piece("K:C\nc4|Z3|c4|").bars[:, :2].tolist() == [[96 * bar, 96] for bar in range(5)]


def test_notes_before_a_later_voice_s_bar_lines_lie_in_the_first_one_s_bars() -> None:
    found = piece("K:C\nV:1\nZ2|\nV:2\nC,4 E,4|")
    assert found.bars[:, :2].tolist() == [[0, 96], [96, 96]]
    assert found.notes[:, 0].tolist() == [0, 96]


def test_a_clef_may_say_another_octave() -> None:
    for clef, by in (
        ("clef=treble-8", -12), ("treble+8", 12), ("bass-8", -12), ("clef=bass-15", -24), ('clef="treble_8"', -12),
        ("clef=G-8", -12), ("clef=bass octave=-1", -12), ("octave=2", 24), ("treble transpose=-2", -2),
        ("clef=treble-8 octave=1", 0), ("clef=bass", 0), ("alto middle=d", 0), ('name="Bass -8" clef=treble', 0),
    ):  # fmt: skip
        expected = [(0, 60 + by), (1, 66 + by), (2, 67 + by)]
        assert sounds(f"K:D {clef}\nC ^F-|[F]G|".replace("C ^F-|[F]G|", "=C F G|")) == expected
        assert sounds(f"V:1 {clef}\nK:D\nV:1\n=C F G|") == expected
        assert sounds(f"K:D\nV:1 {clef}\n=C F G|") == expected


def test_a_clef_in_the_middle_changes_the_octave_and_not_the_key() -> None:
    assert [pitch for _, pitch in sounds("K:D treble-8\nF2 [K:clef=treble]F2|[K:C]F4|")] == [54, 66, 65]
    assert [pitch for _, pitch in sounds("K:Bb clef=bass\nB,4|")] == [58]
    assert [pitch for _, pitch in sounds("K:C treble-8\n^F4-|F4|{g}a4|")] == [54, 67, 69]


def test_percussion_is_left_out() -> None:
    for drums in (
        "V:2 clef=perc",
        "V:2 perc",
        "V:2\n%%MIDI channel 10",
        "V:2\nI:MIDI= channel 10",
        "V:2\nK:C clef=perc",
    ):
        assert sounds(f"K:C\nV:1\nCDEF|\n{drums}\nB,B,B,B,|") == [(0, 60), (1, 62), (2, 64), (3, 65)]
        with pytest.raises(MusicError, match="only percussion"):
            piece(f"K:C\n{drums}\nB,B,B,B,|")


def test_a_tempo_holds_where_it_is_written_also_on_the_second_pass() -> None:
    found = piece("Q:1/4=120\nK:C\n|:CDEF|[Q:1/4=60]GABc:|cdef|")
    assert found.tempo_bpm.tolist() == [120, 60, 120, 60, 60]
    assert piece("Q:1/4=120\nK:C\nV:1\nCDEF|GABc|\nV:2\nC,4|[Q:1/4=60]E,4|").tempo_bpm.tolist() == [120, 60]


def test_a_tempo_that_changes_within_a_bar_lets_it_last_as_long() -> None:
    assert piece("Q:1/4=120\nK:C\nCD[Q:1/4=60]EF|GABc|").seconds_at([96, 192]).tolist() == pytest.approx([3, 7])
    halves = piece("Q:1/4=120\nK:C\nCDEF|GA:|[Q:1/4=60]Bc|cdef|")
    assert halves.seconds_at([144, 240, 336]).tolist() == pytest.approx([3, 5, 8])

import pytest

from models.music.abc import read_abc
from models.music.abc_fields import chord_name, key_signature, meter, tempo_bpm
from models.music.notes import MusicError, Piece


def tune(body: str, key: str = "C", head: str = "M:4/4\nL:1/8\n") -> Piece:
    return read_abc(f"X:1\nT:Test\n{head}K:{key}\n{body}\n")[0]


def pitches(piece: Piece) -> list[int]:
    return [int(pitch) for pitch in piece.notes[:, 2]]


def rhythm(piece: Piece) -> list[tuple[int, int]]:
    return [(int(on), int(duration)) for on, duration in piece.notes[:, :2]]


def test_letters_octaves_and_lengths() -> None:
    piece = tune("C c c' C,2 E/ F// G3/2 z|")
    assert pitches(piece) == [60, 72, 84, 48, 64, 65, 67]
    assert rhythm(piece) == [(0, 12), (12, 12), (24, 12), (36, 24), (60, 6), (66, 3), (69, 18)]


def test_key_signatures() -> None:
    for key, sharps in (
        ("D", {"F": 1, "C": 1}),
        ("Gm", {"B": -1, "E": -1}),
        ("A Mixolydian", {"F": 1, "C": 1}),
        ("Ador", {"F": 1}),
        ("E Minor % comment", {"F": 1}),
        ("Bb", {"B": -1, "E": -1}),
        ("F#m", {"F": 1, "C": 1, "G": 1}),
        ("Hp", {"F": 1, "C": 1}),
        ("none", {}),
        ("D ^g", {"F": 1, "C": 1, "G": 1}),
        ("Glyd", {"F": 1, "C": 1}),
    ):
        assert key_signature(key, {}) == sharps


def test_an_accidental_lasts_to_the_bar_line_and_a_tie_carries_it_over() -> None:
    assert pitches(tune("^F F =F F|F2|")) == [66, 66, 65, 65, 65]
    tied = tune("^F4 ^F4-|F4 F4|")
    assert pitches(tied) == [66, 66, 65]
    assert rhythm(tied) == [(0, 48), (48, 96), (144, 48)]


def test_ties_hold_over_a_repeat_into_the_right_bar() -> None:
    assert rhythm(tune("|:c8-|c8:|")) == [(0, 192), (192, 192)]


def test_tuplets_and_broken_rhythm() -> None:
    assert rhythm(tune("(3abc (3a2b2c2 d2|")) == [(0, 8), (8, 8), (16, 8), (24, 16), (40, 16), (56, 16), (72, 24)]
    assert rhythm(tune("a>b c<d e>>f|")) == [(0, 18), (18, 6), (24, 6), (30, 18), (48, 21), (69, 3)]
    assert rhythm(tune("(a>b)(c<d)|")) == [(0, 18), (18, 6), (24, 6), (30, 18)]
    assert rhythm(tune("(3:2:2ab c|")) == [(0, 8), (8, 8), (16, 12)]


def test_graces_are_notes_on_the_time_of_what_they_grace() -> None:
    piece = tune("{g}a2 {ef}b z4|")
    assert pitches(piece) == [79, 81, 76, 77, 83]
    assert rhythm(piece) == [(0, 4), (4, 20), (24, 3), (27, 3), (30, 6)]


def test_chords_sound_together_and_symbols_name_the_bar() -> None:
    piece = tune('"Am"[Ace]2 "G7"z6|"slow"c8|"Bdim"d8|')
    assert rhythm(piece)[:3] == [(0, 24)] * 3
    assert piece.chords == ("A:min", "A:min", "B:dim")
    assert chord_name("F#m7/E") == "F#:min"
    assert chord_name("Allegro") is None
    assert tune("c8|").chords == ()


def test_a_pickup_is_a_short_first_bar_and_halves_of_a_bar_are_joined() -> None:
    piece = tune("AB|c8|d6:|ef|g8|a6|]")
    assert piece.bars[:, :2].tolist() == [[0, 24], [24, 96], [120, 96], [216, 96], [312, 96], [408, 96], [504, 72]]
    assert pitches(piece)[:8] == [69, 71, 72, 74, 69, 71, 72, 74]


def test_bar_lines_that_are_missing_are_put_in() -> None:
    assert tune("cdef gabc' cdef gabc'|").bars[:, :2].tolist() == [[0, 96], [96, 96]]


def test_meter_key_and_length_change_within_a_tune() -> None:
    piece = tune("C8|\nM:6/8\nK:D\nL:1/16\nF12|[M:3/4][K:C][L:1/4]F3|")
    assert piece.bars[:, 2:].tolist() == [[4, 4], [6, 8], [3, 4]]
    assert pitches(piece) == [60, 66, 65]


def test_voices_and_overlays_sound_together() -> None:
    piece = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nV:1\ncdef|g4|\nV:2\nC4|E4|\n")[0]
    assert [(int(on), int(p)) for on, p in piece.notes[:, [0, 2]]][:2] == [(0, 60), (0, 72)]
    assert len(piece.bars) == 2
    assert rhythm(tune("c8 & E4 G4|")) == [(0, 48), (0, 96), (48, 48)]


def test_tempi_are_quarters_a_minute() -> None:
    for value, bpm in (
        ("1/4=120", 120),
        ("3/8=100", 150),
        ('1/2=90 "Moderato"', 180),
        ("180", 180),
        ("1/4=80 % slow", 80),
        ("x", None),
    ):
        assert tempo_bpm(value) == bpm


def test_meters() -> None:
    assert [meter(m) for m in ("C", "C|", "6/8", "3+2/8", "none", " 9/8 % x")] == [
        (4, 4), (2, 2), (6, 8), (5, 8), None, (9, 8),
    ]  # fmt: skip
    with pytest.raises(MusicError, match="cannot be read"):
        meter("three")


def test_the_unit_is_a_sixteenth_in_small_meters() -> None:
    assert rhythm(tune("c", head="M:2/4\n")) == [(0, 6)]
    assert rhythm(tune("c", head="M:6/8\n")) == [(0, 12)]


def test_a_tempo_that_is_missing_depends_on_type_and_tune() -> None:
    reels = [read_abc(f"X:{n}\nT:Tune {n}\nR:reel\nM:C|\nL:1/8\nK:D\nd8|")[0].tempo_bpm[0] for n in range(40)]
    assert 184 <= min(reels) < 192
    assert 208 < max(reels) <= 216
    again = read_abc("X:3\nT:Tune 3\nR:reel\nM:C|\nL:1/8\nK:D\nd8|")[0]
    assert again.tempo_bpm[0] == reels[3]


def test_accents_follow_the_meter() -> None:
    velocity = tune("cdef gabc'|").notes[:, 3].tolist()
    assert velocity == [84, 64, 70, 64, 74, 64, 70, 64]
    jig = tune("c|def gab|", head="M:6/8\nL:1/8\n").notes[:, 3].tolist()
    assert jig == [64, 84, 64, 64, 74, 64, 64]


def test_several_tunes_a_file_keep_their_own_headers() -> None:
    first = "M:3/4\n\nX:7\nT:Silver Lark, A\nT:Other\nR:Waltz % x\nL:1/4\nK:G\nGAB|\n\nSome prose abc|\n\n"
    text = first + "X:8\nT:Two\nM:C\nK:C\nc8|\n"
    one, two = read_abc(text, piece_id="book")
    assert (one.titles, one.genre, one.piece_id) == (("A Silver Lark", "Other"), "waltz", "book:7")
    assert len(one.notes) == 3
    assert one.bars[0].tolist() == [0, 72, 3, 4]
    assert two.bars[0, 2:].tolist() == [4, 4]


def test_comments_lyrics_decorations_and_line_ends_are_no_music() -> None:
    plain = tune("abcd efga|")
    dressed = tune("%%MIDI program 4\n!trill!ab .c~d% abc\nw: a b c d\n (ef)\\\nHg+accent+a|\nW:and so on")
    assert pitches(dressed) == pitches(plain)


def test_latin_1_and_utf_8_are_both_text() -> None:
    for encoding in ("utf-8", "latin-1"):
        assert read_abc("X:1\nT:Ceol Rince na hÉireann\nK:D\nd2|".encode(encoding))[0].titles == (
            "Ceol Rince na hÉireann",
        )


def test_a_part_order_is_played() -> None:
    assert pitches(tune("P:A\nc8|\nP:B\nd8|", head="P:ABA\nM:4/4\nL:1/8\n")) == [72, 74, 72]


def test_words_are_never_played() -> None:
    for words in (
        "C:Trad. arr. Babcage", "A:Cabbage Bay", "S:a face", "H:a bad cafe", "Z:abc2win", "r:faded", "+:a cab", "E:bad",
        "%%begintext\na face, a cab|\n\nX:9\n%%endtext", "%%beginps\ncab\n%%endps", "%%text a face", "[r:a face a cab]",
        "w:a bad\u2028 cab", "w:a bad\x0b cab", 's:"Am" !accent! *', "[r:" + "a face " * 60 + "]", "m:~G2 = {A}G{F}G",
    ):  # fmt: skip
        assert pitches(tune(f"CDEF|\n{words}\nGABc|")) == [60, 62, 64, 65, 67, 69, 71, 72]


def test_a_repeat_sign_behind_a_letter_makes_no_field_of_it() -> None:
    assert pitches(tune("CDEF|GAB\nc:|\nc:|")) == [60, 62, 64, 65, 67, 69, 71, 72] * 2 + [72] * 2


def test_prose_below_a_tune_is_not_played() -> None:
    assert pitches(tune("CDEF|\n\nA bad cafe\nfaced a cab")) == [60, 62, 64, 65]
    with pytest.raises(MusicError, match="no notes"):
        tune("\nA bad cafe\nfaced a cab")
    assert pitches(tune("\nCDEF|")) == [60, 62, 64, 65]


def test_text_of_any_kind_is_read() -> None:
    for data in (
        "X:1\nT:Ünter\nK:C\nCDEF|\nw:a bad… face\n".encode("cp1252"),
        "\ufeffX:1\nT:Ünter\nK:C\nCDEF|\n".encode(),
        "\ufeff\ufeffX:1\nT:Ünter\nK:C\nCDEF|\n".encode(),
        "X:1\nT:Ünter\nK:C\nCDEF|\n".encode("utf-16"),
        "X:1\nT:Ünter\nK:C\nCDEF|\n".encode("utf-16-le"),
        "X:1\nT:Ünter\nK:C\nCDEF|\n".encode("utf-16-be"),
        "X:1\rT:Ünter\rK:C\rCDEF|\r".encode(),
        "X:1\r\r\nT:Ünter\r\r\nK:C\r\r\nCDEF|\r\r\n".encode(),
        "X:1\u2028T:Ünter\u2028K:C\u2028CDEF|\u2028w:a bad cab".encode(),
        "  X:1\n\tT:Ünter\n  K:C\n  CDEF|\n  w:a cab\n".encode(),
        "\u00a0X:1\n\u00a0T:Ünter\n\u00a0K:C\n\u00a0CDEF|\n".encode(),
    ):
        (piece,) = read_abc(data)
        assert pitches(piece) == [60, 62, 64, 65]
        assert piece.titles == ("Ünter",)


def test_a_second_tune_behind_a_mark_of_its_own_is_found() -> None:
    assert len(read_abc("\ufeffX:1\nK:C\nCDEF|\n\n\ufeffX:2\nK:C\nGABc|\n".encode())) == 2


def test_accidentals_of_a_key_stand_by_themselves() -> None:
    for key, altered in (
        ("D exp _b _e ^f", {"B": -1, "E": -1, "F": 1}), ("exp ^c", {"C": 1}), ("none ^f^c", {"F": 1, "C": 1}),
        ("D =c", {"F": 1, "C": 0}), ("Bb clef=bass", {"B": -1, "E": -1}), ("D middle=d", {"F": 1, "C": 1}),
        ("B♭", {"B": -1, "E": -1}), ("Am octave=-1", {}), ("D bass", {"F": 1, "C": 1}), ("Dm", {"B": -1}),
    ):  # fmt: skip
        assert key_signature(key, {}) == altered


def test_decorations_and_words_in_a_chord_are_no_notes() -> None:
    assert pitches(tune('[!accent!C!5!EG]8|["^face"CE]8|[+f+C"Am"E]8|')) == [60, 64, 67, 60, 64, 60, 64]


def test_broken_rhythm_counts_rests() -> None:
    assert rhythm(tune("z>C D>z|")) == [(18, 6), (24, 18)]
    assert rhythm(tune("x<C [CE]>z|")) == [(6, 18), (24, 18), (24, 18)]
    assert rhythm(tune("z>>C z<<D|")) == [(21, 3), (27, 21)]


def test_tuplets_of_any_form() -> None:
    for written, sum_of in (
        ("(10:8:10CDEFGABcde|", 96), ("(3::CDE|", 24), ("(3:2CDE|", 24), ("(3::2CD|", 16), ("(3:2:CDE|", 24),
        ("(5:4:5CDEFG|", 48), ("(9:8:9CDEFGABcd|", 96), ("(11:8:11CDEFGABcdef|", 96), ("(7CDEFGAB|", 24),
        ("(3 CDE|", 24), ("(3{g}C(DE)|", 24), ("(3z2CD|", 32),
    ):  # fmt: skip
        assert tune(written + "c8|").bars[0, 1] == sum_of


def test_meters_of_sums_and_words() -> None:
    for value, expected in (
        ("(2+3+2)/8", (7, 8)), ("2/4+3/4", (5, 4)), ("(2+3)/8 + 3/4", (11, 8)), ("common", (4, 4)),
        ("Cut time", (2, 2)), ("none", None), ("free", None),
        ('6/8 "jig"', (6, 8)), ("( 3 + 2 ) / 8", (5, 8)), ("2/2", (2, 2)),
    ):  # fmt: skip
        assert meter(value) == expected


def test_meters_that_are_none_are_refused() -> None:
    for value in ("3/", "/8", "2++/8", "+/8", "3+/8", "4/3", "99/8", "3/4 jig", "1/4+1/128"):
        with pytest.raises(MusicError, match="cannot be read"):
            meter(value)

from models.music.dance_types import accent, beat_ticks, clean_genre, clean_title


def test_a_title_gives_away_neither_type_nor_number() -> None:
    for written, clean in (
        ("Bonnie Kate (reel)", "Bonnie Kate"),
        ("Bonnie Kate (original version) (reel) ", "Bonnie Kate (original version)"),
        ("Maid In the Cherry Tree (reel), The", "The Maid In the Cherry Tree"),
        ("Acacia -- Reel", "Acacia"),
        ("A'WILLIE, WE HAVE MISS'D YOU -- STRATHSPEY", "A'Willie, We Have Miss'd You"),
        ("Men From Mallow, The", "The Men From Mallow"),
        ("Fig for a Kiss, A", "A Fig for a Kiss"),
        ("Rakish Paddy [2]", "Rakish Paddy"),
        ("Boil the Breakfast Early, No. 3", "Boil the Breakfast Early"),
        ("Sean \\'O D\\'iomsaigh", "Sean Ó Díomsaigh"),
        ("Miss McLeod's Reel", "Miss McLeod's Reel"),
        ("Jig", "Jig"),
        ("  ", ""),
    ):
        assert clean_title(written) == clean


def test_types_are_lower_case_without_remarks() -> None:
    for written, clean in (
        ("reel % A-B-A", "reel"),
        (" Jig ", "jig"),
        ("slipjig", "slip jig"),
        ("slide (rogha)", "slide"),
        ("", None),
        ("% x", None),
    ):
        assert clean_genre(written) == clean


def test_compound_meters_have_dotted_beats() -> None:
    assert [beat_ticks(*m) for m in ((4, 4), (6, 8), (9, 8), (2, 2), (3, 4), (5, 8))] == [24, 36, 36, 48, 24, 12]


def test_the_first_beat_is_the_strongest_and_three_four_has_no_middle() -> None:
    assert [accent(t, 3, 4) for t in (0, 12, 24, 48)] == [84, 64, 70, 70]
    assert [accent(t, 12, 8) for t in (0, 36, 72, 80)] == [84, 70, 74, 64]

import numpy as np

from models.music.abc import read_abc
from models.music.notes import Piece
from models.title.tunes import FIELDS, Tune, make_pool, note_fields, split_tunes, tunes_of

REEL = "M:4/4\nL:1/8\nK:D\nDEFG ABcd|d2cB AGFE|DEFG A2d2|cBAG F2D2|"


def piece(body: str, title: str = "The Cow", number: int = 1) -> Piece:
    return read_abc(f"X:{number}\nT:{title}\n{body}\n", f"t:{number}", "folder")[0]


def column(notes: np.ndarray, name: str) -> list[int]:
    return notes[:, FIELDS.index(name)].tolist()


def test_a_melody_is_told_by_intervals_degrees_and_places() -> None:
    notes = note_fields(piece("M:4/4\nL:1/8\nK:D\nD2E2 F2D2|D8|"))
    assert column(notes, "interval") == [-1, 14, 14, 8, 12]
    assert column(notes, "degree") == [0, 2, 4, 0, 0]
    assert column(notes, "position") == [0, 6, 12, 18, 0]
    assert column(notes, "bar") == [0, 0, 0, 0, 1]


def test_the_same_tune_in_other_note_values_and_another_key_differs_in_pitch_alone() -> None:
    eighths = note_fields(piece("M:2/2\nL:1/8\nK:D\nDEFG ABcd|d2cB AGFE|DEFG A2d2|cBAG F2D2|"))
    sixteenths = note_fields(piece("M:2/4\nL:1/16\nK:F\nFGAB cdef|f2ed cBAG|FGAB c2f2|edcB A2F2|"))
    for name in FIELDS:
        if name not in {"pitch", "key"}:
            assert column(eighths, name) == column(sixteenths, name), name
    assert column(eighths, "pitch") != column(sixteenths, "pitch")


def test_a_bar_of_twelve_eighths_is_two_of_six() -> None:
    six = note_fields(piece("M:6/8\nL:1/8\nK:D\nDEF GAB|d3 A3|BAG FED|E3 D3|"))
    twelve = note_fields(piece("M:12/8\nL:1/8\nK:D\nDEF GAB d3 A3|BAG FED E3 D3|"))
    assert column(twelve, "bar")[-1] == column(six, "bar")[-1] == 3
    for name in FIELDS:
        assert column(six, name) == column(twelve, name), name


def test_second_passes_are_left_out_even_with_another_ending() -> None:
    once = "DEFG ABcd|d2cB AGFE|DEFG A2d2|cBAG F2D2|"
    head = "M:4/4\nL:1/8\nK:D\n"
    plain, repeated = note_fields(piece(head + once)), note_fields(piece(f"{head}|:{once[:-1]}:|"))
    assert np.array_equal(plain, repeated)
    endings = note_fields(piece(f"{head}|:{once[:-11]}|1 cBAG F2E2:|2 cBAG F2D2|"))
    assert len(endings) == len(plain)


def test_a_pickup_stands_at_the_end_of_its_bar() -> None:
    assert column(note_fields(piece("M:4/4\nL:1/8\nK:D\nA2|D2E2 F2D2|A,8|")), "position")[:2] == [18, 0]


def test_chords_and_graces_leave_the_highest_voice() -> None:
    notes = note_fields(piece("M:4/4\nL:1/4\nK:C\n{d}[CE]DEF|G4|"))
    assert column(notes, "pitch") == [16, 14, 16, 17, 19]


def test_types_are_unified() -> None:
    pieces = [
        piece(f"R:{r}\n{REEL}", f"Tune {i}", i) for i, r in enumerate(["double jig", "Jig", "single jig", "reel"])
    ]
    assert [tune.genre for tune in tunes_of(pieces)] == ["jig", "jig", "jig", "reel"]


def tune(name: str, titles: tuple[str, ...], group: str, part: str | None = None) -> Tune:
    return Tune(name, "folder", titles, None, group, np.zeros((2, len(FIELDS)), np.int16), part)


def test_a_group_is_on_one_side_and_a_given_split_holds_for_all_of_it() -> None:
    tunes = [tune(f"{g}-{i}", (f"{g} {i}",), g) for g in map(str, range(300)) for i in range(2)]
    tunes.append(tune("given", ("given",), "7", "test"))
    parts = split_tunes(tunes)
    assert sum(map(len, parts.values())) == len(tunes)
    groups = [{t.group for t in found} for found in parts.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert "7" in {t.group for t in parts["test"]}
    assert 30 < len(parts["test"]) < 100
    fewer = [*tunes[:100], tunes[-1]]  # what else there is moves nothing
    names = {t.name for t in fewer}
    assert [t.name for t in split_tunes(fewer)["test"]] == [t.name for t in parts["test"] if t.name in names]


def test_any_title_of_a_tune_is_right_and_so_is_its_near_duplicate() -> None:
    pool = make_pool([
        tune("a", ("The Cow", "An Bo"), "g1"), tune("b", ("The Hen",), "g2"), tune("c", ("Cow, again",), "g1"),
        tune("d", ("the hen",), "g3"),
    ])  # fmt: skip
    assert pool.titles == ("The Cow", "An Bo", "The Hen", "Cow, again")
    assert pool.right.astype(int).tolist() == [[1, 0, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]
    assert pool.duplicates == 2
    assert pool.first_titles().tolist() == [0, 2, 3]

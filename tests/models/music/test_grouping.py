from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.music import corpora
from models.music.abc import read_abc
from models.music.grouping import group_ids, melody_bars, similarity, split, title_key, without_repeats
from models.music.notes import Piece

REEL = "A2dA BdAF|DFAF GFEF|A2dA BdAF|EFGE FDD2|d2fd gfed|cAce gece|d2fd gfed|cABc d4|"
IN_HORNPIPE_NOTATION = REEL  # the same letters with M:2/4 and L:1/16
ORNAMENTED = "A3A BdAF|DFAF GFEG|{B}A2dA Bd (3AGF|EFGE FDDE|d2fd gfed|c2ce gece|d2fd g2ed|cABc d3B|"
OTHER = "G2BG dGBG|c2ec gcec|A2cA eAcA|d2fd afdf|g2bg d'gbg|e2ge c'ege|d2fd afdf|g2G2 G4|"


def tune(body: str, head: str = "M:4/4\nL:1/8\nK:D", title: str = "", piece_id: str = "", source: str = "") -> Piece:
    return replace(read_abc(f"X:1\nT:{title}\n{head}\n{body}")[0], piece_id=piece_id or body[:9] + head, source=source)


def grouped(*pieces: Piece) -> bool:
    return len(set(group_ids(pieces))) == 1


def test_a_tune_is_found_in_another_key_notation_and_ornament() -> None:
    first = tune(REEL)
    assert grouped(first, replace(first.transposed(5), piece_id="up"))
    assert grouped(first, tune(IN_HORNPIPE_NOTATION, "M:2/4\nL:1/16\nK:D"))
    assert grouped(first, tune(ORNAMENTED))
    assert grouped(first, tune("|:" + REEL[:-1] + ":|", piece_id="with repeats"))
    assert grouped(first, tune("D|" + REEL, piece_id="with a pickup"))


def test_different_tunes_stay_apart() -> None:
    assert not grouped(tune(REEL), tune(OTHER))


def test_a_title_or_a_song_holds_pieces_together() -> None:
    assert grouped(tune(REEL, title="The Silver Spear"), tune(OTHER, title="Silver Spear, The"))
    labels = {"song": "abc", "bars": "unestimated"}
    assert grouped(replace(tune(REEL), extra=labels), replace(tune(OTHER), extra=labels))
    assert not grouped(tune(REEL, title="A Reel"), tune(OTHER, title="A Reel"))  # too short to name a tune
    assert title_key("The Peeler's Jacket") == title_key("Peelers Jacket")


def test_a_title_that_everybody_uses_holds_nothing_together() -> None:
    tonics = ["C", "D", "E", "F", "G", "A", "B"]
    many = [tune(f"{t}4 z4|" * (i + 1), title="Quick Step", piece_id=f"{t}{i}") for i, t in enumerate(tonics)]
    assert len(set(group_ids(many))) == len(many)


def test_similarity_is_symmetric_and_knows_all_keys() -> None:
    left = melody_bars(tune(REEL))[0]
    for shift in range(12):
        assert similarity(left, (left + shift) % 12) == 1.0
    other = melody_bars(tune(OTHER))[0]
    assert similarity(left, other) == similarity(other, left) < 0.35


def test_repeats_count_once() -> None:
    bars = np.arange(8 * 8, dtype=np.int32).reshape(8, 8) % 12
    assert np.array_equal(without_repeats(np.concatenate([bars, bars])), bars)


def test_jigs_and_slip_jigs_have_places_of_their_own() -> None:
    assert melody_bars(tune("def gab|" * 4, "M:6/8\nL:1/8\nK:D"))[0].shape == (4, 6)
    assert melody_bars(tune("def gab def|" * 4, "M:9/8\nL:1/8\nK:D"))[0].shape == (4, 9)
    assert melody_bars(tune("def gab def gab|" * 4, "M:12/8\nL:1/8\nK:D"))[0].shape == (8, 6)


def test_adding_a_corpus_moves_no_piece() -> None:
    shipped = [tune(f"{n}2dA BdAF|DF{n}F GFEF|", piece_id=f"{n}", source="oneills1850") for n in "ABCDEFG"]
    further = [tune(REEL, piece_id="0", source="cre"), replace(shipped[0], piece_id="00", source="cre")]
    before, after = split(shipped, seed=3), split([*further, *shipped], seed=3)
    for name, pieces in before.items():
        assert {p.piece_id for p in pieces} <= {p.piece_id for p in after[name]}


@given(st.integers(0, 1000), st.floats(0.05, 0.4))
def test_no_group_is_on_both_sides(seed: int, share: float) -> None:
    bars = np.array([[0, 96, 4, 4]])
    pieces = [Piece(np.array([[0, 1, 60, 64]]), bars, np.array([90.0]), piece_id=str(n)) for n in range(60)]
    groups = [f"group {n // 3}" for n in range(60)]
    parts = split(pieces, seed, {"test": share}, groups)
    side = {name: {groups[int(p.piece_id)] for p in part} for name, part in parts.items()}
    assert not side["train"] & side["test"]
    assert sum(map(len, parts.values())) == 60
    assert split(pieces, seed, {"test": share}, groups) == parts


def test_a_published_split_is_kept_for_the_whole_song() -> None:
    first = replace(tune(REEL), extra={"song": "x", "split": "val"})
    second = replace(tune(OTHER), extra={"song": "x"})
    assert len(split([first, second], seed=0)["validation"]) == 2


def test_oneills_tunes_that_stand_in_two_files_are_found() -> None:
    pieces = [p for path in corpora.CORPORA["oneills1850"].files() if "732-0758" in path.name for p in tunes_of(path)]
    groups = group_ids(pieces)
    numbers: dict[str, set[str]] = {}
    for piece, group in zip(pieces, groups, strict=True):
        numbers.setdefault(piece.piece_id.split(":")[1], set()).add(group)
    twice = [n for n in numbers if sum(p.piece_id.endswith(f":{n}") for p in pieces) == 2]
    assert len(twice) >= 20
    assert sum(len(numbers[n]) == 1 for n in twice) >= 0.95 * len(twice)


def tunes_of(path: object) -> list[Piece]:
    return [unread.read() for unread in corpora.CORPORA["oneills1850"].read(path)]

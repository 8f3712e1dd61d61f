import pytest

from models.music.abc import read_abc
from models.music.notes import MusicError


def played(body: str, order: str = "") -> str:
    head = f"X:1\nM:1/4\nL:1/4\n{f'P:{order}' if order else 'N:'}\nK:C\n"
    piece = read_abc(head + body)[0]
    return "".join("C_D_EF_G_A_B"[pitch % 12] for pitch in piece.notes[:, 2].tolist())


def test_repeats_are_written_out() -> None:
    for body, sounds in (
        ("C|D|", "CD"),
        ("C|D:|", "CDCD"),
        ("|:C|D:|E|", "CDCDE"),
        ("C|D:|E|F:|", "CDCDEFEF"),
        ("|:C:||:D:|", "CCDD"),
        ("C::D:|", "CCDD"),
        ("C:|:D:|", "CCDD"),
        ("|:C|1D:|2E||", "CDCE"),
        ("|:C|[1D:|[2E|]F|", "CDCEF"),
        ("|:C|1D:|2E:|", "CDCE"),
        ("C|1D|E:|2F|G||A|", "CDECFGA"),
        ("|:C|1,3D:|2E:|", "CDCECD"),
        ("|:C|1-2D:|3E||F|", "CDCDCEF"),
        ("|:C|D::E|1F:|2G|]", "CDCDEFEG"),
        ("|:C::|", "CCC"),
        ("C||D:|", "CDCD"),
        ("C|]|:D:|", "CDD"),
        ("C|:D|E|", "CDE"),
        ("C|1D:|2E|:F:|", "CDCEFF"),
        ("|: C |1 D :|2 E |]\n|: F |1 G :|2 A |]", "CDCEFGFA"),
    ):
        assert played(body) == sounds


def test_parts_are_played_in_their_order() -> None:
    for order, sounds in (("ABA", "CDC"), ("A2B", "CCD"), ("(AB)2", "CDCD"), ("A.B", "CD"), ("AX", "CD"), ("?", "CD"),
         ("((AB)2.A)2", "CDCDCCDCDC"), ("(A(B)2)2", "CDDCDD"), ("A12", "C" * 12), ("(AB", "CD"), ("AB)2", "CD")
    ):  # fmt: skip
        assert played("P:A\nC|\nP:B\nD|", order) == sounds


def test_a_repeat_within_a_part_stays_in_it() -> None:
    assert played("P:A\nC:|\nP:B\nD|", "ABA") == "CCDCC"


def test_more_parts_than_anybody_plays_are_refused() -> None:
    with pytest.raises(MusicError, match="64"):
        played("P:A\nC|\nP:B\nD|", "(ABABABAB)9")

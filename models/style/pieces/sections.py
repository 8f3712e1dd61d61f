"""The sections of a piece: how many bars it has to be divided, and which sections come again, as letters such as AABA.

Needs no torch, so that who only asks for a piece or shows one may know them.
"""

from __future__ import annotations

import string

import numpy as np

from models.music.notes import MusicError, Piece
from models.music.tokens import to_tokens
from models.style.pieces.conditions import ALIKE, likeness_of

SECTION_BARS = 8  # of a form that is asked for
FEWEST, MOST = 2, 8  # sections
MOST_HEARD = 16
RETURNS = 0.5  # share of a section's bars that are alike to those of the one that comes again


def wanted_form(text: str) -> str:
    """The form that somebody asked for, such as "aaba", in capitals; "" for none.

    Raises ``ValueError`` for anything but ``FEWEST`` to ``MOST`` letters in which each new section has the next one.
    """
    form = "".join(text.split()).upper()
    new = "".join(dict.fromkeys(form))
    if form and not (FEWEST <= len(form) <= MOST and string.ascii_uppercase.startswith(new)):
        raise ValueError(
            f"“{text.strip()[:20]}” is no form; {FEWEST} to {MOST} letters are allowed, such as AABA: the first is an "
            "A, each new section has the next letter, and a letter that comes again asks for its music again"
        )
    return form


def sounding_bars(piece: Piece) -> int:
    """Bars from the first note's to the last note's, as sections count them: a pickup belongs to none."""
    if not len(piece.notes):
        return 0
    first, last = (int(bar) for bar in np.searchsorted(piece.bars[:, 0], piece.notes[[0, -1], 0], "right"))
    return last - first + 1 - int(first == 1 and piece.has_pickup)


def heard_form(piece: Piece, bars: int) -> str:
    """The letters of a piece's sections of ``bars`` whole bars; the last one may be shorter.

    A section comes again where half of its bars are alike (``conditions.likeness_of``). Empty where there are fewer
    than two sections or more than ``MOST_HEARD``, or a piece has no tokens.
    """
    try:
        likeness = likeness_of(to_tokens(piece))[int(piece.has_pickup) :, int(piece.has_pickup) :]
    except MusicError:
        return ""
    if not bars < len(likeness) <= MOST_HEARD * bars:
        return ""
    letters: list[str] = []
    for begin in range(0, len(likeness), bars):
        length = min(bars, len(likeness) - begin)
        same = [np.diagonal(likeness[begin : begin + length, at * bars :])[:length] for at in range(len(letters))]
        again = [letter for letter, alike in zip(letters, same, strict=True) if (alike >= ALIKE).mean() >= RETURNS]
        letters.append(again[0] if again else string.ascii_uppercase[len(set(letters))])
    return "".join(letters)

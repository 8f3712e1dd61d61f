"""What the studio says where something can't be done, is lacking, or was read in one way of several."""

from __future__ import annotations

from typing import Any

from webapp.studio.pieces import OpenedPiece
from webapp.studio.uploads import BroughtPiece

MUSIC = {"pop": "pop piano", "dance": "a dance tune", "chorale": "a chorale"}
BARS = 8
DEAD = (
    "This address opens no piece: it is not whole, or the piece was deleted or is somebody else's. Nothing of yours is "
    "lost; start from another piece."
)
NO_WAY = "Choose a second piece first: the way leads from this one to it."
ONLY_LOOK = "This recipe can only be looked at: go on from the new one to change it."


def lacking(piece: OpenedPiece, old: OpenedPiece | None) -> str:
    """What of a recipe is no longer there, and what can be done; ``old``: what the piece was made from."""
    if old is None:
        return "What this was made from is no longer here, so nothing old stands beside it; go on from it as it is. "
    if not piece.mine or piece.editable:
        return ""
    return (
        "A piece that this borrows from is no longer here: give that style back or borrow it from another to change "
        "this. "
    )


def read_from(piece: BroughtPiece) -> str:
    """What a file was recognised as, as what kind of music it was read, and how much of it is here."""
    bars = len(piece.bars_s) - 1
    here = "These are its first eight whole bars"
    if bars < BARS:
        here = f"It has only {'one whole bar' if bars == 1 else f'{bars} whole bars'} of eight"
    return f"Read from {piece.read_as} as {MUSIC[piece.domain]}, whose tab was open. {here}. "


def not_offered(shown: dict[str, Any], offered: list[str]) -> str:
    """Why a new piece can't be linked to or offered as a blind pair; empty where it can."""
    piece = shown["piece"]
    if not piece:
        return (
            "There is nothing new to link to, to save or to offer as a pair yet: turn, borrow or lock something first."
        )
    if not piece["mine"] or shown["fixed"]:
        return "This is somebody else's: go on from the new one to link to it or to offer it."
    if not shown["old"]["name"].startswith("clips/"):
        return (
            "It can't be offered as a pair: pairs are made of our own clips, and this began with a file, a tune or a "
            "piece of a studio."
        )
    return "This one waits among your next pairs already." if piece["name"] in offered else ""

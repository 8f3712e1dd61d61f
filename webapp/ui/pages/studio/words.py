"""What the studio says where something can't be done, is lacking, or was read in one way of several."""

from __future__ import annotations

from typing import Any

from webapp.studio.pieces import OpenedPiece
from webapp.studio.uploads import BARS, BroughtPiece

MUSIC = {"pop": "pop piano", "dance": "a dance tune", "chorale": "a chorale"}
AS_SEEN = "This is the drawing that our picture model finds nearest to your picture, in its colours and light."
DEAD = (
    "This address opens nothing: it is incomplete, or the piece was deleted or belongs to somebody else. Nothing of "
    "yours is lost; start from another piece."
)
VARIED = 0.6  # how much variations keep where all was kept: with all of it a dance tune comes out the same each time
NO_WAY = "Choose a second piece first."
ONLY_LOOK = "You can look at this recipe but not change it. Continue from the new one to change that."


def lacking(piece: OpenedPiece, old: OpenedPiece | None) -> str:
    """What of a recipe is no longer there, and what can be done; ``old``: what the piece was made from."""
    if old is None:
        return "What this was made from is no longer here, so no old one stands beside it; continue from it as it is. "
    if not piece.mine or piece.editable:
        return ""
    return (
        "A piece that this borrows from is no longer here: remove that style or borrow it from another to change this. "
    )


def read_from(piece: BroughtPiece) -> str:
    """What a file was recognised as, as what kind of music it was read, and how much of it is here."""
    bars = len(piece.bars_s) - 1
    here = f"These are its {passage(piece)}" if piece.bars > BARS else ""
    if bars < BARS:
        here = f"It has only {'one whole bar' if bars == 1 else f'{bars} whole bars'} of eight"
    odd = f"How it was read: {piece.remarks}" if piece.remarks else ""
    told = "".join(f"{each}. " for each in (here, odd) if each)
    return f"Read from {piece.read_as} as {MUSIC[piece.domain]}. {told}"


def passage(piece: BroughtPiece) -> str:
    """Which bars of a file are read: "bars 9 to 16 of 64"."""
    return f"bars {piece.first_bar} to {piece.first_bar + len(piece.bars_s) - 2} of {piece.bars}"


def not_offered(shown: dict[str, Any], offered: list[str]) -> str:
    """Why a new piece can't be shared or compared blind; empty where it can."""
    piece = shown["piece"]
    if not piece:
        return (
            "There is nothing new to share, save or compare yet: turn a dial or borrow a style first."
            if shown["old"].get("image_url")
            else "There is nothing new to share, save or compare yet: turn a dial, borrow a style or lock something "
            "first."
        )
    if not piece["mine"] or shown["fixed"]:
        return "This is somebody else's: continue from the new one to share or compare it."
    if not shown["old"]["name"].startswith("clips/"):
        return (
            "It can't be compared blind: pairs are made of our own clips, and this began with a file, a tune or a "
            "piece of a studio."
        )
    return "This one is among your next pairs already." if piece["name"] in offered else ""

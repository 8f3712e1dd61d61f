"""The first pages of Make and Explore: a tile for each page below them, with a picture and what one does there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from webapp.context import Context
from webapp.ui.components.header import BELOW
from webapp.ui.layout import heading, page

PICTURES = Path(__file__).parents[1] / "static" / "tiles"  # drawn by ``webapp.ui.tile_pictures``


@dataclass(frozen=True)
class Tile:
    """What one does on a page, and its picture: one of ``PICTURES``, under the page's name, or shipped ``drawings``."""

    does: str
    drawings: Sequence[str] = ()


MAKE = {
    "studio": Tile("Turn the rhythm, harmony or mood of a piece, lock its melody, and have the rest composed anew."),
    "whole": Tile("Pieces of up to a minute that begin as you like it; the next one is composed while one plays."),
    "film": Tile(
        "Your film, or some pictures, with piano music whose bars begin where the shots do.",
        drawings=("v02", "v21", "v24"),
    ),
    "canvas": Tile("The other way round: pictures move with a piece, and become a film of it.", drawings=("v01",)),
    "live": Tile(
        "Music without end that follows your camera, or your finger on a map of pictures.",
        drawings=("v03", "v15", "v08", "v17", "v33", "v30", "v46", "v31"),
    ),
}
EXPLORE = {
    "maps": Tile("Thousands of clips, tunes and drawings, each near what it is like; press one and it plays."),
    "titles": Tile("What tune does a title promise, and what might a tune be called?"),
    "retrieval": Tile("How well titles and tunes find each other, and how that grew as the towers were trained."),
    "styles": Tile("Six styles of a piece: what changes, and what stays, when one is taken from another piece."),
    "tension": Tile("How much each bar surprises, and how well its past is recognised: a score without labels."),
    "rate": Tile("How much people would like a sound of yours, and what in it raised or lowered that."),
    "dreams": Tile("What the network that rates sounds hears when it starts from noise and pleases itself."),
    "agent": Tile("A composer that learns from a reward, heard blind beside what it was before."),
    "runs": Tile("Every training, while it goes on and afterwards: losses, settings and checkpoints."),
}


def make(context: Context) -> None:  # noqa: ARG001 (as every page)
    """The page at ``/make``."""
    _overview("make", "Make", "Music of your own: bent, written whole, set to pictures, steered while it sounds.", MAKE)


def explore(context: Context) -> None:  # noqa: ARG001 (as every page)
    """The page at ``/explore``."""
    _overview("explore", "Explore", "What the music, and a taste for it, are made of.", EXPLORE)


def _overview(name: str, title: str, lead: str, tiles: dict[str, Tile]) -> None:
    with page(name):
        with gr.Row(elem_classes="k-ask"):
            heading(title, lead)
        links = [_tile(key, address, label, tiles[key]) for key, address, label in BELOW[name]]
        gr.HTML(f'<ul class="kallos k-tiles">{"".join(links)}</ul>', apply_default_css=False, js_on_load=None)


def _tile(key: str, address: str, label: str, tile: Tile) -> str:
    picture = _drawings(tile.drawings) if tile.drawings else (PICTURES / f"{key}.svg").read_text(encoding="utf-8")
    return (
        f'<li><a href="{address}"><div class="k-tile-picture" aria-hidden="true">{picture}</div>'
        f"<h2>{label}</h2><p>{tile.does}</p></a></li>"
    )


def _drawings(names: Sequence[str]) -> str:
    return "".join(f'<img src="api/fits/pictures/{name}.svg" alt="" loading="lazy">' for name in names)

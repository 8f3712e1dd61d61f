"""From a point of a map into the studio, by the studio's own rule: composed clips, tunes that may be played, pictures.

A point of the map of pictures has both: a picture, and the music that it is tied to.
"""

from __future__ import annotations

import base64
import io
import uuid

from PIL import Image

from models.music.played import PLAYED
from models.picture.reading import FORMATS
from webapp.composing.sources import CLIPS, PIECES
from webapp.maps import tied
from webapp.maps.open_maps import OpenMap
from webapp.studio import pictures, tunes
from webapp.studio.studio import Studio

TUNES = "tunes"


def name_of(found: OpenMap, row: int) -> str | None:
    """What the studio calls the music of a point: ``clips/ID``, or ``tunes/COLLECTION/NAME``; None if it may not."""
    if found.drawn.points.ids[row].startswith(f"{CLIPS}/"):
        return found.drawn.points.ids[row]
    piece = found.drawn.piece(row)
    if piece.source not in PLAYED:
        return None
    return f"{TUNES}/{piece.source}/{piece.piece_id.removeprefix(f'{piece.source}/')}"


def address(studio: Studio, listener_id: uuid.UUID, name: str) -> str:
    """Where the studio starts from it; a tune is taken into the listener's studio first.

    Raises ``NotYours``, ``NotAllowed``, ``TooMany`` and ``NotReady`` as the studio does.
    """
    kind, _, rest = name.partition("/")
    if kind == TUNES:
        corpus, _, number = rest.partition("/")
        kind, _, rest = tunes.take(studio, listener_id, corpus, number).name.partition("/")
    return f"studio?piece={rest}" if kind == PIECES else f"studio?clip={rest}"


def picture_address(studio: Studio, listener_id: uuid.UUID, found: OpenMap, row: int) -> str:
    """Where the studio starts from the picture of a point, which is taken into the listener's studio first.

    Raises ``NotYours`` on a map of music, and ``NotAllowed``, ``TooMany`` and ``NotReady`` as the studio does.
    """
    png = io.BytesIO()
    Image.open(io.BytesIO(tied.picture(found, row)), formats=FORMATS).convert("RGB").save(png, "PNG")
    title = found.drawn.points.texts[row]
    piece = pictures.bring(studio, listener_id, title, base64.b64encode(png.getvalue()).decode())
    return f"studio?piece={piece.name.removeprefix(f'{PIECES}/')}"

"""What a picture and music have to do with each other, beside a map: pictures to look at, links into the other map."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from webapp.maps.open_maps import OpenMap
from webapp.maps.tied import PICTURES, TiedPoint


def picture(found: OpenMap, row: int, near: Sequence[int]) -> str:
    """The picture of a point with those of its neighbours; "" on a map of music."""
    texts = found.drawn.points.texts
    if found.kind != PICTURES or row >= len(texts):
        return ""
    own = _image(f"api/atlas/maps/{found.map_id}/points/{row}/picture", texts[row])
    links = [(str(found.map_id), each, texts[each]) for each in near]
    return f'<div class="k-picture">{own}{_strip("Pictures nearest to it", links)}</div>'


def pictures(tied: Sequence[TiedPoint]) -> str:
    """The pictures that music is tied to; each leads to its place on the map of pictures."""
    return _strip("Pictures tied to it", [(each.map_id, each.row, each.text) for each in tied])


def music(tied: Sequence[TiedPoint]) -> str:
    """Where the music that a picture is tied to lies on its own map."""
    if not tied:
        return '<p class="k-explain">The music tied to it is not on the newest map of clips.</p>'
    links = "".join(f'<li><a href="{_address(each.map_id, each.row)}">{escape(each.text)}</a></li>' for each in tied)
    return f'<h3>On the map of clips</h3><ol class="k-explain">{links}</ol>'


def clips(tied: Sequence[TiedPoint], row: int) -> list[dict[str, Any]]:
    """The music that a picture is tied to, as a list of clips shows it; ``row``: the picture's."""
    return [
        {"heading": each.text, "detail": "", "audio_url": each.audio_url, "notes_url": each.notes_url, "row": row}
        for each in tied
    ]


def _strip(title: str, links: Sequence[tuple[str, int, str]]) -> str:
    if not links:
        return ""
    images = "".join(
        f'<a href="{_address(map_id, row)}" title="{escape(text)}">'
        f"{_image(f'api/atlas/maps/{map_id}/points/{row}/picture', text)}</a>"
        for map_id, row, text in links
    )
    return f'<h3>{title}</h3><div class="k-pictures">{images}</div>'


def _image(address: str, text: str) -> str:
    return f'<img src="{address}" alt="{escape(text)}" width="96" height="96" loading="lazy">'


def _address(map_id: str, row: int) -> str:
    return f"maps?map={map_id}&amp;point={row}"

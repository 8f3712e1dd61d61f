"""Points of a map that a line was drawn around: how many, what they have more of than the others, listed and played."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.maps.open_maps import LabelShare, selection
from webapp.ui.components.clip_list import ClipList
from webapp.ui.dashboards import STILL
from webapp.ui.pages.map_point import Shown, clip_of, opened
from webapp.ui.words import percent

LISTED = 24
MOST_SHARES = 6
TO_IT = "() => document.querySelector('#map-selection h2')?.scrollIntoView({block: 'nearest'})"
NOTHING: tuple[Any, ...] = (gr.update(visible=False), "", [], "")


def panel() -> tuple[Any, ...]:
    """The panel with what it says and its list; nothing is selected at first."""
    with gr.Column(visible=False, elem_id="map-selection") as room:
        summary = gr.HTML(**STILL)
        clips = ClipList(elem_id="map-selected", all_button=True)
        shares = gr.HTML(**STILL)
    return room, summary, clips, shares


def choose(context: Context, shown: Shown, event: gr.EventData) -> list[Any]:
    """What lies within the line, or nothing where the selection has ended."""
    rows = [int(row) for row in event.rows]
    found = opened(context, shown)
    told = selection(found, rows, shown["hidden"])
    count = len(found.drawn.points)
    added = sorted({row for row in rows if count <= row < count + len(shown["added"])})
    listed = [*told.rows, *added]
    if not listed:
        return [*NOTHING, gr.skip()]
    heard = listed[:: -(-len(listed) // LISTED)]
    clips = [{**clip_of(context, shown, row), "row": row} for row in heard]
    summary, point_below = _summary(len(listed), len(heard)), gr.update(elem_classes=[])
    return [gr.update(visible=True), summary, clips, _shares(told.labels), point_below]


def follow(clips: list[dict[str, Any]], event: gr.EventData) -> Any:
    """The point that begins to sound is marked on the map."""
    return gr.update(picked=clips[event.index]["row"])


def _summary(count: int, listed: int) -> str:
    points = "1 point" if count == 1 else f"{count:,} points"
    some = f" {listed} of them, from all over the selection, are listed." if count > listed else ""
    return f'<h2>Selection</h2><p class="k-explain" role="status">{points} selected.{some}</p>'


def _shares(labels: Sequence[LabelShare]) -> str:
    """What the selection has more of than the whole map, the greatest difference first."""
    told = sorted(labels, key=lambda each: each.usual - each.share)[:MOST_SHARES]
    rows = "".join(
        f"<tr><th scope=row>{escape(each.label)}</th><td>{percent(each.share)}</td><td>{percent(each.usual)}</td></tr>"
        for each in told
    )
    return (
        '<table class="k-shares"><caption>What it has more of</caption><thead><tr><th scope=col>Label</th>'
        f"<th scope=col>Selection</th><th scope=col>Whole map</th></tr></thead>{rows}</table>"
        if told
        else ""
    )

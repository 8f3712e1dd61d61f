"""Moods on the styles page: which style carries one, and clips where one style's latents say that their mood lies."""

from __future__ import annotations

import uuid
from html import escape
from typing import Any, TypedDict
from urllib.parse import urlencode

import gradio as gr

from db.queries import offers as offer_rows
from models.mood.linear_probe import LEAST
from models.style.latents import GROUPS
from webapp.context import Context
from webapp.maps import catalogue, open_maps
from webapp.maps.open_maps import OpenMap
from webapp.research.styles import mood_clips
from webapp.runtime.errors import NotYours, Problem
from webapp.ui.choosing import DOMAINS, kinds_of_music
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.heat_map import HeatMap
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.point_map import PointMap
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, explain
from webapp.ui.pages import map_point
from webapp.ui.pages.map_report import origin
from webapp.ui.pages.style_matrices import Place, build_moods
from webapp.ui.pages.style_parts import csv_link, radio
from webapp.ui.words import capital, unbroken

MEANING = (
    "Clips of the map of clips, coloured by the mood that a judge of pop piano is sure of. Each lies where a linear "
    "probe on one style's latents reads its mood: valence to the right, arousal upwards. The probe has learned from "
    "other tunes. Where the latents tell nothing, the colours mix."
)
FIRST = "harmony"
CLIPS = "clips"  # the tab's name
NOTHING = "There is no map of clips yet."
HINT = '<p class="k-explain">Choose a point to hear it.</p>'


class Drawn(TypedDict):
    """What is shown: which map, and which of its rows are the points."""

    map_id: str
    rows: list[int]


def build_mood(
    context: Context, listener: ListenerToken, link: ViewLink, is_open: gr.State
) -> tuple[Place, tuple[Any, ...]]:
    """The matrix, and beside it in a tab of its own the clips, which are read when their tab is opened.

    Also what ``named`` fills. ``link`` keeps which clips are shown, once the page ``is_open``.
    """
    with gr.Tabs() as tabs:
        with gr.Tab("Moved and read") as matrix:
            moods = build_moods()
        with gr.Tab("Clips by what is read", id=CLIPS) as clips:
            choices = _build_clips(context, listener, clips, link, is_open)
    matrix.select(kept, is_open, link, **CHOICE)
    return moods, (tabs, *choices)


def _build_clips(
    context: Context, listener: ListenerToken, tab: gr.Tab, link: ViewLink, is_open: gr.State
) -> tuple[Any, ...]:
    explain(MEANING)
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music("dance")
        group = radio([(capital(name), name) for name in GROUPS], "Latents of", FIRST)
    told = gr.HTML(elem_id="mood-clips-told", **STILL)
    with gr.Row(visible=False, elem_classes="k-mood-clips") as room:
        points = PointMap(scale=3, min_width=320, elem_id="mood-clips")
        with gr.Column(elem_classes="k-point", min_width=300):
            player, leads = ClipList(elem_id="mood-clip"), gr.HTML(HINT, **STILL)
            accuracy = HeatMap(label="How often a mood is read rightly", elem_id="mood-accuracy")
    about = gr.HTML(elem_id="mood-clips-about", **STILL)
    wanted, drawn = gr.State(value=False), gr.State()  # the tab may be opened before it is known who listens
    tab.select(lambda: True, None, wanted, **CHOICE)
    gr.on([tab.select, domain.input, group.input], kept, [is_open, domain, group], link, **CHOICE)
    triggers = [wanted.change, listener.change, domain.input, group.input]
    outputs = [told, room, points, accuracy, player, leads, about, drawn]
    gr.on(triggers, bound(shown, context), [wanted, listener, domain, group], outputs, **CHOICE)
    points.select(bound(choose, context), drawn, [points, player, leads], **CHOICE)
    return wanted, domain, group


def kept(is_open: bool, domain: str = "", group: str = "") -> Any:  # noqa: FBT001 (an input)
    """Which clips are shown, for the page's address; a page that is not open yet has still to read it."""
    return {"clips": domain, "read": group} if is_open else gr.skip()


def named(request: gr.Request) -> list[Any]:
    """The tab of clips with those that the address names, if it does."""
    domain, group = chosen(request, "clips"), chosen(request, "read")
    if domain not in {name for _, name in DOMAINS}:
        return [gr.skip()] * 4
    return [gr.Tabs(selected=CLIPS), True, domain, group if group in GROUPS else gr.skip()]


def shown(context: Context, wanted: bool, token: str | None, domain: str, group: str) -> list[Any]:  # noqa: FBT001 (as Gradio gives it)
    """The clips of one kind of music by what one style's latents say of their mood; or why there are none."""
    if not wanted or not token:
        return [gr.skip()] * 8
    listener_id = listener_of(context, token)
    found = mood_clips.newest(context.atlas)
    try:
        clips = found and mood_clips.read_clips(found, domain)
    except NotYours as problem:
        return _without(f"{capital(str(problem))}.")
    if not found or not clips:
        return _without(NOTHING)
    if not clips.readings:
        kind = next(label for label, name in DOMAINS if name == domain).lower()
        return _without(
            f"Of the {kind} on the map of clips {len(clips.rows)} have a mood that the judge is sure of. A probe needs "
            f"{LEAST} of each half of valence and arousal; the rarest half has {clips.rarest}."
        )
    entry = catalogue.by_id(context.database, found.map_id)
    query = urlencode({"domain": domain, "group": group})
    value = {
        "points": f"/api/styles/moods/{clips.map_id}/points?{query}",
        "hidden": _waiting(context, listener_id, found, clips.rows),
        "title": f"Moods read from {group}",
        "source": origin(entry),
        "name": f"moods-{domain}-{group}",
        "axes": mood_clips.AXES,
    }
    accuracy = csv_link(f"api/styles/moods/{clips.map_id}/accuracy.csv?{urlencode({'domain': domain})}", "Accuracy")
    whole = '<a href="maps?kind=clips&amp;colour=mood">The map of clips, coloured by mood</a>'
    return [
        f'<p class="k-result" role="status">{escape(unbroken(clips.told(group)))}</p>',
        gr.update(visible=True),
        gr.update(value=value, colour="mood", picked=-1),
        clips.table(group),
        [],
        HINT,
        f'<p class="k-about"><span>{whole}</span>{accuracy}</p>',
        Drawn(map_id=clips.map_id, rows=list(clips.rows)),
    ]


def choose(context: Context, drawn: Drawn, event: gr.EventData) -> list[Any]:
    """A point was pressed: it plays, and a link leads to it on the map of clips."""
    place = int(event.row)
    if not 0 <= place < len(drawn["rows"]):
        return [gr.skip()] * 3
    row = drawn["rows"][place]
    try:
        clip = map_point.clip_of(context, {"map_id": drawn["map_id"], "added": []}, row)
        point = open_maps.point(map_point.opened(context, dict(drawn)), row)
    except Problem as problem:
        return [gr.skip(), [], f'<p class="k-explain">{escape(capital(str(problem)))}.</p>']
    address = escape(f"maps?{urlencode({'map': drawn['map_id'], 'colour': 'mood', 'point': row})}")
    labels = " · ".join(filter(None, (f"judged {point.colours['mood']}", point.colours.get("mode"), point.terms)))
    leads = f'<p class="k-explain">{escape(labels)} · <a href="{address}">Open on the map</a></p>'
    return [gr.update(picked=place), playing([clip]), leads]


def _without(why: str) -> list[Any]:
    lead = '<a href="maps?kind=clips">The map of clips</a> can be drawn again: clips composed since then join it.'
    told = f'<p class="k-explain k-wide" role="status">{escape(why)} {lead}</p>'
    return [told, gr.update(visible=False), gr.update(value=None), None, [], "", "", None]


def _waiting(context: Context, listener_id: uuid.UUID, found: OpenMap, rows: tuple[int, ...]) -> list[int]:
    """Those of the points that wait for a blind pair."""
    waiting = context.database.transaction(lambda session: offer_rows.ids_shown(session, listener_id, state="open"))
    names = {f"clips/{clip_id}" for clip_id in waiting}
    return [place for place, row in enumerate(rows) if found.drawn.points.ids[row] in names]

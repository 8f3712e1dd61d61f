"""The maps: music and pictures laid out by likeness; every point plays, and what lies together is measured."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.maps import catalogue, listener_view, open_maps
from webapp.maps.catalogue import STAGES, TITLES, DrawingJob
from webapp.maps.listener_view import PICTURES
from webapp.maps.open_maps import LabelShare, selection
from webapp.runtime import commands
from webapp.runtime.errors import NotYours
from webapp.ui import arrival
from webapp.ui.choosing import upload_button
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.entries import Entries
from webapp.ui.components.point_map import PointMap
from webapp.ui.components.score import Score
from webapp.ui.components.unfolding import Unfolding
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL, table
from webapp.ui.handlers import GO, bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, heading, heading_html, page, status
from webapp.ui.pages import map_point
from webapp.ui.pages.map_point import TASTE, Shown, as_shown
from webapp.ui.words import percent

TO_TOP = "(kind) => (scrollTo({top: 0}), kind)"  # where the progress stands
POLL_S, LONGEST_S, SOON_S = 1.0, 3600.0, 45.0
OPENS = "It opens this map at this place, in these colours, with this point."
HINT = """<p class="k-explain">Choose a point to hear it: click, tap, or search by title. Draw a line around points
  with the lasso to list and play them.</p>"""
QUALITY = ("Colour", "Alike", "by chance", "in the picture", "Silhouette", "by chance")
WIDTHS = ("104px", "72px", "92px", "120px", "96px", "92px")  # on a phone the table scrolls, and no word is broken
ALIKE = """<p class="k-explain">“Alike”: how many of a point's ten nearest in the model's own space have the same label.
  Silhouette: 1 where groups lie apart in that space, 0 where they overlap. Where the picture shows islands and these
  figures don't, believe the figures.</p>"""
ADDRESS = ("map", "kind", "colour", "x", "y", "zoom", "point")
CHOSEN = "(kind) => ({kind, at: Date.now()})"  # also the kind that is shown: its newest map
OF_CLIPS = "meter"  # the first colour of clips, which lie by it; nearly all of them are of one source
LISTED = 24  # of what a line was drawn around
MOST_SHARES = 6
TO_SELECTION = "() => document.querySelector('#map-selection h2')?.scrollIntoView({block: 'nearest'})"
NOTHING_SELECTED: tuple[Any, ...] = (gr.update(visible=False), "", [], "")


def build(context: Context) -> None:
    """The page at ``/maps``."""
    with page("maps") as listener:
        with gr.Row(elem_classes="k-ask"):
            title = heading("Maps", "Opening the map…")
            kind = gr.Radio(
                [(label, name) for name, label in TITLES.items()], label="Which map", show_label=False,
                container=False, elem_classes="k-choices", elem_id="map-kind", interactive=True,
            )  # fmt: skip
        drawing = gr.HTML(elem_id="drawing", **STILL)
        with gr.Column(visible=False, elem_classes="k-fills") as empty:
            draw = gr.Button("Draw this map", variant="primary", elem_id="draw-map")
            command = gr.HTML(**STILL)
        with gr.Column(visible=False, elem_classes="k-atlas") as room:
            with gr.Row(elem_classes="k-bar"):
                find = gr.Textbox(
                    placeholder="Search by title", label="Search by title", show_label=False,
                    elem_id="map-search", scale=1,
                )  # fmt: skip
                colour = gr.Dropdown(
                    label="Colour by", show_label=False, filterable=False, interactive=True, elem_id="map-colour"
                )
            with gr.Row(elem_classes="k-map-room"):
                points = PointMap(scale=3, min_width=320)
                with gr.Column(elem_classes="k-point", min_width=300):
                    chosen, selected = _side()
                    found_said, found, hint, panel, player, labels, to_studio, music, unfolding, *lists = chosen
                    links_title, links, near_title, near = lists
                    upload = upload_button("Place your own MIDI or ABC", elem_id="map-upload")
            score = Score()
            trust, quality, link, parquet, redraw = _below()
        shown = gr.State()
        fresh = gr.State(value=False)
        studio = gr.Textbox(visible="hidden")  # where a point is opened

        asked = gr.JSON(visible="hidden")  # what is asked for: as the address names it, or a kind that was chosen

    opening = [
        title, empty, command, room, points, colour, find, found, found_said, panel, hint, score,
        upload, quality, trust, parquet, link, shown, *selected,
    ]  # fmt: skip
    pointed = [
        points, panel, hint, player, labels, to_studio, music, links_title, links, near_title, near, unfolding, score,
        link, drawing,
    ]  # fmt: skip
    point: dict[str, Any] = {"outputs": pointed, **CHOICE}
    opens: dict[str, Any] = {
        "fn": bound(opened, context),
        "inputs": [listener, asked],
        "outputs": opening,
        "js": listener.awaited,
        **CHOICE,
    }
    beginning = arrival.fill(listener.change, bound(named, context), None, [kind, asked], []).then(**opens)
    beginning.then(bound(map_point.point_named, context), [shown, asked], **point)
    changed = kind.input(None, kind, asked, js=CHOSEN, cancels=beginning, **CHOICE).then(**opens)
    draws = gr.on([draw.click, redraw.click], bound(ask, context), kind, drawing, js=TO_TOP, **QUIET)
    for event in (beginning, changed, draws):
        event.then(
            bound(follow, context), kind, [drawing, fresh], **CHOICE
        ).then(bound(reopen, context), [listener, kind, fresh], opening, **CHOICE)  # fmt: skip
    points.select(bound(map_point.choose, context), shown, **point)
    _, _, clips, _ = selected
    lassoed = points.lasso(bound(choose_selection, context), shown, [*selected, panel], **CHOICE)
    lassoed.then(None, js=TO_SELECTION, **CHOICE)
    points.move(moved, None, link, **CHOICE)
    clips.select(follow_selection, clips, points, **CHOICE)
    for entries in (found, links, near):
        entries.select(bound(map_point.choose_entry, context), shown, **point)
    find.change(  # Gradio tells of no input after it has set a text itself
        bound(map_point.search, context),
        [shown, find],
        [points, found, found_said],
        **CHOICE,
    )
    find.submit(bound(map_point.choose_found, context), [shown, find], **point)
    colour.input(coloured, colour, [points, link], **CHOICE)
    upload.upload(
        bound(map_point.place_file, context), [listener, upload, shown], [shown, *pointed], js=listener.awaited, **QUIET
    ).then(bound(map_point.unfold, context), [listener, player], unfolding, js=listener.awaited, **QUIET)
    for button, handler in ((to_studio, map_point.open_in_studio), (music, map_point.open_music_in_studio)):
        there = button.click(bound(handler, context), [listener, shown, player], [studio, drawing], **QUIET)
        there.success(None, studio, js=GO, **QUIET)


def _side() -> tuple[Any, ...]:
    """What stands beside the map: what was found, what is told of one point, and what was selected."""
    found_said, found, hint = gr.HTML(**STILL), Entries(elem_id="map-found"), gr.HTML(HINT, **STILL)
    selected = _selection()
    with gr.Column(visible=False, elem_id="map-point") as panel:
        player, labels = ClipList(), gr.HTML(**STILL)
        to_studio = gr.Button("Open in Studio", size="sm", elem_id="open-in-studio")
        music = gr.Button("Open its music in Studio", size="sm", visible=False, elem_id="open-music-in-studio")
        unfolding = Unfolding(interactive=True)
        links_title, links = gr.HTML(**STILL), Entries(elem_id="map-links")
        near_title, near = gr.HTML(**STILL), Entries(elem_id="map-neighbours")
    chosen = (
        found_said, found, hint, panel, player, labels, to_studio, music, unfolding,
        links_title, links, near_title, near,
    )  # fmt: skip
    return chosen, selected


def _below() -> tuple[Any, ...]:
    """How far the picture can be trusted, and what can be had of the map."""
    with gr.Column(elem_classes="k-section"):
        trust = gr.HTML(**STILL)
        quality = table("map-quality", "How far to trust the map", headers=list(QUALITY), column_widths=list(WIDTHS))
        gr.HTML(ALIKE, **STILL)
        with gr.Row(elem_classes="k-bar"):
            link = ViewLink(opens=OPENS, scale=0)
            parquet = gr.HTML(**STILL)
            redraw = gr.Button("Draw it again", size="sm")
    return trust, quality, link, parquet, redraw


# which map


def named(context: Context, request: gr.Request) -> list[Any]:
    """What the address names, with the kind of its map, or of the first that there is."""
    asked = {name: chosen(request, name) for name in ADDRESS}
    linked = catalogue.by_id(context.database, _map_id(asked["map"])) if asked["map"] else None
    kinds = catalogue.overview(context.database)
    first = next((each for each in kinds if each.map), kinds[1])
    known = linked.kind if linked else asked["kind"]
    kind = next((each for each in kinds if each.kind == known), first).kind
    return [kind, asked | {"kind": kind}]


def reopen(context: Context, token: str | None, kind: str, fresh: bool) -> Any:  # noqa: FBT001 (as Gradio gives it)
    """The newest map of a kind, where a fresh one was drawn."""
    return opened(context, token, {"kind": kind}) if fresh else gr.skip()


def opened(context: Context, token: str | None, asked: Mapping[str, str]) -> list[Any]:
    """The map that is asked for by its id, or the newest of a kind."""
    kind = next(each for each in catalogue.overview(context.database) if each.kind == asked["kind"])
    found = catalogue.by_id(context.database, _map_id(asked["map"])) if asked.get("map") else kind.map
    title = heading_html("Maps", escape(kind.explained))
    if found is None:
        draw = commands.kallos(context.settings.home, "atlas", "draw", kind.kind)
        command = f'<p class="k-explain">or, on the server: <code>{escape(draw)}</code></p>'
        address = dict.fromkeys(ADDRESS, "") | {"kind": kind.kind}
        return [
            title, gr.update(visible=True), command, gr.update(visible=False), *[gr.skip()] * 12,
            address, None, *NOTHING_SELECTED,
        ]  # fmt: skip
    open_map = open_maps.opened(context.database, context.clip_store, uuid.UUID(found.map_id))
    own = asdict(listener_view.view(context.database, context.space, listener_of(context, token), open_map))
    shown: Shown = {"map_id": found.map_id, "kind": found.kind, **own}
    colours = [*found.colours, *([TASTE] if own["utility"] and own["votes"] else [])]
    colour = asked["colour"] if asked.get("colour") in colours else first_colour(kind.kind, colours)
    parquet = f'<a class="k-take" href="api/atlas/maps/{found.map_id}/parquet" download>Parquet</a>'
    address = {"map": found.map_id, "kind": "", "colour": colour, "point": asked.get("point", "")}
    return [
        title,
        gr.update(visible=False),
        gr.skip(),
        gr.update(visible=True),
        gr.update(value=as_shown(shown, found, asked), colour=colour, words="", picked=-1),
        gr.update(choices=[(f"Colour: {name}", name) for name in colours], value=colour),
        "",
        [],
        "",
        gr.update(visible=False),
        gr.update(value=HINT, visible=True),
        None,
        gr.update(visible=kind.kind != PICTURES),
        map_point.quality(found),
        map_point.trust(found),
        parquet,
        address,
        shown,
        *NOTHING_SELECTED,
    ]


def first_colour(kind: str, colours: Sequence[str]) -> str:
    """What a map is coloured by until somebody chooses."""
    return OF_CLIPS if kind == "clips" and OF_CLIPS in colours else colours[0]


def _map_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotYours(f"the address names the map {text[:40]!r}, and there is none") from error


def coloured(name: str) -> list[Any]:
    """The same map in other colours."""
    return [gr.update(colour=name), {"colour": name}]


def moved(event: gr.EventData) -> dict[str, str]:
    """Where the view is, for the address."""
    return {"x": f"{event.x:.4f}", "y": f"{event.y:.4f}", "zoom": f"{event.zoom:.3f}"}


# drawing one


def ask(context: Context, kind: str) -> str:
    """Have a map drawn."""
    return _going(catalogue.request_drawing(context.database, kind))


def follow(context: Context, kind: str) -> Iterator[list[Any]]:
    """How far a map is that is being drawn, until it is done; nothing where none is."""
    began, was_going, shown = time.monotonic(), False, ""
    while True:
        told = next(each for each in catalogue.overview(context.database) if each.kind == kind)
        job = told.job
        if job is None or not _is_going(job):
            done = was_going and job is not None and job.state == "done"
            failed = job is not None and job.state == "failed"
            nothing = "" if told.map else "This map has not been drawn yet. It takes a few minutes."
            yield [status(f"Drawing failed ({job.error}). Try again." if failed and job else nothing), done]
            return
        was_going = True
        if (now := _going(job)) != shown:
            shown = now
            yield [shown, False]
        if time.monotonic() - began > LONGEST_S:
            return
        time.sleep(POLL_S)


def _is_going(job: DrawingJob) -> bool:
    return job.state in {"waiting", "running"}


def _going(job: DrawingJob) -> str:
    """A bar, the step and the time left; read out when the step changes, not each second."""
    if not _is_going(job):
        return ""
    if job.state == "waiting":
        return status("Waiting: pieces that somebody wants to hear are composed first.")
    step = f"Step {STAGES.index(job.stage) + 1} of {len(STAGES)}: {job.stage}" if job.stage else "Beginning"
    percent = round(100 * job.share)
    told = f'<span role="status">{step}</span> · {percent} % · {time_left(job.seconds_left)}'
    return (
        f'<div class="k-drawing"><progress max="100" value="{percent}" aria-label="Drawing the map"></progress>'
        f'<p class="k-explain k-wide">{told}</p></div>'
    )


def time_left(seconds: float | None) -> str:
    """How long it still takes, no more exactly than it is known."""
    if seconds is None:
        return "working out how long it takes"
    if seconds < SOON_S:
        return "less than a minute left"
    minutes = round(seconds / 60)
    return "about a minute left" if minutes <= 1 else f"about {minutes} minutes left"


def _selection() -> tuple[Any, ...]:
    """The panel with what it says and its list; nothing is selected at first."""
    with gr.Column(visible=False, elem_id="map-selection") as room:
        summary = gr.HTML(**STILL)
        clips = ClipList(elem_id="map-selected", all_button=True)
        shares = gr.HTML(**STILL)
    return room, summary, clips, shares


def choose_selection(context: Context, shown: Shown, event: gr.EventData) -> list[Any]:
    """What lies within the line, or nothing where the selection has ended."""
    rows = [int(row) for row in event.rows]
    found = map_point.opened(context, shown)
    told = selection(found, rows, shown["hidden"])
    count = len(found.drawn.points)
    added = sorted({row for row in rows if count <= row < count + len(shown["added"])})
    listed = [*told.rows, *added]
    if not listed:
        return [*NOTHING_SELECTED, gr.skip()]
    heard = listed[:: -(-len(listed) // LISTED)]
    clips = [{**map_point.clip_of(context, shown, row), "row": row} for row in heard]
    summary, point_below = _selection_summary(len(listed), len(heard)), gr.update(elem_classes=[])
    return [gr.update(visible=True), summary, clips, _selection_shares(told.labels), point_below]


def follow_selection(clips: list[dict[str, Any]], event: gr.EventData) -> Any:
    """The point that begins to sound is marked on the map."""
    return gr.update(picked=clips[event.index]["row"])


def _selection_summary(count: int, listed: int) -> str:
    points = "1 point" if count == 1 else f"{count:,} points"
    some = f" {listed} of them, from all over the selection, are listed." if count > listed else ""
    return f'<h2>Selection</h2><p class="k-explain" role="status">{points} selected.{some}</p>'


def _selection_shares(labels: Sequence[LabelShare]) -> str:
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

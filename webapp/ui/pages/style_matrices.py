"""The tabs of the styles page with a matrix: what swaps do, what one style tells of another, which carry mood.

Below the moods are clips where one style's latents say that their mood lies.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, TypedDict, cast
from urllib.parse import urlencode

import gradio as gr

from db.queries import offers as offer_rows
from models.metrics.music_statistics import ATTRIBUTES
from models.mood.linear_probe import LEAST
from models.music.notes import Domain
from models.style.latents import GROUPS
from webapp.context import Context
from webapp.maps import catalogue, open_maps
from webapp.maps.open_maps import OpenMap
from webapp.research.styles import matrices, mood_clips, tables, walk
from webapp.research.styles.matrices import EXPLAINED, MEASURES, Matrix
from webapp.research.styles.tables import LABELS, Table
from webapp.research.styles.walk import Composed
from webapp.runtime.errors import NotAllowed, NotYours, Problem
from webapp.ui.choosing import DOMAINS, kinds_of_music
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.heat_map import HeatMap
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.point_map import PointMap
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL, copied
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, explained, status
from webapp.ui.pages import map_point
from webapp.ui.pages.style_parts import csv_link, origin, patiently, radio
from webapp.ui.waits import Wait
from webapp.ui.words import capital, sentence, unbroken

SWAPS = (
    "One style of a piece is taken from another piece, the donor. Side effects should be near 0, and as much of the "
    "piece as possible should be kept."
)
SWAPPING = "Composing two pieces, and the first with the style of the second…"
TITLES = {  # of tables, where they are taken along
    "moods": "Moods", "swaps": "Follows the donor", "drift": "Side effects", "after": "What is kept",
    **{table: title for title, table in MEASURES.values()},
}  # fmt: skip
MEANING = (
    "Clips of the map of clips, coloured by the mood that a judge of pop piano is sure of. Each lies where a linear "
    "probe on one style's latents reads its mood: valence to the right, arousal upwards. The probe has learned from "
    "other tunes. Where the latents tell nothing, the colours mix."
)
FIRST = "harmony"
CLIPS = "clips"  # the tab's name
NOTHING = "There is no map of clips yet."
HINT = '<p class="k-explain">Choose a point to hear it.</p>'


@dataclass(frozen=True)
class Place:
    """The components of a matrix: its sentence, itself, where it comes from, and what measures it where nothing has."""

    told: gr.HTML
    map: HeatMap
    about: gr.HTML
    fill: gr.Code

    def end(self) -> None:
        """Where the figures come from, at the end of the tab."""
        parts: tuple[Any, ...] = (self.about, self.fill)  # Gradio's render has no types
        for part in parts:
            part.render()

    @property
    def outputs(self) -> tuple[Any, ...]:
        """What a handler fills with ``shown``."""
        return self.told, self.map, self.about, self.fill


def _place(name: str, label: str) -> Place:
    """The sentence and the matrix stand here; what tells where they come from waits for ``end``."""
    return Place(
        gr.HTML(elem_id=f"{name}-told", **STILL), HeatMap(label=label, elem_id=f"{name}-matrix"),
        gr.HTML(elem_id=f"{name}-about", render=False, **STILL),
        copied(visible=False, elem_id=f"{name}-fill", render=False),
    )  # fmt: skip


def build_swaps(context: Context, listener: ListenerToken) -> Place:
    """What swaps do, and one to hear."""
    place = _place("swaps", "What swaps do")
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music("pop")
        another = gr.Button("Another pair of pieces", size="sm", interactive=False)
    wait = Wait(elem_id="swap-said")
    clips = ClipList(together=True, elem_id="swap-clips")
    pressed, seed = gr.State(), gr.State(0)
    pressing = place.map.select(press, place.map, pressed, **CHOICE)
    drawing = another.click(lambda number: number + 1, seed, seed, **QUIET)
    changing = domain.input(a_cell, pressed, **CHOICE)
    for trigger in (pressing.then, drawing.then, changing.success):
        wait.on(
            trigger, SWAPPING, bound(hear, context), [listener, pressed, domain, seed], [wait.told, clips, another],
            **CHOICE,
        )  # fmt: skip
    place.end()
    return place


def build_leakage(context: Context) -> None:
    """What one style tells of another, by the measure that is chosen."""
    measure = radio([(title, name) for name, (title, _) in MEASURES.items()], "Measure", "canonical")
    place = _place("leakage", "What one style tells of another")
    # when the page opens too, so that the measure that was chosen last is the one that is shown
    gr.on(None, bound(choose_measure, context), measure, place.outputs, **CHOICE)
    place.end()


def build_moods() -> Place:
    """Which style carries a mood."""
    place = _place("moods", "Which style carries a mood")
    place.end()
    return place


def measured(context: Context) -> dict[str, Table]:
    """The tables of the model that plays, by name."""
    try:
        found = tables.all_tables(context.style_folder, context.settings.runs_folder)
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was measured can't be read: {error}") from error
    return {table.name: table for table in found}


def choose_measure(context: Context, measure: str) -> list[Any]:
    """The leakage matrix by another measure."""
    return shown_leakage(measured(context), measure)


def shown_swaps(found: Mapping[str, Table]) -> list[Any]:
    """Updates of the matrix of swaps."""
    return _shown(matrices.swaps(found), SWAPS)


def shown_leakage(found: Mapping[str, Table], measure: str) -> list[Any]:
    """Updates of the leakage matrix."""
    return _shown(matrices.leakage(found, measure), EXPLAINED[measure])


def shown_moods(found: Mapping[str, Table]) -> list[Any]:
    """Updates of the matrix of moods."""
    return _shown(matrices.moods(found["moods"]), matrices.MOODS_EXPLAINED)


def _shown(matrix: Matrix, how: str) -> list[Any]:
    first = matrix.tables[0]
    if not first.about:
        nothing = "<p>Nothing has been measured of this model yet. This command measures it:</p>"
        return [nothing, gr.update(visible=False), "", gr.update(value=first.fill, visible=True)]
    links = " ".join(csv_link(f"api/styles/tables/{each.name}.csv", TITLES[each.name]) for each in matrix.tables)
    stale = (
        "" if first.current else " <strong>These are other weights than those that play; this measures those:</strong>"
    )
    return [
        f'<p class="k-result">{escape(unbroken(capital(matrix.told)))}</p>{explained(escape(how))}',
        gr.update(value=matrix.value, visible=True),
        f'<p class="k-about"><span>{escape(origin(first.about))}{stale}</span>{links}</p>',
        gr.update(value=first.fill, visible=not first.current),
    ]


def press(value: Mapping[str, Any], event: gr.EventData) -> dict[str, str]:
    """The styles of the cell that was pressed: which is swapped, and which it tells of."""
    column = value["columns"][event.column]
    row = value["rows"][event.row]["name"]
    return {"group": row, "other": column if column in ATTRIBUTES.values() else row}


def a_cell(pressed: Mapping[str, str] | None) -> None:
    """Raises what nobody sees where no cell was pressed: there is no swap to compose in another kind of music."""
    if not pressed:
        raise gr.Error("no cell was pressed", visible=False, print_exception=False)


def hear(
    context: Context, token: str | None, pressed: Mapping[str, str], domain: str, seed: int
) -> tuple[str, Any, dict[str, Any]]:
    """Compose the swap of a cell and play it."""
    listener_of(context, token)
    swap_request = walk.SwapRequest(pressed["group"], cast("Domain", domain), seed)
    made = patiently(lambda: walk.swap(context.studio, swap_request))
    return _compared(made, pressed), playing(_clips(swap_request, made)), gr.update(interactive=True)


def _attribute(style: str) -> str:
    return next(name for name, group in ATTRIBUTES.items() if group == style)


def _compared(made: Mapping[str, Composed], pressed: Mapping[str, str]) -> str:
    """What became of the style that is swapped, and of the one that the pressed cell tells of."""
    values = {part: each.to_json()["attributes"] for part, each in made.items()}
    told = []
    for style in dict.fromkeys((pressed["group"], pressed["other"])):
        name = _attribute(style)
        piece, donor, swapped = (f"{values[part][name]:.4g}" for part in walk.PARTS)
        told.append(f"{capital(LABELS[name])}: {piece} before, {swapped} after; the donor has {donor}.")
    return status(" ".join(told))


def _clips(swap_request: walk.SwapRequest, made: Mapping[str, Composed]) -> list[dict[str, Any]]:
    """The result first, since it is the one that sounds at once."""
    name = _attribute(swap_request.group)
    headings = {
        "swapped": f"With the donor's {swap_request.group}",
        "piece": "The piece as it was",
        "donor": f"The donor of the {swap_request.group}",
    }
    query = urlencode(vars(swap_request))
    clips = []
    for part, heading in headings.items():
        told = made[part].to_json()
        clips.append({
            "heading": heading,
            "detail": f"{LABELS[name]} {told['attributes'][name]:.4g}",
            "seconds": told["seconds"],
            "bars_s": told["bars_s"],
            "audio_url": f"/api/styles/swap/{part}/flac?{query}",
            "notes_url": f"/api/styles/swap/{part}/notes?{query}",
        })  # fmt: skip
    return clips


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
        return _without(sentence(problem))
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
        "source": map_point.origin(entry),
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
        return [gr.skip(), [], f'<p class="k-explain">{escape(sentence(problem))}</p>']
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

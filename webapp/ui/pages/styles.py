"""The styles page for researchers, in tabs: styles to hear, swaps, what leaks, moods, and how it was learned.

Styles are heard in a walk along one of them: where it begins, five steps that play, and what moved in their notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, cast
from urllib.parse import urlencode

import gradio as gr

from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import Domain
from models.style.latents import CODE_LEVELS
from webapp.context import Context
from webapp.learning.playable_clips import music_of
from webapp.listeners import accounts
from webapp.research.styles import walk
from webapp.research.styles.tables import LABELS
from webapp.research.styles.walk import CODE_WALKS, WALKS, Step
from webapp.runtime import commands
from webapp.runtime.errors import NotAllowed
from webapp.ui.choosing import Choosing, kinds_of_music, name_of
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.heat_map import HeatMap
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL, Chart, copied
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, heading, page, status
from webapp.ui.pages.style_matrices import (
    build_leakage,
    build_mood,
    build_swaps,
    measured,
    named,
    shown_moods,
    shown_swaps,
)
from webapp.ui.pages.style_parts import build_codes, build_training, csv_link, patiently, radio, shown
from webapp.ui.waits import Wait, cancel

WALK = (
    "One clip in five steps, a standard deviation (SD) of real clips apart in one style; the rest stays. A code goes "
    "through its five values."
)
GUIDANCE = (
    "Guidance says how strictly a new clip goes by its kind of music, key and codes: 1 as learned, 0 not at all, 4 the "
    "most. What is far from 1 is further from real music. A walk along a style that begins with a clip draws nothing "
    "new, so guidance has no part in it."
)
MOVED = "What moved: the attributes of each step, measured in its notes"
NAMED = {"pop": "pop piano clip", "dance": "dance tune", "chorale": "chorale"}
FIRST_KIND = "pop"
OPENS = "It opens this page as you see it now. Clips of your own open for nobody else."
SEED = 2**53 - 1
MOST_GUIDANCE = 4.0
WALKING = "Composing five steps…"
LEAD = "How far each style can be changed alone, what else moves with it, and how that sounds."
TABS = ("listen", "swaps", "leakage", "mood", "training")


def build_walk(context: Context, listener: ListenerToken, link: ViewLink) -> None:
    """Where a walk begins, its steps, and what moved; ``link`` keeps which walk it is."""
    explain(WALK)
    group = radio(_walks(), "Style", WALKS[0])
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music(FIRST_KIND)
        seed = gr.Number(0, label="Clip number", precision=0, minimum=0, maximum=SEED, elem_id="walk-seed")
        guidance = gr.Number(1, label="Guidance", minimum=0, maximum=MOST_GUIDANCE, step=0.5, elem_id="walk-guidance")
        another = gr.Button("Another clip", size="sm")
        choose = gr.Button("Choose a clip…", size="sm", elem_id="walk-choose")
        compose = gr.Button("Compose five steps", variant="primary", elem_id="walk-compose")
    with gr.Column(visible=False, elem_classes="k-picking", elem_id="walk-picking") as picking:
        gr.HTML("<h2>Begin with…</h2>", **STILL)
        pieces = Choosing(context, listener, "Begin", finder=True)
    wait = Wait(elem_id="walk-said")
    command = commands.evaluation("evaluate.relations", context.style_folder)
    fill = copied(command, visible=False, elem_id="walk-fill")
    steps = ClipList(together=True, columns=True, elem_id="walk-steps")
    with gr.Row(elem_classes="k-bar", visible=False) as foot:
        about = gr.HTML(elem_id="walk-about", **STILL)
    with gr.Accordion("What moved, and what guidance does", open=False):
        moved = HeatMap(label=MOVED, visible=False, elem_id="walk-moved")
        explain(GUIDANCE)
    source, showing = gr.State(""), gr.State(value=False)
    options = [group, domain, seed, guidance, source]
    begins, walked = [listener, *options], [wait.told, steps, moved, about, foot, link]
    opening = listener.change(bound(opened_walk, context), listener, [*options, compose, fill], **QUIET)
    wait.on(opening.then, WALKING, bound(first_walk, context), begins, walked)
    drawn = another.click(cancel, **QUIET).then(draw_another, seed, [seed, source], **QUIET)
    walking = bound(walk_along, context)
    for trigger in (compose.click(cancel, **QUIET).then, drawn.then):
        wait.on(trigger, WALKING, walking, begins, walked)
    gr.on([domain.input, seed.input], lambda: ("", ""), None, [source, wait.told], **CHOICE)
    gr.on([group.input, source.change], bound(guided, context), [group, source], guidance, **CHOICE)
    pieces.filled_after(choose.click(toggle, [showing, domain], [showing, picking, pieces.domain], **QUIET))
    begun = pieces.chosen(
        bound(begin_with, context),
        [listener, pieces.clips, pieces.domain],
        [source, domain, showing, picking],
        **CHOICE,
    )
    wait.on(begun.then, WALKING, walking, begins, walked, **CHOICE)


def _walks() -> list[tuple[str, str]]:
    return [(name.capitalize().replace("_", " "), name) for name in WALKS]


def opened_walk(context: Context, token: str | None, request: gr.Request) -> list[Any]:
    """The walk that the address names; without one, where the next begins.

    What the address doesn't name stays as it is: on a slow line somebody may have set it before this arrives.
    """
    groups = _groups(context)
    if not groups:
        return [*[gr.skip()] * 5, gr.update(interactive=False), gr.update(visible=True)]
    named = chosen(request, "style")
    domain = chosen(request, "domain")
    own = music_of(accounts.account(context.database, listener_of(context, token)).domain)
    seed, guidance = chosen(request, "seed"), chosen(request, "guidance")
    return [
        _style(groups, named),
        domain if domain in NAMED else own if own != FIRST_KIND else gr.skip(),
        int(seed) if seed.isdigit() and int(seed) <= SEED else gr.skip(),
        float(guidance) if guidance.replace(".", "", 1).isdigit() else gr.skip(),
        chosen(request, "source") or gr.skip(),
        gr.update(interactive=True),
        gr.update(visible=False),
    ]


def _style(groups: Sequence[str], named: str) -> Any:
    known = [each for each in _walks() if each[1] in groups]
    if named in groups:
        return gr.update(choices=known, value=named)
    return gr.skip() if known == _walks() else gr.update(choices=known, value=groups[0])


def first_walk(context: Context, token: str | None, request: gr.Request, *options: Any) -> list[Any]:
    """The walk that the address names, or the first that there is, so that there is something to hear at once."""
    *shown, link = walk_along(context, token, *options)
    return [*shown, link if chosen(request, "style") else gr.skip()]


def walk_along(context: Context, token: str | None, *given: Any) -> list[Any]:
    """Compose the five steps, patiently where the composer isn't ready; nothing where no style is chosen.

    ``given``: style, kind of music, seed, guidance and source, as the page has them.
    """
    group, domain, seed, guidance, source = given
    if not _groups(context):
        return ["<p>No directions are saved for this model yet. This command makes them:</p>", *[gr.skip()] * 5]
    if group is None:
        return ["", *[gr.skip()] * 5]
    request = walk.WalkRequest(
        group, cast("Domain", domain), int(seed or 0), source, 1.0 if _undrawn(context, group, source) else guidance
    )
    listener_id = listener_of(context, token)
    return _walked(request, patiently(lambda: walk.walk(context.studio, listener_id, request)))


def _walked(request: walk.WalkRequest, steps: Sequence[Step]) -> list[Any]:
    query = urlencode({name: value for name, value in vars(request).items() if value != ""})
    measured = [step.to_json() for step in steps]
    own = (
        None
        if request.group in CODE_WALKS
        else next(name for name, style in ATTRIBUTES.items() if style == request.group)
    )
    rows = [_step(step.by, code=own is None) for step in steps]
    clips = [
        {
            "heading": row,
            "detail": f"{LABELS[own]} {each['attributes'][own]:.3g}, asked for {each['wanted']:.3g}"
            if own
            else "what it says has no name: listen",
            "seconds": each["seconds"],
            "bars_s": each["bars_s"],
            "audio_url": f"/api/styles/walk/{place}/flac?{query}",
            "notes_url": f"/api/styles/walk/{place}/notes?{query}",
        }
        for place, (row, each) in enumerate(zip(rows, measured, strict=True))
    ]
    table = {
        "across": "step",
        "rows": rows,
        "columns": [LABELS[name] for name in ATTRIBUTES],
        "cells": [
            [{"value": each["attributes"][name], "own": name == own} for name in ATTRIBUTES] for each in measured
        ],
    }
    guided = "" if request.guidance == 1 else f", guidance {request.guidance:g}"
    begin = f"From {request.source}" if request.source else f"A new {NAMED[request.domain]}"
    csv = csv_link(f"api/styles/walk.csv?{query}", "The walk")
    about = f"<span>{escape(begin)}, number {request.seed}{guided}.</span>{csv}"
    address = {
        "style": request.group,
        "domain": request.domain,
        "seed": str(request.seed),
        "source": request.source,
        "guidance": "" if request.guidance == 1 else f"{request.guidance:g}",
    }
    return [
        status("Play a step, then another while it sounds: the music goes on at the same place."),
        clips,
        gr.update(value=table, visible=True),
        f'<p class="k-about">{about}</p>',
        gr.update(visible=True),
        address,
    ]


def draw_another(seed: float) -> tuple[int, str]:
    """The next draw, from the prior."""
    return int(seed or 0) + 1, ""


def guided(context: Context, group: str | None, source: str) -> Any:
    """Guidance has a say where something is drawn."""
    return gr.update(interactive=not _undrawn(context, group, source))


def toggle(showing: bool, domain: str) -> list[Any]:  # noqa: FBT001 (as Gradio gives it)
    """Show the pieces to choose from, or put them away."""
    return [not showing, gr.update(visible=not showing), domain]


def begin_with(
    context: Context, token: str | None, pieces: list[dict[str, Any]], domain: str, event: gr.EventData
) -> list[Any]:
    """Begin a walk with a piece that was chosen."""
    return [name_of(context, token, pieces[event.index]), domain, False, gr.update(visible=False)]


def _groups(context: Context) -> Sequence[str]:
    """The styles along which one can walk."""
    try:
        known = context.studio.dials.known
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    return (*known.groups, *CODE_WALKS) if known else ()


def _undrawn(context: Context, group: str | None, source: str) -> bool:
    return bool(source) and group in _groups(context) and group not in CODE_WALKS


def _step(by: int, *, code: bool) -> str:
    if code:
        return f"Value {by + 3} of {CODE_LEVELS}"
    return f"{'+' if by > 0 else '−'}{abs(by)} SD" if by else "As it is"


def build(context: Context) -> None:
    """The page at ``/styles``."""
    with page("styles") as listener:
        with gr.Row(elem_classes="k-ask k-abreast"):
            heading("Styles", LEAD)
            link = ViewLink(opens=OPENS, label="Link", scale=0)
        is_open = gr.State(value=False)
        with gr.Tabs(elem_id="style-tabs") as tabs:
            with gr.Tab("Listen", id="listen") as listening, gr.Tabs():
                with gr.Tab("A walk along a style"):
                    build_walk(context, listener, link)
                with gr.Tab("Learned codes") as coded:
                    build_codes(context, listener, coded)
            with gr.Tab("Swaps", id="swaps") as swapping:
                swaps = build_swaps(context, listener)
            with gr.Tab("Leakage", id="leakage") as leaking:
                build_leakage(context)
            with gr.Tab("Mood", id="mood") as mood:
                moods, clips = build_mood(context, listener, link, is_open)
            with gr.Tab("Training", id="training") as training:
                place, curves = build_training(context, link)
    outputs = [is_open, tabs, *clips, *swaps.outputs, *moods.outputs, *curves]
    gr.on(None, bound(opened, context, place), None, outputs, **QUIET)
    for tab, name in zip((listening, swapping, leaking, mood, training), TABS, strict=True):
        tab.select(bound(address, name), is_open, link, **CHOICE)


def opened(context: Context, place: Chart, request: gr.Request) -> list[Any]:
    """Everything that was measured, at the tab, the clips, the measure and the run that the address names."""
    tab, run, found = chosen(request, "tab"), chosen(request, "run"), measured(context)
    return [
        True,
        gr.Tabs(selected=tab) if tab in TABS else gr.skip(),
        *named(request),
        *shown_swaps(found),
        *shown_moods(found),
        *shown(context, place, run),
    ]


def address(name: str, is_open: bool) -> Any:  # noqa: FBT001 (an input)
    """The tab as it stands in the page's address, which a page that is not open yet has still to read.

    Gradio selects the first tab by itself as soon as it is drawn.
    """
    return {"tab": "" if name == TABS[0] else name} if is_open else gr.skip()

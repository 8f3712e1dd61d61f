"""The titles page: words that call up tunes, tunes that call up titles, and how seldom either is more than chance."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.maps import open_maps, title_search
from webapp.maps.title_search import FoundPoint, Tower
from webapp.runtime import commands
from webapp.runtime.errors import Problem
from webapp.studio import composing, formats, uploads
from webapp.studio.pieces import Recipe
from webapp.ui import arrival
from webapp.ui.choosing import Choosing, bring, name_of, upload_button
from webapp.ui.components.clip_list import ClipList, playing, resting
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL, section
from webapp.ui.handlers import GO, bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, heading, page, status
from webapp.ui.waits import Wait
from webapp.ui.words import sentence

LEAD = (
    "Type any words to hear the tunes that the model finds closest to them, or give it music to get ideas for a title. "
    "A title says little about its tune, so take it as inspiration."
)
LEARNING = (
    "A tower is a pair of encoders that learn to put a title and its tune at one place. Choose one, a title that it "
    "never learned from, and a step of its training, and hear which tunes it then found nearest."
)
LONGEST = 120
FOUND = 8
KNOWN = "dance"  # the music whose titles the model was trained on
NOTHING_ASKED: list[Any] = [[], status("Type a word or two first."), {"words": ""}]
COMPOSING = "Composing a new piece that keeps some of this tune…"
CLOSE = 0.4  # how much of a tune is kept when one is composed near it


def build(context: Context) -> None:
    """The page at ``/titles``."""
    with page("titles") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Titles", LEAD)
        with gr.Row(elem_classes="k-titles"):
            with section("From words to tunes", "", min_width=320):
                with gr.Row(elem_classes="k-bar"):
                    words = gr.Textbox(
                        label="Any words",
                        show_label=False,
                        placeholder="Such as “The rocky road”",
                        max_length=LONGEST,
                        elem_id="words",
                        scale=1,
                    )
                    find = gr.Button("Find tunes", variant="primary", elem_id="find-tunes")
                tune_odds, lacking = gr.HTML(elem_id="odds-tunes", **STILL), gr.HTML(**STILL)
                wait = Wait()
                tunes = ClipList(action="Compose like this", elem_id="tunes")
            with section("From music to titles", "", min_width=320):
                title_odds = gr.HTML(elem_id="odds-titles", **STILL)
                upload = upload_button("Your own MIDI or ABC", elem_id="ideas-upload")
                new = gr.HTML(elem_id="new-titles", **STILL)
                said_ideas = gr.HTML(**STILL)
                ideas = ClipList(elem_id="ideas")
                gr.HTML("<h3>Or find titles for one of these</h3>", **STILL)
                pieces = Choosing(context, listener, "Find titles", domain=KNOWN)
        with section("Watch a tower learn", LEARNING, visible=bool(title_search.towers())):
            with gr.Row(elem_classes="k-bar"):
                known = [(each.label, each.name) for each in title_search.towers()]
                tower = gr.Dropdown(known, value=_first(known), label="Tower", elem_id="tower", scale=0, min_width=240)
                watched = gr.Dropdown(**titles_of(_first(known)), label="Title", elem_id="watched", scale=1)
            step = gr.Slider(**steps_of(_first(known)), label="Steps of training", elem_id="tower-step")
            rank = gr.HTML(elem_id="tower-rank", **STILL)
            finds = ClipList(elem_id="tower-finds", columns=True)
        link = ViewLink(visible="hidden")
        tune = gr.State()  # like which a new piece is composed
        studio = gr.Textbox(visible="hidden")  # where that is opened

    found = [tunes, wait.told, link]
    named = [ideas, said_ideas, new]
    opening = listener.change(
        bound(opened, context),
        None,
        [tune_odds, title_odds, lacking, said_ideas],
        **QUIET,
    )
    pieces.filled_after(opening)
    arrival.fill(partial(gr.on, None), bound(find_named, context), None, [words, *found], [])
    gr.on([words.submit, find.click], bound(find_tunes, context), words, found, **CHOICE)
    acted = tunes.act(choose, tunes, tune, **QUIET)
    near = wait.on(acted.then, COMPOSING, bound(compose_near, context), [listener, tune], [wait.told, studio])
    near.success(None, studio, js=GO, **QUIET)
    pieces.chosen(bound(name_piece, context), [listener, pieces.clips], named, **CHOICE)
    looks: dict[str, Any] = {"inputs": [tower, watched, step], "outputs": [rank, finds]}
    tower.input(another_tower, tower, [watched, step], **CHOICE).then(bound(watch, context), **looks, **CHOICE)
    gr.on([watched.input, step.release], bound(watch, context), **looks, **CHOICE)
    opening.then(bound(watch, context), **looks, **QUIET)
    upload.upload(bound(name_file, context), [listener, upload, pieces.domain], named, js=listener.awaited, **QUIET)


def opened(context: Context) -> list[Any]:
    """How often answers are right, and what is missing to answer from."""
    found = title_search.overview(context.database)
    odds, ready = found.odds or {}, found.ready
    return [
        _odds(odds.get("title_to_melody"), "titles", "tune"),
        _odds(odds.get("melody_to_title"), "melodies", "title"),
        gr.skip() if ready["tunes"] else _missing(context, "tunes"),
        gr.skip() if ready["titles"] else _missing(context, "titles"),
    ]


def _first(known: list[tuple[str, str]]) -> str:
    return known[0][1] if known else ""


def _tower(name: str) -> Tower | None:
    return next((each for each in title_search.towers() if each.name == name), None)


def titles_of(name: str) -> dict[str, Any]:
    """The watched titles of a tower, as a list takes them."""
    tower = _tower(name)
    titles = sorted(tower.finds) if tower else []
    return {"choices": titles, "value": titles[0] if titles else None}


def steps_of(name: str) -> dict[str, Any]:
    """From the first validation of a tower to its last, which is chosen."""
    tower = _tower(name)
    steps = sorted({step for finds in tower.finds.values() for step in finds} if tower else {0, 1})
    return {"minimum": steps[0], "maximum": steps[-1], "step": steps[1] - steps[0], "value": steps[-1]}


def another_tower(name: str) -> list[Any]:
    """The titles and the steps of the tower that was chosen."""
    return [gr.update(**titles_of(name)), gr.update(**steps_of(name))]


def watch(context: Context, name: str, title: str | None, step: float) -> list[Any]:
    """At which rank a title's own tune stood at a step, and the tunes that stood nearest."""
    tower = _tower(name)
    find = tower.finds.get(title or "", {}).get(int(step)) if tower else None
    if find is None:
        return ["", resting([])]
    said = f"After {int(step)} steps its own tune is number {find.rank} of {find.pool}; by chance, in the middle."
    try:
        return [status(said), resting(title_search.clips(context.atlas, find))]
    except Problem as error:
        return [status(sentence(error)), resting([])]


def find_named(context: Context, request: gr.Request) -> list[Any]:
    """The words that the address names, and the tunes nearest to them; nothing where it names none."""
    words = chosen(request, "words").strip()[:LONGEST]
    return [words, *_found(context, words, play=False)] if words else [None] * 4


def find_tunes(context: Context, words: str | None) -> list[Any]:
    """The tunes nearest to some words, of which the first sounds; without words nothing."""
    return _found(context, words.strip(), play=True) if words and words.strip() else NOTHING_ASKED


def _found(context: Context, words: str, *, play: bool) -> list[Any]:
    try:
        results = title_search.find_tunes(context.atlas, words, FOUND).results
    except Problem as error:
        return [resting([]), status(sentence(error)), {"words": ""}]
    shown = [{**asdict(each), "heading": each.text, "detail": _detail(each)} for each in results]
    return [
        playing(shown) if play else resting(shown),
        status(f"Tunes for “{words}”, the closest first."),
        {"words": words},
    ]


def name_piece(context: Context, token: str | None, pieces: list[dict[str, Any]], event: gr.EventData) -> list[Any]:
    """Titles for a piece of the list."""
    return _named(context, token, name_of(context, token, pieces[event.index]), "this piece")


def name_file(context: Context, token: str | None, path: str, domain: str | None) -> list[Any]:
    """Titles for a file of the listener's own."""
    try:
        piece = bring(context, token, path, domain or "pop")
    except Problem as error:
        return [[], status(sentence(error)), ""]
    return _named(context, token, piece.name, f"“{piece.title}”")


def _named(context: Context, token: str | None, name: str, called: str) -> list[Any]:
    try:
        found = title_search.name_music(context.atlas, listener_of(context, token), name, FOUND)
    except Problem as error:
        return [[], status(sentence(error)), ""]
    results = [
        {**asdict(each), "heading": each.text, "detail": f"similarity {each.cosine:.2f}"} for each in found.results
    ]
    said = status(f"Titles for {called}. Play one to hear the tune of that name.")
    return [results, said, _new(found.written, found.recombined)]


def _new(written: Sequence[str], recombined: Sequence[str]) -> str:
    """Titles that no tune has, by where they come from; the best of each kind first."""
    kinds = {"Written letter by letter": written, "Put together from halves of known titles": recombined}
    rows = [
        f'<p class="k-explain">{said}: {", ".join(f"<cite>{escape(title)}</cite>" for title in titles)}</p>'
        for said, titles in kinds.items()
        if titles
    ]
    return f"<h3>New titles</h3>{''.join(rows)}" if rows else ""


def choose(tunes: list[dict[str, Any]], event: gr.EventData) -> dict[str, Any]:
    """The tune whose button was pressed."""
    index: int = event.index
    return tunes[index]


def compose_near(context: Context, token: str | None, tune: Mapping[str, Any]) -> list[str]:
    """A new piece that keeps some of a tune, and where the studio opens it beside the tune."""
    listener_id = listener_of(context, token)
    found = open_maps.opened(context.database, context.clip_store, uuid.UUID(tune["map_id"]))
    abc = formats.abc(open_maps.source(found, tune["row"]), reading=True)
    brought = uploads.upload(context.studio, listener_id, f"{tune['text'][:60]}.abc", abc, "dance")
    made = composing.compose(context.studio, listener_id, Recipe(brought.name, seed=1, keep=CLOSE))
    return [status("Opening it in Studio…"), f"studio?piece={made.name.partition('/')[2]}"]


def _detail(found: FoundPoint) -> str:
    colours = found.colours
    parts = [colours.get("genre") or colours.get("meter"), colours.get("collection"), f"similarity {found.cosine:.2f}"]
    return " · ".join(part for part in parts if part)


def _odds(odds: Mapping[str, Any] | None, asked: str, found: str) -> str:
    """What was measured on tunes never heard, in a sentence."""
    if odds is None:
        fill = commands.python("models.evaluate.titles", "--record")
        told = "How often this is right has not been measured for this model yet. This command measures it:"
        return f'<p class="k-explain">{told} <code>{escape(fill)}</code></p>'
    one, ten, mrr = odds["recall_1"], odds["recall_10"], odds["mrr"]
    return (
        f'<p class="k-explain">Of {mrr["n"]} {asked} of tunes that the model never heard, the right {found} came first '
        f"for {_percent(one['value'])} (by chance {_percent(one['chance'])}) and was among the first ten for "
        f"{_percent(ten['value'])} (by chance {_percent(ten['chance'])}). Mean reciprocal rank {mrr['value']:.3f} "
        f"({mrr['low']:.3f} to {mrr['high']:.3f}; by chance {mrr['chance']:.3f}).</p>"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.1 else 0}f}&nbsp;%"


def _missing(context: Context, kind: str) -> str:
    draw = commands.kallos(context.settings.home, "atlas", "draw", kind)
    return (
        f'<p class="k-explain">Answers come from the map of {kind}, which has not been drawn yet. '
        f'<a href="maps?kind={kind}">Draw it on the Maps page</a> or run <code>{escape(draw)}</code></p>'
    )

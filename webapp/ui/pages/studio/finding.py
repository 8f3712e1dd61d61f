"""Where to take a piece from: one's own and the pool's by kind of music, or tunes of collections by their titles."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import unquote

import gradio as gr

from webapp.context import Context
from webapp.runtime.errors import NotReady
from webapp.studio import pieces, starting_points, tunes
from webapp.studio.pieces import OpenedPiece
from webapp.studio.starting_points import StartingPoint
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, status
from webapp.ui.pages.picking import DOMAINS
from webapp.ui.words import capital, described

FEW, MANY = 12, 48
POLL_S = 2


class Finder(NamedTuple):
    """The components of one place to choose at; ``look(event)`` loads what is to be chosen from after it."""

    domain: gr.Radio
    words: gr.Textbox
    clips: ClipList
    asked: gr.State
    look: Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """Counts the times that the list is loaded anew; ``many``: the kind of music and words of which more is wanted;
    ``style``: what pieces are described by first.
    """

    number: int = 0
    many: tuple[str, str] | None = None
    style: str = ""


class Found(NamedTuple):
    """What there is to choose from, in the order of the outputs."""

    told: str
    rows: list[dict[str, Any]]
    more: dict[str, Any]
    timer: dict[str, Any]


def build(context: Context, listener: ListenerToken, place: str, action: str, beside: Callable[[], None]) -> Finder:
    """A finder whose rows have the button ``action``; ``beside`` makes what stands beside the kinds of music."""
    with gr.Row(elem_classes="k-finding"):
        domain = gr.Radio(
            DOMAINS, value="pop", label="Kind of music", show_label=False, container=False, elem_classes="k-choices"
        )
        beside()
    words = gr.Textbox(
        label="Title of a tune, number of a chorale",
        placeholder="Title of a tune, number of a chorale",
        show_label=False,
        container=False,
        max_length=80,
        elem_id=f"find-{place}",
    )
    told = gr.HTML(apply_default_css=False, elem_id=f"found-{place}")
    clips = ClipList(action=action, columns=place == "start", interactive=True, elem_id=f"choices-{place}")
    more = gr.Button("Show more", size="sm", visible=False, elem_id=f"more-{place}", elem_classes="k-middle")
    timer, asked = gr.Timer(POLL_S, active=False), gr.State(Asked())

    # one event for all, so that what was typed last is what is shown
    gr.on(
        [domain.input, words.change, timer.tick, asked.change],
        bound(find, context),
        inputs=[listener, domain, words, asked],
        outputs=[told, clips, more, timer],
        trigger_mode="always_last",
        **QUIET,
    )
    more.click(ask_for_many, [domain, words, asked], asked, **QUIET)
    return Finder(domain, words, clips, asked, lambda when: when(ask_again, asked, asked, **QUIET))


def ask_again(asked: Asked) -> Asked:
    """Look anew."""
    return replace(asked, number=asked.number + 1, many=None)


def ask_for_many(domain: str, words: str | None, asked: Asked) -> Asked:
    """More of what is shown now."""
    return replace(asked, number=asked.number + 1, many=(domain, (words or "").strip()))


def find(context: Context, token: str | None, domain: str, words: str | None, asked: Asked) -> Found:
    """Tunes with the words in their titles; without words what the listener has, and the pool's."""
    wanted = (words or "").strip()
    limit = MANY if asked.many == (domain, wanted) else FEW
    found = tunes.find_tunes(wanted, domain, limit)
    if wanted:
        text = counted(found.collections, found.found, wanted)
        if found.found == 0 and domain == "chorale":
            text += " Chorales go by their number, such as 227."
        rows = [tune_row(tune) for tune in found.tunes]
        return Found(status(text), rows, _more(limit, found.found - len(rows)), gr.update(active=False))
    try:
        points = starting_points.starting_points(context.studio, listener_of(context, token), domain, limit)
    except NotReady:
        waiting = status("Composing the first pieces…")
        return Found(waiting, [], gr.update(visible=False), gr.update(active=True))
    rows = [row(point, asked.style) for point in points]
    text = counted(found.collections)
    return Found(status(text), rows, _more(limit, len(rows) - limit + 1), gr.update(active=False))


def opened(context: Context, listener_id: uuid.UUID, chosen: dict[str, Any]) -> OpenedPiece:
    """What was chosen, in full: a tune of a collection is taken into the studio first."""
    if address := chosen.get("address"):
        corpus, number = str(address).split("/")[-2:]
        return tunes.take(context.studio, listener_id, corpus, unquote(number))
    return pieces.open_piece(context.studio, listener_id, str(chosen["name"]))


def row(point: StartingPoint, style: str = "") -> dict[str, Any]:
    """A starting point in words, and where it comes from."""
    words = capital(described(point.traits, style)) or "A piece"
    detail = f"your no. {point.rank}" if point.rank else "not met yet"
    if point.composed:
        detail += ", composed for you"
    if point.title:
        detail = f"{point.collection or 'your own file'}; {words.lower()}"
    return {
        "name": point.name,
        "heading": point.title or words,
        "detail": detail,
        "audio_url": point.audio_url,
        "notes_url": point.notes_url,
        "seconds": point.seconds,
    }


def tune_row(tune: tunes.Tune) -> dict[str, Any]:
    """A piece of a collection; a chorale's roll is drawn once it plays, since reading it takes a second."""
    return {
        "address": tune.address,
        "heading": tune.title,
        "detail": tune.collection,
        "audio_url": tune.audio_url,
        "notes_url": tune.notes_url,
        "lazy": tune.domain == "chorale",
    }


def counted(collections: Sequence[str], found: int | None = None, words: str = "") -> str:
    """Where tunes are looked for, or how many there are."""
    if not collections:
        return "There is no collection of tunes here that may be played."
    if found is None:
        last = collections[-1]
        listed = f"{', '.join(collections[:-1])} and {last}" if len(collections) > 1 else last
        return f"Titles are looked for in {listed}; pop piano has no collection that may be played."
    if not found:
        return f"No title has “{words}” in it. Try fewer words, or a part of one."
    if found == 1:
        return f"One piece with “{words}” in its title."
    return f"{found} pieces with “{words}” in their titles."


def _more(limit: int, left: int) -> dict[str, Any]:
    return dict(gr.update(visible=left > 0 and limit < MANY))

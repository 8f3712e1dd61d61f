"""Whole pieces: music composed for the listener that goes on without end, the next piece while the last one plays."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from db.queries.composed import WholePiece
from webapp.composing import naming, whole_pieces
from webapp.composing.whole_pieces import Programme
from webapp.context import Context
from webapp.listeners import accounts
from webapp.listening import ShownClip
from webapp.runtime.errors import NotYours
from webapp.ui import arrival, saving
from webapp.ui.components.clip_list import ClipList, playing, resting
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, heading, page, status
from webapp.ui.pages.picking import DOMAINS, ways
from webapp.ui.queueing import queueing

TITLE = "Whole pieces"
POLL_S = 1
NEW, THIS = "Play something new", "Play this piece on"
NAMED = f"""() => {{
  const clip = new URLSearchParams(location.search).get("clip") ?? "";
  return [clip, clip ? "{THIS}" : "{NEW}"];
}}"""
FIRST = f"Press “{NEW}”: a piece of up to a minute is composed for you, and then the next."
COMING = {"waiting", "running"}
COMPOSING = "Composing the next piece…"
FAILED = "Composing failed this time. Nothing is lost; please try again."


class Shown(NamedTuple):
    """What the page shows of a programme, in the order of its outputs."""

    text: str
    timer: dict[str, Any]
    pieces: Any
    awaited: bool


def build(context: Context) -> None:
    """The page at ``/whole``."""
    listener: ListenerToken
    with page("compare") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading(TITLE, "Each begins as your picks say you would like it. While it plays, the next one is composed.")
            domain = gr.Radio(
                DOMAINS, label="Kind of music", show_label=False, container=False, elem_classes="k-choices"
            )
        with gr.Row(elem_classes="k-ways-row"):
            ways("whole")
            told = gr.HTML(apply_default_css=False, elem_id="whole-told")
            Volume()
        more = gr.Button(NEW, variant="primary", elem_id="whole-more", scale=0, min_width=200)
        pieces = ClipList(endless=True, elem_id="whole-pieces", interactive=True)
        explain(
            "Pieces stay here, the newest first. What you play on this page says nothing about your taste. Keys: "
            "<kbd>N</kbd> next, <kbd>P</kbd> previous, <kbd>space</kbd> play or pause."
        )
        awaited, named = gr.State(value=False), gr.Textbox(visible="hidden")  # named: the clip that is played on
    timer = gr.Timer(POLL_S, active=False)
    outputs = [told, timer, pieces, awaited]
    gr.on(None, None, None, [named, more], js=NAMED)
    arrival.fill(listener.change, bound(look, context), listener, [domain, told, pieces], [timer])
    domain.input(bound(choose_domain, context), [listener, domain], told, js=listener.awaited, **QUIET)
    more.click(bound(ask, context), [listener, named], [named, more, *outputs], js=listener.awaited, **QUIET)
    pieces.select(bound(begun, context), inputs=[listener, awaited], outputs=outputs, **QUIET)
    timer.tick(bound(follow, context), inputs=[listener, awaited], outputs=outputs, **QUIET)


def look(context: Context, token: str | None) -> tuple[list[Any], Any]:
    """The kind of music, how the next piece stands, and the pieces that are there when the page opens."""
    listener_id = listener_of(context, token)
    found = whole_pieces.programme(context.database, listener_id)
    domain = accounts.account(context.database, listener_id).domain
    rows = resting(rows_of(context, found.pieces))
    return [domain, said(context, found), rows], gr.update(active=True) if _comes(found) else gr.skip()


def choose_domain(context: Context, token: str | None, domain: str) -> str:
    """Another kind of music, from the next piece on."""
    accounts.change_domain(context.database, context.journal, listener_of(context, token), domain)
    called = next(label for label, value in DOMAINS if value == domain)
    return status(f"{called} from the next piece on.")


def ask(context: Context, token: str | None, named: str) -> tuple[Any, ...]:
    """Compose one more, or play on the clip that the address named; it sounds as soon as it is there."""
    try:
        clip_id = uuid.UUID(named) if named else None
    except ValueError:
        raise NotYours(f"there is no clip {named}; choose one to play on from a list") from None
    found = whole_pieces.ask(context.database, listener_of(context, token), clip_id)
    return ("", gr.update(value=NEW), *shown(context, found, awaited=True))


def begun(context: Context, token: str | None, awaited: bool, event: gr.EventData) -> Shown:  # noqa: FBT001 (an input)
    """A piece begins to sound; with the newest of them the next one is composed."""
    listener_id = listener_of(context, token)
    act = whole_pieces.ask if event.index == 0 else whole_pieces.programme
    return shown(context, act(context.database, listener_id), awaited=awaited)._replace(pieces=gr.skip())


def follow(context: Context, token: str | None, awaited: bool) -> Shown:  # noqa: FBT001 (an input)
    """How the next piece stands, asked again in a second while it is composed; one that was awaited sounds."""
    found = whole_pieces.programme(context.database, listener_of(context, token))
    if _comes(found):
        return shown(context, found, awaited=awaited)._replace(pieces=gr.skip())
    rows = rows_of(context, found.pieces)
    there = playing(rows) if awaited and found.coming == "none" and rows else rows
    return shown(context, found, awaited=False)._replace(pieces=there)


def shown(context: Context, found: Programme, *, awaited: bool) -> Shown:
    """A programme on the page."""
    return Shown(said(context, found), gr.update(active=_comes(found)), rows_of(context, found.pieces), awaited)


def said(context: Context, found: Programme) -> str:
    """How the next piece stands, or how one begins."""
    if _comes(found):
        return status(COMPOSING if found.coming == "running" else queueing(context))
    if found.coming == "failed":
        return status(FAILED)
    return status("" if found.pieces else FIRST)


def rows_of(context: Context, pieces: Sequence[WholePiece]) -> list[dict[str, Any]]:
    """The newest first, each with its name, number, form and length."""
    names = naming.names_of(context.database, [piece.id for piece in pieces])
    return [_row(number, piece, names[piece.id]) for number, piece in reversed(list(enumerate(pieces, 1)))]


def _row(number: int, piece: WholePiece, name: str) -> dict[str, Any]:
    clip = ShownClip.of(piece.id, piece.seconds)
    bars = piece.recipe["bars"] + piece.recipe["played_on"]
    form = piece.recipe.get("form", "")
    return {
        "id": str(piece.id),
        "plays": f"/api/clips/{piece.id}/plays",
        "heading": name,
        "detail": f"No. {number}, {bars} bars{f' in sections {form}' if form else ''}, {piece.seconds:.0f} s",
        "audio_url": clip.audio_url,
        "notes_url": clip.notes_url,
        "seconds": clip.seconds,
        "cover": True,
        "sections": form,
        "save": saving.of_whole(piece.id),
    }


def _comes(found: Programme) -> bool:
    return found.coming in COMING

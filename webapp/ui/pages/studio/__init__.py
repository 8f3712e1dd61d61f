"""The studio: take a piece, let it borrow a rhythm here and a harmony there, and hear new against old."""

from __future__ import annotations

import html
import itertools
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from pydantic import TypeAdapter

from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.errors import NotYours, Problem
from webapp.studio import pieces, uploads
from webapp.studio.pieces import OpenedPiece
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, heading, page
from webapp.ui.pages.studio import finding, tools
from webapp.ui.pages.studio.words import DEAD, MUSIC, lacking, read_from
from webapp.ui.words import capital

MOST_BYTES = 256 * 1024
LEAVE = "() => ({do: 'leave'})"
_orders = itertools.count(1)
_piece: TypeAdapter[OpenedPiece] = TypeAdapter(OpenedPiece)


class Arrived(NamedTuple):
    """What the page shows at first, in the order of its outputs."""

    domain: str
    start: dict[str, Any]
    bench: dict[str, Any]
    desk: Any
    error: str


class Opened(NamedTuple):
    """A piece on the desk, in the order of the outputs."""

    start: dict[str, Any]
    bench: dict[str, Any]
    desk: Any
    error: str


def build(context: Context) -> None:
    """The page at ``/studio``; ``?piece=ID`` and ``?link=KEY`` open a composed piece with its recipe."""
    listener: ListenerToken
    with page("studio") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Studio", "One piece, played another way: with the rhythm of a second and the harmony of a third.")
        made: list[gr.UploadButton] = []

        def beside() -> None:
            made.append(
                gr.UploadButton(
                    _label("pop"),
                    file_types=[".mid", ".midi", ".abc"],
                    size="sm",
                    elem_id="upload",
                    elem_classes="k-at-end",
                )
            )

        with gr.Column(elem_id="start") as start:
            gr.Markdown("## Start from")
            finder = finding.build(context, listener, "start", "Start", beside)
            error = gr.HTML(apply_default_css=False, elem_id="upload-error")
        with gr.Column(visible=False, elem_id="bench") as bench:
            desk = StudioDesk(interactive=True)
            ends = tools.build(context, listener, desk)
    brought = made[0]
    opening = [start, bench, desk, error]
    arrived = listener.change(bound(arrive, context), listener, [finder.domain, *opening], **QUIET)
    arrived.then(read_as, finder.domain, brought, **QUIET)
    finder.look(arrived.then)
    finder.domain.input(read_as, finder.domain, brought, **QUIET)
    finder.clips.act(bound(begin, context), [listener, finder.clips], opening, **QUIET)
    brought.upload(bound(bring, context), [listener, brought, finder.domain], opening, **QUIET)
    ends.onward.click(bound(go_on, context), [listener, desk], opening, **QUIET)
    left = ends.leave.click(None, js=LEAVE, outputs=desk).then(leave, outputs=opening, **QUIET)
    finder.look(left.then)


def arrive(context: Context, token: str | None, request: gr.Request) -> Arrived:
    """Go where the address says: a link, a piece of one's own, or the choice of a piece to start from."""
    listener_id = listener_of(context, token)
    domain = accounts.account(context.database, listener_id).domain
    link, piece = (str(request.query_params.get(name, "")) for name in ("link", "piece"))
    if not link and not piece:
        return Arrived(domain, *_choosing())
    try:
        return Arrived(domain, *_reopened(context, listener_id, link, piece))
    except NotYours:
        return Arrived(domain, *_choosing(DEAD))
    except Problem as problem:
        return Arrived(domain, *_choosing(f"{capital(str(problem))}. Reload the page to try the address again."))


def begin(context: Context, token: str | None, rows: list[dict[str, Any]], event: gr.EventData) -> Opened:
    """Put what was chosen on the desk, to start from."""
    listener_id = listener_of(context, token)
    try:
        return _on_the_desk(finding.opened(context, listener_id, rows[event.index]))
    except Problem as problem:
        return _choosing(f"{capital(str(problem))}.")


def bring(context: Context, token: str | None, file: str | None, domain: str) -> Opened:
    """Start from a file of the listener's own, read as the kind of music that is chosen."""
    if file is None:
        return _choosing()
    path = Path(file)
    size = path.stat().st_size
    if size > MOST_BYTES:
        return _choosing(
            f"“{path.name}” has {-(-size // 1024)} KB; at most {MOST_BYTES // 1024} KB are allowed. Choose a shorter "
            "piece: the first eight bars are used."
        )
    try:
        piece = uploads.upload(context.studio, listener_of(context, token), path.name, path.read_bytes(), domain)
    except Problem as problem:
        return _choosing(f"{capital(str(problem))}.")
    return _on_the_desk(piece, note=read_from(piece))


def go_on(context: Context, token: str | None, shown: dict[str, Any]) -> Opened:
    """Start from what was composed; somebody else's is copied first."""
    listener_id = listener_of(context, token)
    if shown["piece"]["mine"]:
        return _on_the_desk(pieces.open_piece(context.studio, listener_id, shown["piece"]["name"]))
    return _on_the_desk(pieces.copy_link(context.studio, listener_id, shown["link"]))


def leave() -> Opened:
    """Back to where pieces are chosen."""
    return _choosing()


def _reopened(context: Context, listener_id: uuid.UUID, link: str, name: str) -> Opened:
    """A composed piece with what it was made from."""
    studio = context.studio
    if link:
        piece = pieces.open_link(studio, listener_id, link)
    else:
        piece = pieces.open_piece(studio, listener_id, f"pieces/{_as_id(name)}")
    key = "" if piece.mine else link
    fixed = not piece.mine and not piece.editable
    old = None
    if piece.recipe is not None:
        try:
            old = pieces.open_piece(studio, listener_id, piece.recipe.content, link)
        except NotYours:
            old = None
    note = lacking(piece, old) if piece.recipe is not None else ""
    if old is None:
        return _on_the_desk(piece, link=key, fixed=fixed, note=note)
    return _on_the_desk(old, piece, link=key, fixed=fixed, note=note)


def _as_id(name: str) -> uuid.UUID:
    try:
        return uuid.UUID(name)
    except ValueError:
        raise NotYours("this address opens no piece") from None


def _on_the_desk(old: OpenedPiece, piece: OpenedPiece | None = None, **told: Any) -> Opened:
    order = {"do": "open", "number": next(_orders), "old": told_as(old), "piece": piece and told_as(piece), **told}
    return Opened(gr.update(visible=False), gr.update(visible=True), order, "")


def _choosing(error: str = "") -> Opened:
    said = f'<p class="k-wrong" role="alert">{html.escape(error)}</p>' if error else ""
    return Opened(gr.update(visible=True), gr.update(visible=False), None, said)


def told_as(piece: OpenedPiece) -> dict[str, Any]:
    """A piece as the HTTP interface tells it."""
    bare = OpenedPiece(**{name: getattr(piece, name) for name in OpenedPiece.__dataclass_fields__})
    return dict(_piece.dump_python(bare, mode="json"))


def read_as(domain: str) -> dict[str, Any]:
    """A file that doesn't say so itself is read as the kind of music that is chosen."""
    return dict(gr.update(label=_label(domain)))


def _label(domain: str) -> str:
    return f"Your own MIDI or ABC, read as {MUSIC[domain]}"

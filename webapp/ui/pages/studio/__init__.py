"""The studio: take a piece, let it borrow a rhythm here and a harmony there, and hear new against old.

Or a picture, which borrows a palette and is turned brighter: old and new stand side by side.
"""

from __future__ import annotations

import html
import itertools
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from pydantic import TypeAdapter

from db.tables import PICTURES
from webapp.context import Context
from webapp.film import own_pictures
from webapp.listeners import accounts
from webapp.runtime import limits
from webapp.runtime.errors import NotYours, Problem
from webapp.studio import pictures, pieces, sections, uploads
from webapp.studio.pieces import OpenedPiece
from webapp.studio.uploads import BARS, BroughtPiece
from webapp.ui import arrival, choosing, mood_and_tension
from webapp.ui.choosing import FILES, Choosing
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, heading, page
from webapp.ui.mood_and_tension import Shown
from webapp.ui.pages.studio import tools, versions, whole_piece
from webapp.ui.pages.studio.versions import AS_SEEN, DEAD, MUSIC, lacking, passage, read_from
from webapp.ui.words import sentence

MOST_BYTES = 256 * 1024
KEPT_S = 12 * 3600  # a file, for other bars of it
DROP_PX = 64
STALE = "({piece, old}, lanes) => [lanes?.name === (piece ?? old)?.name ? lanes : null, '']"
LEAVE = "() => ({do: 'leave'})"
_orders = itertools.count(1)
_piece: TypeAdapter[OpenedPiece] = TypeAdapter(OpenedPiece)


class Arrived(NamedTuple):
    """What the page shows at first, in the order of its outputs."""

    domain: list[str]
    start: dict[str, Any]
    bench: dict[str, Any]
    desk: Any
    error: Any
    other_bars: dict[str, Any]
    first_bar: dict[str, Any]
    room: Any
    section: Any
    heard: Any


class OtherBars(NamedTuple):
    """The choice of other bars of a file, in the order of the outputs."""

    other_bars: dict[str, Any]
    first_bar: dict[str, Any]


NO_OTHER_BARS = OtherBars(gr.update(visible=False), gr.skip())


class Opened(NamedTuple):
    """A piece on the desk, in the order of the outputs."""

    start: dict[str, Any]
    bench: dict[str, Any]
    desk: Any
    error: str
    other_bars: dict[str, Any]
    first_bar: dict[str, Any]
    room: Any
    section: Any
    heard: Any


LEAD = (
    "Play a piece another way: with the rhythm of a second, with the harmony of a third; or change a picture. Set a "
    "<a href='film'>film</a> to music, or see <a href='canvas'>pictures move</a> with it, or "
    "<a href='live'>steer it live</a>."
)


@dataclass(frozen=True)
class OwnFile:
    """A file that a listener has brought, as long as they are on the page: other bars of it may be read."""

    name: str
    data: bytes
    domain: str


def build(context: Context) -> None:
    """The page at ``/studio``; ``?piece=ID`` and ``?link=KEY`` open a piece with its recipe, ``?clip=ID`` a clip."""
    listener: ListenerToken
    with page("studio") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Studio", LEAD)
        with gr.Column(elem_id="start") as start:
            gr.Markdown("## Start from")
            brought = gr.File(
                label=_label("pop"), file_types=FILES, height=DROP_PX, elem_id="upload", elem_classes="k-drop"
            )
            error = gr.HTML(apply_default_css=False, elem_id="upload-error")
            finder = Choosing(context, listener, "Start", finder=True, columns=True, place="start", pictures=True)
        with gr.Column(visible=False, elem_id="bench") as bench:
            desk = StudioDesk(interactive=True)
            with gr.Row(visible=False, elem_classes="k-bar", elem_id="other-bars") as other_bars:
                first_bar = gr.Number(
                    1, label="Read from bar", precision=0, minimum=1, interactive=True, elem_id="first-bar", scale=0
                )
                read = gr.Button("Read from there", size="sm", scale=0, min_width=160)
            with gr.Column() as ears:
                versions.build_tension(context, listener, desk)
                heard = mood_and_tension.build_open_future(context, listener, desk, shown_piece, stale=STALE)
            desk.shows(None, [desk, heard.lanes], [*heard], js=STALE, **CHOICE)
            around = whole_piece.build()
            ends = tools.build(context, listener, desk, around, ears)
    file = gr.State(None, time_to_live=KEPT_S)
    opening = [start, bench, desk, error, other_bars, first_bar, *around]
    arrived = arrival.fill(listener.change, bound(arrive, context), listener, [finder.domain], opening)
    arrived.then(read_as, finder.domain, [brought, finder.words], **QUIET)
    finder.filled_after(arrived)
    finder.domain.input(read_as, finder.domain, [brought, finder.words], **CHOICE)
    finder.domain.input(None, js="() => ''", outputs=error, **CHOICE)
    finder.chosen(bound(begin, context), [listener, finder.clips], opening, **CHOICE)
    brought.upload(
        bound(bring, context), [listener, brought, finder.domain], [file, brought, *opening], js=listener.awaited,
        **QUIET,
    )  # fmt: skip
    gr.on([first_bar.submit, read.click], bound(read_on, context), [listener, file, first_bar], opening, **QUIET)
    around.section.input(bound(choose_section, context), [listener, around.section], opening, **CHOICE)
    ends.onward.click(bound(go_on, context), [listener, desk], opening, **QUIET)
    left = ends.leave.click(None, js=LEAVE, outputs=desk).then(leave, outputs=opening, **QUIET)
    finder.filled_after(left)


def arrive(context: Context, token: str | None, request: gr.Request) -> Arrived:
    """Go where the address says: a link, a piece of one's own, or the choice of a piece to start from."""
    listener_id = listener_of(context, token)
    domain: list[str] = [accounts.account(context.database, listener_id).domain]
    link, piece, clip = (str(request.query_params.get(name, "")) for name in ("link", "piece", "clip"))
    if not (link or piece or clip):
        return Arrived(domain, *[gr.skip()] * len(Opened._fields))  # a file may be on the desk by now
    try:
        if clip:
            return Arrived(domain, *_opened_clip(context, listener_id, _as_id(clip)))
        return Arrived(domain, *_reopened(context, listener_id, link, piece))
    except NotYours:
        return Arrived(domain, *_choosing(DEAD))
    except Problem as problem:
        return Arrived(domain, *_choosing(f"{sentence(problem)} Reload the page to try the address again."))


def begin(context: Context, token: str | None, rows: list[dict[str, Any]], event: gr.EventData) -> Opened:
    """Put what was chosen on the desk, to start from."""
    listener_id = listener_of(context, token)
    try:
        return _on_the_desk(context, listener_id, choosing.opened(context, listener_id, rows[event.index]))
    except Problem as problem:
        return _choosing(sentence(problem))


def bring(context: Context, token: str | None, path: str | None, domain: str | None) -> tuple[Any, ...]:
    """Start from a file of the listener's own, read as the kind of music that is chosen; Gradio's copy is deleted."""
    if path is None:
        return None, None, *_choosing()
    copy = Path(path)
    file = OwnFile(copy.name, copy.read_bytes(), domain or "pop")
    copy.unlink(missing_ok=True)
    if file.domain == PICTURES or copy.suffix.lower() in limits.PICTURES:
        return None, None, *_brought_picture(context, token, file)
    if len(file.data) > MOST_BYTES:
        large = f"“{file.name}” has {-(-len(file.data) // 1024)} KB; at most {MOST_BYTES // 1024} KB are allowed"
        return None, None, *_choosing(f"{large}. Choose a smaller file.")
    try:
        piece = _upload(context, token, file)
    except Problem as problem:
        return None, None, *_choosing(sentence(problem))
    return file, None, *_on_the_desk(context, listener_of(context, token), piece, note=read_from(piece))


def _brought_picture(context: Context, token: str | None, file: OwnFile) -> Opened:
    """Start from a picture of the listener's own."""
    listener_id = listener_of(context, token)
    try:
        found = own_pictures.read(listener_id, [(file.name, file.data)])
        piece = pictures.bring(context.studio, listener_id, file.name, found.strip)
    except Problem as problem:
        return _choosing(sentence(problem))
    return _on_the_desk(context, listener_id, piece, note=AS_SEEN)


def read_on(context: Context, token: str | None, file: OwnFile | None, first_bar: int | None) -> Opened:
    """Start from other bars of the same file."""
    if file is None:
        raise NotYours("your file is not kept that long; start from another piece, and choose it again there")
    piece = _upload(context, token, file, max(1, first_bar or 1))
    return _on_the_desk(context, listener_of(context, token), piece, note=read_from(piece))


def choose_section(context: Context, token: str | None, chosen: str) -> Opened:
    """Work on another section of the same whole piece."""
    listener_id, (whole, _, first) = listener_of(context, token), chosen.partition("/")
    return _on_the_desk(
        context, listener_id, sections.open_section(context.studio, listener_id, uuid.UUID(whole), int(first))
    )


def _upload(context: Context, token: str | None, file: OwnFile, first_bar: int = 1) -> BroughtPiece:
    return uploads.upload(
        context.studio, listener_of(context, token), file.name, file.data, file.domain, first_bar=first_bar
    )


def go_on(context: Context, token: str | None, shown: dict[str, Any]) -> Opened:
    """Start from what was composed; somebody else's is copied first."""
    listener_id = listener_of(context, token)
    if shown["piece"]["mine"]:
        return _on_the_desk(
            context, listener_id, pieces.open_piece(context.studio, listener_id, shown["piece"]["name"])
        )
    return _on_the_desk(context, listener_id, pieces.copy_link(context.studio, listener_id, shown["link"]))


def shown_piece(shown: dict[str, Any] | None) -> Shown:
    """The new piece on the desk, or the old one where there is none."""
    if not shown or "old" not in shown:
        raise NotYours("there is no piece on the desk; start from one")
    piece = shown.get("piece") or shown["old"]
    return Shown(piece["name"], shown.get("link", ""), shown["old"].get("first_bar") or 1)


def leave() -> Opened:
    """Back to where pieces are chosen."""
    return _choosing()


def _opened_clip(context: Context, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Opened:
    """A clip, or the first section of a whole piece."""
    try:
        piece = sections.open_section(context.studio, listener_id, clip_id)
    except NotYours:
        piece = pieces.open_piece(context.studio, listener_id, f"clips/{clip_id}")
    return _on_the_desk(context, listener_id, piece)


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
        return _on_the_desk(context, listener_id, piece, link=key, fixed=fixed, note=note)
    return _on_the_desk(context, listener_id, old, piece, link=key, fixed=fixed, note=note)


def _as_id(name: str) -> uuid.UUID:
    try:
        return uuid.UUID(name)
    except ValueError:
        raise NotYours("this address opens no piece") from None


def _on_the_desk(
    context: Context, listener_id: uuid.UUID, old: OpenedPiece, piece: OpenedPiece | None = None, **told: Any
) -> Opened:
    """A piece to be changed, and the ``piece`` that was composed from it, in the sections of its whole."""
    found = sections.timeline(context.studio, listener_id, old.name)
    here = {"section": found.here, "first_bar": found.number} if found else {}
    order = {"do": "open", "number": next(_orders), "old": told_as(old) | here, "piece": piece and told_as(piece)}
    start, bench = gr.update(visible=False), gr.update(visible=True)
    return Opened(start, bench, order | told, "", *_other_bars(old), *whole_piece.around(found))


def _other_bars(piece: OpenedPiece) -> OtherBars:
    """Which bars of a file are read, where it has more of them."""
    if not isinstance(piece, BroughtPiece) or piece.bars <= BARS:
        return NO_OTHER_BARS
    last = max(piece.bars - BARS + 1, piece.first_bar)
    return OtherBars(gr.update(visible=True), gr.update(maximum=last, value=piece.first_bar, info=passage(piece)))


def _choosing(error: str = "") -> Opened:
    said = f'<p class="k-wrong" role="alert">{html.escape(error)}</p>' if error else ""
    start, bench = gr.update(visible=True), gr.update(visible=False)
    return Opened(start, bench, None, said, *NO_OTHER_BARS, *whole_piece.NOTHING)


def told_as(piece: OpenedPiece) -> dict[str, Any]:
    """A piece as the HTTP interface tells it, and of a file which of its bars is the first."""
    bare = OpenedPiece(**{name: getattr(piece, name) for name in OpenedPiece.__dataclass_fields__})
    first = {"first_bar": piece.first_bar} if isinstance(piece, BroughtPiece) else {}
    return dict(_piece.dump_python(bare, mode="json")) | first


def read_as(domain: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A file that doesn't say so itself is read as the kind of music that is chosen; pictures have no titles."""
    seen = domain == PICTURES
    kinds = list(limits.PICTURES) if seen else FILES
    return dict(gr.update(label=_label(domain or "pop"), file_types=kinds)), dict(gr.update(visible=not seen))


def _label(domain: str) -> str:
    if domain == PICTURES:
        return "A picture of your own"
    return f"Your own MIDI or ABC, read as {MUSIC[domain]}"

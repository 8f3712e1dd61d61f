"""Pieces to choose from, as the pages show them: by kind of music or title, each heard, with a button of its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import gradio as gr

from db.tables import PICTURES
from models.music.midi_file import SUFFIXES as MIDI
from webapp.context import Context
from webapp.runtime.errors import NotReady
from webapp.studio import pieces, starting_points, uploads
from webapp.studio.pieces import OpenedPiece
from webapp.studio.starting_points import StartingPoint
from webapp.studio.uploads import BroughtPiece, FoundTunes, Tune
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, status
from webapp.ui.words import capital, described

DOMAINS = (("Pop piano", "pop"), ("Dance tunes", "dance"), ("Chorales", "chorale"))
OF_PICTURES = ("Pictures", PICTURES)
FEW, MANY = 12, 48
AGAIN_S = 2.0  # asks again while the first pieces are composed
TITLE = "Search by title, hymn or BWV number"
FILES = [*MIDI, ".abc"]
CLEAR = "() => null"  # in the browser: what was found elsewhere is gone before the server answers

Choice = Mapping[str, Any]


@dataclass(frozen=True)
class ListRequest:
    """Counts the times that the list is loaded anew; ``many``: the kind of music and words of which more is wanted;
    ``style``: what pieces are described by first; ``kind``: what is wanted whatever is chosen, as pictures for one.
    """

    number: int = 0
    many: tuple[str, str] | None = None
    style: str = ""
    kind: str = ""


class Found(NamedTuple):
    """What there is to choose from, in the order of the outputs."""

    said: str
    rows: list[dict[str, Any]]
    more: dict[str, Any]
    timer: dict[str, Any]


def kinds_of_music(value: str | None = None, *, pictures: bool = False) -> gr.Radio:
    """The kinds of music to choose from, and ``pictures`` beside them."""
    return gr.Radio(
        [*DOMAINS, OF_PICTURES] if pictures else DOMAINS,
        value=value,
        label="Music or pictures" if pictures else "Kind of music",
        show_label=False,
        container=False,
        elem_classes="k-choices",
        interactive=True,
    )


class Choosing:
    """A list of pieces: the listener's own, the best of those that they met, then others; and tunes by title.

    ``chosen`` is fired by a piece's button; ``name_of`` and ``opened`` tell which piece it was. ``request`` holds what
    the list is asked for: another value loads it anew.

    Args:
        action: What the button of each piece says.
        finder: Whether tunes of the collections are looked for by title.
        columns: Whether pieces stand beside one another where there is room.
        place: Where on the page it stands, in the ids of its parts.
        domain: The kind of music at first; ``None``: the page chooses it when it opens.
        pictures: Whether pictures may be chosen as well.
    """

    def __init__(
        self,
        context: Context,
        listener: ListenerToken,
        action: str,
        *,
        finder: bool = False,
        columns: bool = False,
        place: str = "here",
        domain: str | None = None,
        pictures: bool = False,
    ) -> None:
        self.domain = kinds_of_music(domain, pictures=pictures)
        self.words = gr.Textbox(
            label=TITLE,
            placeholder=TITLE,
            show_label=False,
            container=False,
            visible=finder,
            max_length=80,
            elem_id=f"find-{place}",
        )
        said = gr.HTML(apply_default_css=False, js_on_load=None, elem_id=f"found-{place}")
        self.clips = ClipList(action=action, columns=columns, interactive=True, elem_id=f"choices-{place}")
        more = gr.Button("Show more", size="sm", visible=False, elem_id=f"more-{place}", elem_classes="k-middle")
        timer, self.request = gr.Timer(AGAIN_S, active=False), gr.State(ListRequest())
        self.chosen = self.clips.act

        self.filled_after(self.domain.input(None, js=CLEAR, outputs=self.clips, **CHOICE))
        # one event for all, so that what was typed last is what is shown
        gr.on(
            [self.words.change, timer.tick, self.request.change],
            bound(find, context),
            inputs=[listener, self.domain, self.words, self.request],
            outputs=[said, self.clips, more, timer],
            js=listener.awaited,
            **CHOICE,
        )
        more.click(ask_for_many, [self.domain, self.words, self.request], self.request, **QUIET)

    def filled_after(self, event: Any) -> Any:
        """Fill the list after an event of Gradio's."""
        return event.then(ask_again, self.request, self.request, **CHOICE)


def ask_again(request: ListRequest) -> ListRequest:
    """Look anew."""
    return replace(request, number=request.number + 1, many=None)


def ask_for_many(domain: str, words: str | None, request: ListRequest) -> ListRequest:
    """More of what is shown now."""
    return replace(request, number=request.number + 1, many=(domain, (words or "").strip()))


def find(context: Context, token: str | None, domain: str | None, words: str | None, request: ListRequest) -> Found:
    """Tunes with the words in their titles; without words what the listener has, and the pool's."""
    wanted, kind = (words or "").strip(), request.kind or domain or "pop"
    limit = MANY if request.many == (domain, wanted) else FEW
    if wanted and kind != PICTURES:
        found = uploads.find_tunes(wanted, kind, limit)
        rows, text = [as_tune(each) for each in found.tunes], counted(found, wanted)
        return Found(status(text), rows, _more(there=len(rows) < found.found and limit < MANY), gr.update(active=False))
    try:
        points = starting_points.starting_points(context.studio, listener_of(context, token), kind, limit)
    except NotReady:
        first = "Drawing the first pictures…" if kind == PICTURES else "Composing the first pieces…"
        return Found(status(first), [], _more(there=False), gr.update(active=True))
    rows = [as_clip(each, request.style) for each in points]
    return Found("", rows, _more(there=limit <= len(rows) < MANY), gr.update(active=False))


def _more(*, there: bool) -> dict[str, Any]:
    return dict(gr.update(visible=there))


def name_of(context: Context, token: str | None, choice: Choice) -> str:
    """The name of a piece that was chosen; a tune of a collection is taken into the listener's studio first."""
    return opened(context, listener_of(context, token), choice).name if "address" in choice else str(choice["name"])


def opened(context: Context, listener_id: uuid.UUID, choice: Choice) -> OpenedPiece:
    """A piece that was chosen in full; a tune of a collection is taken into the listener's studio first."""
    if "address" not in choice:
        return pieces.open_piece(context.studio, listener_id, str(choice["name"]))
    corpus, name = str(choice["address"]).split("/")[-2:]
    return uploads.take(context.studio, listener_id, corpus, unquote(name))


def bring(context: Context, token: str | None, path: str, domain: str) -> BroughtPiece:
    """A file of the listener's own as a piece of their studio; Gradio's copy of the file is deleted."""
    file = Path(path)
    try:
        return uploads.upload(context.studio, listener_of(context, token), file.name, file.read_bytes(), domain)
    finally:
        file.unlink(missing_ok=True)


def upload_button(label: str, **settings: Any) -> gr.UploadButton:
    """Takes a MIDI or ABC file."""
    return gr.UploadButton(label, file_types=FILES, size="sm", **settings)


def as_clip(choice: StartingPoint, style: str = "") -> dict[str, Any]:
    """A choice as a list shows it: in words, and where it comes from."""
    words = capital(described(choice.traits, style)) or ("A picture" if choice.image_url else "A piece")
    detail = f"your no. {choice.rank}" if choice.rank else "new to you"
    if choice.composed:
        detail += f", {'drawn' if choice.image_url else 'composed'} for you"
    if choice.title:
        detail = f"{choice.collection or 'your own file'}; {words.lower()}"
    return {**asdict(choice), "heading": choice.title or words, "detail": detail}


def as_tune(tune: Tune) -> dict[str, Any]:
    """A piece of a collection as a list shows it; a chorale's roll waits until it plays: reading one takes long."""
    return {**asdict(tune), "heading": tune.title, "detail": tune.collection, "lazy": tune.domain == "chorale"}


def counted(found: FoundTunes, words: str) -> str:
    """How many pieces have these words in their titles."""
    if not found.collections:
        return "There is no collection of tunes here that may be played."
    if not found.found:
        *all_but_last, last = found.collections
        searched = f"{', '.join(all_but_last)} or {last}" if all_but_last else last
        return f"No title in {searched} has “{words}” in it. Try fewer words, or a part of one."
    one = found.found == 1
    return f"One piece with “{words}” in its title." if one else f"{found.found} pieces with “{words}” in their titles."

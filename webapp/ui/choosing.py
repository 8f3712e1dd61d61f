"""Pieces to choose from, as the pages show them: by kind of music or title, each heard, with a button of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from models.metrics.music_statistics import ATTRIBUTES
from models.taste.attribution import MIDDLE, POLES
from webapp.context import Context
from webapp.runtime.errors import NotReady
from webapp.studio import starting_points, tunes, uploads
from webapp.studio.starting_points import StartingPoint
from webapp.studio.tunes import FoundTunes, Tune
from webapp.studio.uploads import BroughtPiece
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, status

DOMAINS = (("Pop piano", "pop"), ("Dance tunes", "dance"), ("Chorales", "chorale"))
FEW, MANY = 12, 48
VERY = 1.5  # standard deviations from the middle from which on a trait is one to be told with "very"
WORDS_TOLD = 3
AGAIN_S, PATIENCE = 2.0, 30  # asks again while the first pieces are composed

Choice = Mapping[str, Any]


def kinds_of_music(value: str | None = None) -> gr.Radio:
    """The kinds of music to choose from."""
    return gr.Radio(
        DOMAINS,
        value=value,
        label="Kind of music",
        show_label=False,
        container=False,
        elem_classes="k-choices",
        interactive=True,
    )


class Choosing:
    """A list of pieces: the listener's own, the best of those that they met, then others; and tunes by title.

    Args:
        action: What the button of each piece says; ``chosen`` is fired by it, and ``name_of`` tells which piece it was.
        finder: Whether tunes of the collections are looked for by title.
    """

    def __init__(self, context: Context, listener: ListenerToken, action: str, *, finder: bool = False) -> None:
        self.domain = kinds_of_music()
        self.words = gr.Textbox(
            placeholder="Title of a tune, number of a chorale",
            label="Title of a tune or number of a chorale",
            show_label=False,
            visible=finder,
            max_length=80,
        )
        self.said = gr.HTML(apply_default_css=False, js_on_load=None)
        self.clips = ClipList(action=action)
        self.more = gr.Button("Show more", visible=False, size="sm", elem_classes="k-more")
        self.limit = gr.State(FEW)
        inputs = [listener, self.domain, self.words, self.limit]
        self._fill: dict[str, Any] = {
            "fn": bound(fill, context),
            "inputs": inputs,
            "outputs": [self.clips, self.said, self.more],
            **QUIET,
        }
        few: dict[str, Any] = {"fn": lambda: FEW, "outputs": self.limit, **QUIET}
        self.domain.input(**few).then(**self._fill)
        self.words.input(**few).then(trigger_mode="always_last", **self._fill)
        self.more.click(lambda: MANY, outputs=self.limit, **QUIET).then(**self._fill)
        self.chosen = self.clips.act

    def filled_after(self, event: Any) -> Any:
        """Fill the list after an event of Gradio's."""
        return event.then(**self._fill)


def fill(context: Context, token: str | None, domain: str | None, words: str | None, limit: int) -> Iterator[list[Any]]:
    """Pieces of a kind of music, or with these words in their title; waits while the first ones are composed."""
    listener, kind = listener_of(context, token), domain or "pop"
    if words := (words or "").strip():
        found = tunes.find_tunes(words, kind, limit)
        shown, text = [as_tune(each) for each in found.tunes], counted(found, words, kind)
        yield [shown, status(text), gr.update(visible=found.found > len(shown) and limit < MANY)]
        return
    for _ in range(PATIENCE):
        try:
            there = starting_points.starting_points(context.studio, listener, kind, limit)
        except NotReady:
            yield [gr.skip(), status("Composing the first pieces…"), gr.skip()]
            time.sleep(AGAIN_S)
        else:
            yield [[as_clip(each) for each in there], status(""), gr.update(visible=limit <= len(there) < MANY)]
            return


def name_of(context: Context, token: str | None, choice: Choice) -> str:
    """The name of a piece that was chosen; a tune of a collection is taken into the listener's studio first."""
    if "address" not in choice:
        return str(choice["name"])
    *_, corpus, name = str(choice["address"]).split("/", 5)
    return tunes.take(context.studio, listener_of(context, token), corpus, name).name


def bring(context: Context, token: str | None, path: str, domain: str) -> BroughtPiece:
    """A file of the listener's own as a piece of their studio; Gradio's copy of the file is deleted."""
    file = Path(path)
    try:
        return uploads.upload(context.studio, listener_of(context, token), file.name, file.read_bytes(), domain)
    finally:
        file.unlink(missing_ok=True)


def upload_button(label: str, **settings: Any) -> gr.UploadButton:
    """Takes a MIDI or ABC file."""
    return gr.UploadButton(label, file_types=[".mid", ".midi", ".abc"], size="sm", **settings)


def as_clip(choice: StartingPoint) -> dict[str, Any]:
    """A choice as a list shows it: in words, and where it comes from."""
    words = describe(choice.traits)
    words = f"{words[:1].upper()}{words[1:]}" or "A piece"
    detail = f"your no. {choice.rank}" if choice.rank else "not met yet"
    if choice.composed:
        detail += ", composed for you"
    if choice.title:
        detail = f"{choice.collection or 'your own file'}; {words.lower()}"
    return {**asdict(choice), "heading": choice.title or words, "detail": detail}


def as_tune(tune: Tune) -> dict[str, Any]:
    """A piece of a collection as a list shows it; a chorale's roll waits until it plays: reading one takes long."""
    return {**asdict(tune), "heading": tune.title, "detail": tune.collection, "lazy": tune.domain == "chorale"}


def describe(traits: Mapping[str, float]) -> str:
    """A piece in three words at most, what is most its own first."""
    named = [name for name in traits if ATTRIBUTES[name] != "content"]
    return ", ".join(
        _trait(name, traits[name]) for name in sorted(named, key=lambda name: -abs(traits[name]))[:WORDS_TOLD]
    )


def _trait(attribute: str, deviation: float) -> str:
    if abs(deviation) < MIDDLE:
        return f"moderate {ATTRIBUTES[attribute]}"
    word = POLES[attribute][deviation > 0]
    return f"very {word}" if abs(deviation) > VERY else word


def counted(found: FoundTunes, words: str, domain: str) -> str:
    """How many pieces have these words in their titles."""
    if not found.collections:
        return "There is no collection of tunes here that may be played."
    if not found.found:
        numbers = " Chorales go by their number, such as 227." if domain == "chorale" else ""
        return f"No title has “{words}” in it. Try fewer words, or a part of one.{numbers}"
    one = found.found == 1
    return f"One piece with “{words}” in its title." if one else f"{found.found} pieces with “{words}” in their titles."

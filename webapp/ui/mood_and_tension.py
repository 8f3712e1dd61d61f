"""What models hear in a piece, on the pages that compose or show it: its mood on a pad, and how open its future is.

The pad says where music is to lie and where the judges hear what came of it. Below a button the tension model's curves
are drawn, in the studio and in Why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from gradio.events import Dependency

from webapp.composing.dials import MoodPlace
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.mood import hear, in_words
from webapp.runtime.errors import Problem
from webapp.tension import own_music
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.mood_pad import MoodPad, Moods
from webapp.ui.components.tension_lanes import HeardPiece, TensionLanes
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, status
from webapp.ui.words import capital, sentence

GUESSED = "The dot is where our model hears {heard}: a guess, as it learned from pop piano."
ANY = "Any mood: only your taste decides."
# In the browser, where a place may have been chosen meanwhile; ``laid`` tells what was chosen before it was laid.
LAY = "(heard, pad) => ({ ...pad, new: heard, laid: pad.choices ?? 0 })"
# The tab keeps a place, which is of the moment, until somebody else listens; a frame may be denied to keep anything.
# The listener is told once the page has loaded, when a place, or any, may have been chosen already: that stays.
KEEP = """(pad) => {
  try { sessionStorage.setItem("%s", JSON.stringify(pad.target)); } catch {}
}"""
KEPT = """(pad, token) => {
  const before = globalThis.kallosMoodOf;
  globalThis.kallosMoodOf = token;
  if (before && before !== token) return { ...pad, target: null };
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem("%s")); } catch {}
  const place = Array.isArray(kept) && kept.length === 2 && kept.every((value) => Math.abs(value) <= 1);
  return pad.choices || !place ? pad : { ...pad, target: kept };
}"""
HEARING = "Hearing it…"
ABOUT = (
    "A model of music listens along: how much each note surprised it, how open it was before, and how surely it knows "
    "a bar as this piece's own. Whether that tells what people like has not been shown. "
    "<a href='tension'>Hear files of your own</a>."
)
GONE = "() => [null, '']"


class MoodChoice:
    """The pad, and beside it what was chosen and what is heard, in words.

    Args:
        label: What the pad is called for those who don't see it.
        about: What a place on it decides.
        heard: What the dot stands for, such as "what plays".
        elem_id: Of the pad; that of the words has ``-told`` after it.
    """

    def __init__(self, label: str, about: str, heard: str, elem_id: str) -> None:
        with gr.Row(elem_classes="k-mood-row"):
            with gr.Column(min_width=260, scale=0):
                self.pad = MoodPad(Moods(), label=label, any_button=True, interactive=True, elem_id=elem_id)
            with gr.Column(min_width=260):
                self.told = gr.HTML(status(ANY), apply_default_css=False, elem_id=f"{elem_id}-told")
                explain(f"{about} {GUESSED.format(heard=heard)}")
        # one event for all that changes the pad, so that what is said last is what it shows
        self.pad.change(partial(said, heard), self.pad, self.told, **CHOICE)

    def lay(self, event: Callable[..., Dependency], handler: Callable[..., Any], inputs: Any) -> None:
        """Put what a handler hears at an event on the pad, as ``hear`` gives it."""
        heard = gr.JSON(visible="hidden")
        event(handler, inputs, heard, **CHOICE).then(None, [heard, self.pad], self.pad, js=LAY, **CHOICE)

    def keep(self, listener: ListenerToken, key: str) -> None:
        """Keep the place under ``key`` while the tab is open, until somebody else listens; ``api.js`` forgets it."""
        self.pad.input(None, self.pad, None, js=KEEP % key, **CHOICE)
        listener.change(None, [self.pad, listener], self.pad, js=KEPT % key, **CHOICE)


def place_of(pad: Mapping[str, Any] | None) -> MoodPlace | None:
    """The place that was chosen on a pad; None for any mood."""
    target = pad["target"] if pad else None
    return MoodPlace(valence=target[0], arousal=target[1]) if target else None


def hear_mood(context: Context, token: str | None, clip_id: str | None) -> list[float] | None:
    """Valence and arousal of a clip, for a pad; None where there is none, or it can't be heard just now."""
    if not clip_id:
        return None
    try:
        mood = hear(context.studio, listener_of(context, token), f"clips/{clip_id}")
    except Problem:  # the music is as good without a dot
        return None
    return [round(mood.valence, 3), round(mood.arousal, 3)]


def said(heard: str, pad: Mapping[str, Any]) -> str:
    """What a pad shows, in words. ``heard``: what its dot stands for."""
    wanted, found = place_of(pad), pad["new"]
    text = f"You asked for music that is {in_words(wanted)}." if wanted else ANY
    if found:
        before = wanted and pad.get("choices", 0) > pad.get("laid", 0)
        earlier = " was there before, and" if before else ""
        text += f" {capital(heard)}{earlier} sounds {in_words(Mood(valence=found[0], arousal=found[1]))}."
    return status(text)


class Shown(NamedTuple):
    """A piece that a page shows: ``clips/ID`` or ``pieces/ID``, the key of its link, and its first bar's number."""

    name: str
    link: str = ""
    first_bar: int = 1


class OpenFuture(NamedTuple):
    """What is drawn, and what is said of it."""

    lanes: TensionLanes
    said: gr.HTML


def build_open_future(
    context: Context, listener: ListenerToken, source: Any, shown: Callable[[Any], Shown], *, stale: str = ""
) -> OpenFuture:
    """The button and the lanes; ``shown`` reads from the value of ``source`` which piece is meant.

    ``stale`` is a function in the browser that is given this value and the lanes, and gives the lanes and what is said
    as they are to be once another piece may be there.
    """
    with gr.Column(elem_classes="k-open-future"):
        with gr.Row(elem_classes="k-buttons k-middle"):
            ask = gr.Button("How open its future is", size="sm", elem_id="open-future")
        said = gr.HTML(apply_default_css=False, elem_id="open-future-said")
        with gr.Column(visible=False) as room:
            explain(ABOUT)
        lanes = TensionLanes(interactive=True)
    begun = ask.click(lambda: status(HEARING), outputs=said, **QUIET)
    done = begun.then(bound(hear_future, context, shown), [listener, source], [lanes, said, room], **QUIET)
    if stale:
        done.then(None, [source, lanes], [lanes, said], js=stale, **QUIET)
    return OpenFuture(lanes, said)


def hear_future(
    context: Context, shown: Callable[[Any], Shown], token: str | None, value: Any
) -> tuple[HeardPiece | None, str, dict[str, Any]]:
    """What is heard in the piece, or why nothing is."""
    try:
        piece = shown(value)
        listener_id = listener_of(context, token)
        found = own_music.curves_of(context.database, context.generation, listener_id, piece.name, piece.link)
    except Problem as problem:
        return None, status(sentence(problem)), gr.update(visible=False)
    return HeardPiece(found, piece.name, piece.first_bar), "", gr.update(visible=True)

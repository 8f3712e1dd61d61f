"""The mood pad of a page that composes: where the music is to lie, and where the judges hear what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from webapp.composing.dials import MoodPlace
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.mood import hearing
from webapp.mood.words import in_words
from webapp.runtime.errors import Problem
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.mood_pad import MoodPad, Moods
from webapp.ui.handlers import listener_of
from webapp.ui.layout import CHOICE, explain, status
from webapp.ui.words import capital

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


def hear(context: Context, token: str | None, clip_id: str | None) -> list[float] | None:
    """Valence and arousal of a clip, for a pad; None where there is none, or it can't be heard just now."""
    if not clip_id:
        return None
    try:
        mood = hearing.hear(context.studio, listener_of(context, token), f"clips/{clip_id}")
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

"""Versions of the piece in the studio that sound as requested: of another mood, by a pad, or calmer or tenser.

A judge evaluates each version, so what is said of it is what was measured in it. The messages of the studio stand here,
too: where something can't be done, is lacking, or was read in one way of several.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr
from pydantic import TypeAdapter

from webapp import mood
from webapp.api.studio import AskedRecipe, AskedVariations
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.mood import in_words
from webapp.runtime.errors import NotReady, Problem
from webapp.studio.pieces import OpenedPiece
from webapp.studio.uploads import BARS, BroughtPiece
from webapp.tension import steering as tension_steering
from webapp.tension.steering import TRIED, Steered
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.mood_pad import MoodPad, Moods
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, explain, status
from webapp.ui.waits import Wait
from webapp.ui.words import sentence

MUSIC = {"pop": "pop piano", "dance": "a dance tune", "chorale": "a chorale"}
AS_SEEN = "This is the drawing that our picture model finds nearest to your picture, in its colours and light."
DEAD = (
    "This address opens nothing: it is incomplete, or the piece was deleted or belongs to somebody else. Nothing of "
    "yours is lost; start from another piece."
)
VARIED = 0.6  # how much variations keep where all was kept: with all of it a dance tune comes out the same each time
NO_WAY = "Choose a second piece first."
ONLY_LOOK = "You can look at this recipe but not change it. Continue from the new one to change that."

ABOUT = (
    "Tap where the music is to go: brighter to the right, livelier upwards. It is composed again with the harmony and "
    "rhythm of pieces that have the mood, in another mode or at another tempo, and the nearest version plays. "
    "If nothing of it is to be kept (0 %), a new piece is written for the mood. "
    "Whether it is so, two judges say that learned from pop piano: it is a guess."
)
COMPOSING = "Composing versions on the way there and judging them…"
FIXED = "This was made from pieces of somebody else. Continue from the new one to change its mood."
NOT_NEARER = (
    "No version came nearer than what is there. Tap further away, or unlock something: then there is more to change."
)
_piece: TypeAdapter[OpenedPiece] = TypeAdapter(OpenedPiece)
COMPOSING_TENSION = f"Composing {TRIED} versions and hearing how open their future is…"
FIXED_TENSION = "This was made from pieces of somebody else. Continue from the new one to make it calmer or tenser."
# What was told is of one piece, and goes once another is shown
STALE = """({piece, old}, told) => told?.includes(`data-piece="${(piece ?? old)?.name}"`) ? told : ''"""


def lacking(piece: OpenedPiece, old: OpenedPiece | None) -> str:
    """What of a recipe is no longer there, and what can be done; ``old``: what the piece was made from."""
    if old is None:
        return "What this was made from is no longer here, so no old one stands beside it; continue from it as it is. "
    if not piece.mine or piece.editable:
        return ""
    return (
        "A piece that this borrows from is no longer here: remove that style or borrow it from another to change this. "
    )


def read_from(piece: BroughtPiece) -> str:
    """What a file was recognised as, as what kind of music it was read, and how much of it is here."""
    bars = len(piece.bars_s) - 1
    here = f"These are its {passage(piece)}" if piece.bars > BARS else ""
    if bars < BARS:
        here = f"It has only {'one whole bar' if bars == 1 else f'{bars} whole bars'} of eight"
    odd = f"How it was read: {piece.remarks}" if piece.remarks else ""
    told = "".join(f"{each}. " for each in (here, odd) if each)
    return f"Read from {piece.read_as} as {MUSIC[piece.domain]}. {told}"


def passage(piece: BroughtPiece) -> str:
    """Which bars of a file are read: "bars 9 to 16 of 64"."""
    return f"bars {piece.first_bar} to {piece.first_bar + len(piece.bars_s) - 2} of {piece.bars}"


def not_offered(shown: dict[str, Any], offered: list[str]) -> str:
    """Why a new piece can't be shared or compared blind; empty where it can."""
    piece = shown["piece"]
    if not piece:
        return (
            "There is nothing new to share, save or compare yet: turn a dial or borrow a style first."
            if shown["old"].get("image_url")
            else "There is nothing new to share, save or compare yet: turn a dial, borrow a style or lock something "
            "first."
        )
    if not piece["mine"] or shown["fixed"]:
        return "This is somebody else's: continue from the new one to share or compare it."
    if not shown["old"]["name"].startswith("clips/"):
        return (
            "It can't be compared blind: pairs are made of our own clips, and this began with a file, a tune or a "
            "piece of a studio."
        )
    return "This one is among your next pairs already." if piece["name"] in offered else ""


def build_mood(context: Context, listener: ListenerToken, desk: StudioDesk) -> Callable[[Any], Any]:
    """The pad, what it says, and what came of the last tap."""
    gr.Markdown("## Mood", elem_classes="k-apart")
    with gr.Row():
        with gr.Column(min_width=260):
            pad = MoodPad(interactive=True, elem_id="mood")
        with gr.Column(min_width=260):
            wait = Wait(elem_id="mood-told")
            told = wait.told
            explain(ABOUT)
    done = wait.on(pad.input, COMPOSING, bound(steer, context), [listener, desk, pad], [told, desk, pad], **CHOICE)
    done.failure(lambda shown: ("", {**shown, "target": None}), pad, [told, pad], **CHOICE)  # Gradio has said why
    return lambda shown: shown.then(bound(hear, context), [listener, desk, pad], [pad, told], **CHOICE)


def hear(context: Context, token: str | None, shown: dict[str, Any], pad: dict[str, Any] | None) -> tuple[Any, Any]:
    """Old and new on the pad, where they are others than those that lie there."""
    if "recipe" not in shown or shown["old"].get("image_url"):  # an order not obeyed yet, or nothing to be heard
        return gr.skip(), gr.skip()
    names = _names(shown)
    if pad and tuple(pad["names"]) == names:
        return gr.skip(), gr.skip()
    listener_id = listener_of(context, token)
    try:
        old, new = (mood.hear(context.studio, listener_id, name, shown["link"]) if name else None for name in names)
    except Problem as problem:  # whatever is shown next is heard again
        return Moods(), status(sentence(problem))
    asked = pad["target"] if pad and new else None  # which every other way has taken from the pad by now
    return Moods(names, old, new, fixed=shown["fixed"], asked=asked), _heard(old, new, asked)


def steer(context: Context, token: str | None, shown: dict[str, Any], pad: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A version nearer to the place that was tapped, for the desk."""
    if "recipe" not in shown:
        raise NotReady("the piece is still being put on the desk; try again in a moment")
    there = {**pad, "target": None, "asked": pad["target"]}
    if shown["fixed"]:
        return status(FIXED), gr.skip(), {**there, "asked": None}
    old, new = _names(shown)
    target = Mood(valence=pad["target"][0], arousal=pad["target"][1])
    recipe = AskedRecipe.model_validate({**shown["recipe"], "content": old}).checked()
    found = mood.steer(context.studio, listener_of(context, token), recipe, new or old, target, link=shown["link"])
    if found is None:
        return status(NOT_NEARER), gr.skip(), there
    piece = _piece.dump_python(found.piece, mode="json")
    return gr.skip(), {"do": "take", "piece": piece, "of": old}, gr.skip()  # once it is shown, it is heard


def _heard(old: Mood | None, new: Mood | None, asked: list[float] | None = None) -> str:
    if old is None:
        return ""
    wanted = f"You asked for {in_words(Mood(valence=asked[0], arousal=asked[1]))}. " if asked else ""
    said = f"{wanted}The old one sounds {in_words(old)}"
    return status(f"{said}, the new one {in_words(new)}." if new else f"{said}.")


def _names(shown: dict[str, Any]) -> tuple[str, str]:
    return shown["old"]["name"], (shown["piece"] or {"name": ""})["name"]


def build_tension(context: Context, listener: ListenerToken, desk: StudioDesk) -> None:
    """The two buttons, and what came of the last one."""
    with gr.Row(elem_classes="k-buttons k-middle"):
        calmer = gr.Button("Calmer", size="sm", elem_id="calmer")
        tenser = gr.Button("Tenser", size="sm", elem_id="tenser")
    wait = Wait(elem_id="steered")
    told = wait.told
    for button, handler in ((calmer, make_calmer), (tenser, make_tenser)):
        wait.on(button.click, COMPOSING_TENSION, bound(handler, context), [listener, desk], [told, desk])
    desk.shows(None, [desk, told], told, js=STALE, **CHOICE)


def make_calmer(context: Context, token: str | None, shown: dict[str, Any]) -> tuple[str, Any]:
    """What comes next is to be easier to foresee."""
    return _steer(context, token, shown, tenser=False)


def make_tenser(context: Context, token: str | None, shown: dict[str, Any]) -> tuple[str, Any]:
    """What comes next is to be harder to foresee."""
    return _steer(context, token, shown, tenser=True)


def _steer(context: Context, token: str | None, shown: dict[str, Any], *, tenser: bool) -> tuple[str, Any]:
    if "recipe" not in shown:  # an order that the desk has not obeyed yet
        raise NotReady("the piece is still being put on the desk; try again in a moment")
    now = (shown["piece"] or shown["old"])["name"]
    if shown["fixed"]:
        return _told(FIXED_TENSION, now), gr.skip()
    asked = {**shown["recipe"], "content": shown["old"]["name"], "seed": shown["unused"] - 1, "count": TRIED}
    asked["keep"] = VARIED if asked["keep"] == 1 else asked["keep"]
    found = tension_steering.steer(
        context.studio, listener_of(context, token), AskedVariations.model_validate(asked).checked(), now,
        tenser=tenser, link=shown["link"],
    )  # fmt: skip
    if found.piece is None:
        return _told(none_there(tenser=tenser), now), {"do": "seeds", "seeds": found.seeds}
    piece = _piece.dump_python(found.piece, mode="json")
    return _told(there(found, tenser=tenser), found.piece.name), {"do": "take", "piece": piece, "of": asked["content"]}


def _told(text: str, name: str) -> str:
    return f'<p class="k-reason" role="status" aria-live="polite" data-piece="{name}">{html.escape(text)}</p>'


def none_there(*, tenser: bool) -> str:
    """What to do where no version goes that way."""
    return (
        f"None of {TRIED} versions is {'tenser' if tenser else 'calmer'} than this one. Try again, or keep less of it: "
        "then there is more to choose from."
    )


def there(found: Steered, *, tenser: bool) -> str:
    """How far the new one has gone."""
    before, after = (f"{value:+.1f}".replace("-", "\u2212") for value in (found.before, found.after))
    return (
        f"{'Tenser' if tenser else 'Calmer'}: what follows is {'harder' if tenser else 'easier'} to foresee, {after} "
        f"beside {before} before, in standard deviations of real music of its kind."
    )

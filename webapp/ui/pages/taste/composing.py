"""Compose for me: what is wished for, how far it is, and what is ready for the next pairs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from webapp.composing import wishes
from webapp.composing.wishes import LEAST_KEPT, MOST_KEPT, ComposingState, Own, Wish
from webapp.context import Context
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, status

POLL_S = 1
WISHES = (("A gift", "careful"), ("Surprise me", "surprise"), ("Near a piece", "near"))
ABOUT = {
    "careful": "What we are surest that you will like.",
    "surprise": "Bolder: what you may like most, where your picks leave it open.",
    "near": "A piece that you know: some of it is kept, the rest is composed anew to your taste.",
}
CALLED = {"careful": "A gift", "surprise": "A surprise", "near": "Near a piece"}
NO_PIECE = "None of the pieces you like is of the music that you listen to now. Pick from a few more pairs first."
BLIND = "You will meet them blind among your next pairs, so that you can find out whether they are any better."


class Chosen(NamedTuple):
    """What choosing a wish sets, in the order of its outputs."""

    about: str
    near: dict[str, Any]
    button: dict[str, Any]


class Followed(NamedTuple):
    """What following the job sets, in the order of its outputs."""

    text: str
    timer: dict[str, Any]


def build(
    context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]], favourites: gr.State
) -> Any:
    """The section, hidden; ``favourites``: (called, clip id) of what can be kept part of."""
    with gr.Row(visible=False, elem_classes="k-part-of-page k-doing") as section:
        with gr.Column(scale=4):
            gr.Markdown("## Compose for me")
            wish = gr.Radio(
                WISHES, value="careful", show_label=False, container=False, elem_classes="k-choices", elem_id="wish"
            )
            about = gr.HTML(status(ABOUT["careful"]), apply_default_css=False)
            with gr.Row(visible=False) as near:
                piece = gr.Dropdown([], label="Piece", elem_id="near-piece")
                keep = gr.Slider(
                    round(100 * LEAST_KEPT), round(100 * MOST_KEPT), 50, step=10, label="Keep (%)", elem_id="near-keep"
                )
            told = gr.HTML(apply_default_css=False, elem_id="composing")
            gr.HTML(
                '<p class="k-explain"><a href="together">Compose for both of us</a>: what you and somebody else would '
                "like "
                "best.</p>",
                apply_default_css=False,
            )
        ask = gr.Button("Compose for me", variant="primary", elem_id="compose", scale=0, min_width=180)
    timer = gr.Timer(POLL_S, active=False)
    following = {"inputs": listener, "outputs": [told, timer], **QUIET}
    gr.on(changes, bound(follow, context), **following)
    timer.tick(bound(follow, context), **following)
    favourites.change(
        lambda named: gr.update(choices=named, value=named[0][1] if named else None), favourites, piece, **QUIET
    )
    gr.on([wish.change, favourites.change], choose, inputs=[wish, favourites], outputs=[about, near, ask], **QUIET)
    ask.click(bound(compose, context), inputs=[listener, wish, piece, keep], outputs=[told, timer], **QUIET)
    return section


def choose(mode: str, favourites: list[tuple[str, str]]) -> Chosen:
    """What a wish means, and what has to be said of it."""
    possible = mode != "near" or bool(favourites)
    return Chosen(
        about=status(ABOUT[mode] if possible else NO_PIECE),
        near=gr.update(visible=mode == "near" and possible),
        button=gr.update(interactive=possible),
    )


def compose(context: Context, token: str | None, mode: str, piece: str | None, keep: float) -> Followed:
    """Leave the job."""
    near = uuid.UUID(piece) if mode == "near" and piece else None
    wish = Wish.model_validate({"mode": mode, "near": near, "keep": keep / 100})
    return _followed(wishes.ask(context.database, context.space, listener_of(context, token), wish))


def follow(context: Context, token: str | None) -> Followed:
    """How the job stands; asks again in a second while it goes on."""
    return _followed(wishes.state(context.database, listener_of(context, token)))


def _followed(state: ComposingState) -> Followed:
    going = state.state in {"waiting", "running"}
    clips = [clip for clip in state.clips if clip.mode != "studio"]  # which are offered, but no job's
    coming = "".join(f"<li>{line}</li>" for line in lines_of(clips)) if going or state.state == "done" else ""
    return Followed(
        text=status(under_way(state) if going else ended(state.state, clips)) + _bar(state) + f"<ul>{coming}</ul>",
        timer=gr.update(active=going),
    )


def under_way(state: ComposingState) -> str:
    """How far a job is."""
    progress = state.progress
    if state.state == "waiting" or progress is None:
        return "In the queue…"
    if progress.drawn < progress.ideas:
        near = " near your piece" if state.wish and state.wish.mode == "near" else ""
        return f"Drawing ideas{near}: {progress.drawn} of {progress.ideas}."
    if progress.scored < progress.ideas:
        return f"Weighing {progress.ideas} ideas by your taste…"
    made = f"Composed and rendered: {progress.rendered} of {progress.pieces}."
    if progress.rendered < progress.pieces:
        return f"{progress.ideas} ideas weighed by your taste. {made}"
    return f"{made} Now what they have to beat is composed."


def ended(state: str, clips: Sequence[Own]) -> str:
    """What there is once no job goes on."""
    if state == "failed":
        return "Composing failed this time. Your picks are safe; please try again."
    if not clips:
        return f"New pieces, searched for by your taste. {BLIND}"
    waiting = sum(not clip.met for clip in clips)
    one = len(clips) == 1
    made = f"{'One piece has' if one else f'{len(clips)} pieces have'} been composed for you."
    if not waiting:
        return f"{made} You have met {'it' if one else 'them all'}."
    which = ("It" if one else "They") if waiting == len(clips) else f"{waiting} of them"
    return f"{made} {which} will be offered blind among your next pairs."


def lines_of(clips: Sequence[Own]) -> list[str]:
    """The newest pieces that were not met yet; which is which stays a secret until then."""
    waiting = [clip for clip in clips if not clip.met]
    return [
        f"{CALLED[clip.mode]} {place}: ready, waits blind in your next pairs" for place, clip in enumerate(waiting, 1)
    ]


def _bar(state: ComposingState) -> str:
    if state.state != "running" or state.progress is None:
        return ""
    progress = state.progress
    done, whole = progress.drawn + progress.ideas * progress.rendered, progress.ideas * (1 + progress.pieces)
    return f'<progress value="{done}" max="{whole}" aria-label="How far composing is"></progress>'

"""Compose for me: what is wished for, how far it is, the gift that opens, and what waits in the next pairs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from db.tables import PICTURES
from webapp.composing import handing_over, wishes
from webapp.composing.wishes import LEAST_KEPT, MOST_KEPT, ComposingState, Own, Wish
from webapp.context import Context
from webapp.listeners import accounts
from webapp.listening import ShownClip
from webapp.runtime.errors import NotReady
from webapp.ui import saving
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, status
from webapp.ui.moods import ANY, GUESSED, MOODS, mood_of
from webapp.ui.queueing import queueing

POLL_S = 1
WISHES = (("A gift", "careful"), ("Surprise me", "surprise"), ("Near a piece", "near"))
TENSION = (("Calmest", -2), ("Calmer", -1), ("Usual", 0), ("Tenser", 1), ("Tensest", 2))
TENSION_INFO = (
    "Calmer: what comes next is easier to foresee. Of the ideas that suit you best, those are taken that are so."
)
ABOUT = {
    "careful": "What we are surest that you will like.",
    "surprise": "Bolder: what you may like most, though your picks don't tell yet.",
    "near": "A piece that you know: some of it is kept, the rest is composed anew to your taste.",
}
CALLED = {"careful": "A gift", "surprise": "A surprise", "near": "Near a piece"}
NOT_OF_A_WISH = {"opened", "studio"}
NO_PIECE = "None of the pieces you like is of the music that you listen to now. Pick from a few more pairs first."
BLIND = "The others come blind among your next pairs, so that you can find out whether they are any better."


class Chosen(NamedTuple):
    """What choosing a wish sets, in the order of its outputs."""

    about: str
    near: dict[str, Any]
    tension: dict[str, Any]
    mood: dict[str, Any]
    button: dict[str, Any]


class Followed(NamedTuple):
    """What following the job sets, in the order of its outputs."""

    text: str
    timer: dict[str, Any]
    gift: Any


def build(
    context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]], favourites: gr.State
) -> Any:
    """The section, hidden; ``favourites``: (called, clip id) of what can be kept part of."""
    with gr.Row(visible=False, elem_classes="k-part-of-page k-doing") as section:
        with gr.Column(scale=4):
            gr.Markdown("## Compose for me")
            wish = gr.Radio(
                WISHES, value="careful", label="What to compose", show_label=False, container=False,
                elem_classes="k-choices", elem_id="wish",
            )  # fmt: skip
            about = gr.HTML(status(ABOUT["careful"]), apply_default_css=False)
            tension = gr.Radio(
                TENSION, value=0, label="Calmer or tenser", info=TENSION_INFO, elem_classes="k-choices",
                elem_id="tension-dial",
            )  # fmt: skip
            mood = gr.Radio(
                MOODS, value=ANY, label="Mood", info=GUESSED, elem_classes="k-choices", elem_id="wished-mood"
            )
            with gr.Row(visible=False) as near:
                piece = gr.Dropdown([], label="Piece", elem_id="near-piece")
                keep = gr.Slider(
                    round(100 * LEAST_KEPT), round(100 * MOST_KEPT), 50, step=10, label="Keep (%)", elem_id="near-keep"
                )
            told = gr.HTML(apply_default_css=False, elem_id="composing")
            gift = ClipList(elem_id="gift", interactive=True)
            explain('<a href="together">Compose for two</a>: music that you and somebody else would both like.')
        ask = gr.Button("Compose for me", variant="primary", elem_id="compose", scale=0, min_width=180)
    timer, pictures = gr.Timer(POLL_S, active=False), gr.State(value=False)
    outputs = [told, timer, gift]
    gr.on(changes, bound(look, context), inputs=listener, outputs=outputs, **QUIET)
    gr.on(changes, bound(compares_pictures, context), inputs=listener, outputs=pictures, **QUIET)
    timer.tick(bound(follow, context), inputs=listener, outputs=outputs, **QUIET)
    favourites.change(
        lambda named: gr.update(choices=named, value=named[0][1] if named else None), favourites, piece, **QUIET
    )
    gr.on(
        [wish.change, favourites.change, pictures.change],
        choose,
        inputs=[wish, favourites, pictures],
        outputs=[about, near, tension, mood, ask],
        **QUIET,
    )
    chosen = [listener, wish, piece, keep, tension, mood]
    ask.click(bound(compose, context), inputs=chosen, outputs=outputs, **QUIET)
    return section


def compares_pictures(context: Context, token: str | None) -> bool:
    """Whether it is pictures that are composed, which have neither tension nor mood."""
    return accounts.account(context.database, listener_of(context, token)).domain == PICTURES


def choose(
    mode: str,
    favourites: list[tuple[str, str]],
    pictures: bool = False,  # noqa: FBT001, FBT002 (an input)
) -> Chosen:
    """What a wish means, and what has to be said of it."""
    possible = mode != "near" or bool(favourites)
    return Chosen(
        about=status(ABOUT[mode] if possible else NO_PIECE),
        near=gr.update(visible=mode == "near" and possible),
        tension=gr.update(visible=mode != "near" and not pictures),
        mood=gr.update(visible=mode != "near" and not pictures),
        button=gr.update(interactive=possible),
    )


def compose(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context,
    token: str | None,
    mode: str,
    piece: str | None,
    keep: float,
    tension: int | None,
    mood: str | None,
) -> Followed:
    """Leave the job."""
    near = uuid.UUID(piece) if mode == "near" and piece else None
    steered = {} if near else {"tension": tension or 0, "mood": mood_of(mood)}
    wish = Wish.model_validate({"mode": mode, "near": near, "keep": keep / 100, **steered})
    state = wishes.ask(context.database, context.space, listener_of(context, token), wish)
    return _followed(context, state, [])


def look(context: Context, token: str | None) -> Followed:
    """How the newest job stands when the page opens."""
    listener_id = listener_of(context, token)
    gift = opened(context, listener_id)
    return _followed(context, wishes.state(context.database, listener_id), gift)


def follow(context: Context, token: str | None) -> Followed:
    """How the job stands, asked again in a second while it goes on; once it is done, the gift opens and plays."""
    listener_id = listener_of(context, token)
    before = wishes.state(context.database, listener_id)
    if _goes_on(before):
        return _followed(context, before, gr.skip())
    gift = opened(context, listener_id)
    return _followed(context, wishes.state(context.database, listener_id), playing(gift) if gift else [])


def opened(context: Context, listener_id: uuid.UUID) -> list[dict[str, Any]]:
    """The piece of the last wish that is not met blind; nothing where there is none yet."""
    try:
        found = handing_over.hand_over(context.database, context.journal, listener_id)
    except NotReady:
        return []
    if found.clip_id is None:
        return []
    shown = ShownClip.of(found.clip_id, found.seconds)
    return [
        {
            "heading": CALLED[found.mode],
            "detail": "composed for you",
            "audio_url": shown.audio_url,
            "notes_url": shown.notes_url,
            "image_url": shown.image_url,
            "seconds": shown.seconds,
            "save": saving.of_shown(shown),
        }
    ]


def _goes_on(state: ComposingState) -> bool:
    return state.state in {"waiting", "running"}


def _followed(context: Context, state: ComposingState, gift: Any) -> Followed:
    going = _goes_on(state)
    clips = [clip for clip in state.clips if clip.mode not in NOT_OF_A_WISH]
    return Followed(
        text=status(under_way(context, state) if going else ended(state.state, clips)) + _bar(state),
        timer=gr.update(active=going),
        gift=gift,
    )


def under_way(context: Context, state: ComposingState) -> str:
    """How far a job is."""
    progress = state.progress
    if state.state == "waiting" or progress is None:
        return queueing(context)
    if progress.drawn < progress.ideas:
        near = " near your piece" if state.wish and state.wish.mode == "near" else ""
        return f"Looking for ideas{near}: {progress.drawn} of {progress.ideas}."
    if progress.scored < progress.ideas:
        return f"Choosing among {progress.ideas} ideas by your taste…"
    if progress.rendered < progress.pieces:
        return (
            f"Composing the best of {progress.ideas} ideas: {progress.rendered} of {progress.pieces} pieces are there."
        )
    return f"All {progress.pieces} pieces are there. Now those are composed that they have to beat."


def ended(state: str, clips: Sequence[Own]) -> str:
    """What there is once no job goes on."""
    if state == "failed":
        return "Composing failed this time. Your picks are safe; please try again."
    waiting = sum(not clip.met for clip in clips)
    if not waiting:
        return f"New pieces, made for your taste. One plays at once. {BLIND}"
    which = "One more piece" if waiting == 1 else f"{waiting} more pieces"
    comes = "comes" if waiting == 1 else "come"
    return f"{which} made for you {comes} blind among your next pairs: after your pick you hear which it was."


def _bar(state: ComposingState) -> str:
    if state.state != "running" or state.progress is None:
        return ""
    progress = state.progress
    done, whole = progress.drawn + progress.ideas * progress.rendered, progress.ideas * (1 + progress.pieces)
    return f'<progress value="{done}" max="{whole}" aria-label="How far composing is"></progress>'

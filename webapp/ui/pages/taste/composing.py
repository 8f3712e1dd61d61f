"""Compose for me: what is wished for, how far it is, the gift that opens, and what waits in the next pairs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from db.tables import PICTURES
from webapp.composing import wishes
from webapp.composing.wishes import LEAST_KEPT, MOST_KEPT, ComposingState, Own, Wish
from webapp.context import Context
from webapp.listeners import accounts
from webapp.listening import ShownClip
from webapp.runtime.errors import NotReady
from webapp.ui import mood_and_tension
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, status
from webapp.ui.mood_and_tension import MoodChoice, place_of
from webapp.ui.waits import cancel_button, going, queueing
from webapp.ui.words import OF_MUSIC, OF_PICTURES, Words, words_of

POLL_S = 1
WISHES = (("A gift", "careful"), ("Surprise me", "surprise"), ("Near one you know", "near"))
TENSION = (("Calmest", -2), ("Calmer", -1), ("Usual", 0), ("Tenser", 1), ("Tensest", 2))
TENSION_INFO = (
    "How well one can foresee what comes next: better in calmer music, worse in tenser. How it feels is its mood. Of "
    "the ideas that suit you best, those are taken that are so."
)
ABOUT = {
    "careful": "What we are surest that you will like.",
    "surprise": "Bolder: what you may like most, though your picks don't tell yet.",
    "near": "A {one} that you know: some of it is kept, the rest is {done} anew to your taste.",
}
CALLED = {"careful": "A gift", "surprise": "A surprise", "near": "Near a {one}"}
ABOUT_MOOD = (
    "Some ideas are written for your place. Of these and of those that suit you best, the ones nearest to it are taken."
)
NOT_OF_A_WISH = {"opened", "studio"}
NO_PIECE = "None of the {one}s you like is of what you compare now. Pick from a few more pairs first."
BLIND = "The others come blind among your next pairs, so that you can find out whether they are any better."


class Chosen(NamedTuple):
    """What choosing a wish sets, in the order of its outputs."""

    about: str
    near: dict[str, Any]
    tension: dict[str, Any]
    mood: dict[str, Any]
    button: dict[str, Any]
    title: str


class Followed(NamedTuple):
    """What following the job sets, in the order of its outputs; ``opened`` is the gift's id, where it is music."""

    text: str
    timer: dict[str, Any]
    gift: Any
    opened: Any
    cancel: dict[str, Any]


def build(
    context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]], favourites: gr.State
) -> Any:
    """The section, hidden; ``favourites``: (called, clip id) of what can be kept part of."""
    with gr.Row(visible=False, elem_classes="k-part-of-page k-doing") as section:
        with gr.Column(scale=4):
            title = gr.Markdown(f"## {OF_MUSIC.wish}")
            wish = gr.Radio(
                WISHES, value="careful", label="What to compose", show_label=False, container=False,
                elem_classes="k-choices", elem_id="wish",
            )  # fmt: skip
            about = gr.HTML(status(ABOUT["careful"]), apply_default_css=False)
            tension = gr.Radio(
                TENSION, value=0, label="Calmer or tenser", info=TENSION_INFO, elem_classes="k-choices",
                elem_id="tension-dial",
            )  # fmt: skip
            with gr.Column() as of_a_mood:
                mood = MoodChoice("Mood of what is composed", ABOUT_MOOD, "what was made for you", "wished-mood")
            with gr.Row(visible=False) as near:
                piece = gr.Dropdown([], label="Which one", elem_id="near-piece")
                keep = gr.Slider(
                    round(100 * LEAST_KEPT), round(100 * MOST_KEPT), 50, step=10, label="Keep (%)", elem_id="near-keep"
                )
            with gr.Row():
                told = gr.HTML(apply_default_css=False, elem_id="composing", min_width=240)
                cancel = cancel_button(elem_id="cancel-wish")
            gift = ClipList(elem_id="gift", interactive=True)
            explain('<a href="together">Compose for two</a>: music that you and somebody else would both like.')
        ask = gr.Button(OF_MUSIC.wish, variant="primary", elem_id="compose", scale=0, min_width=180)
    timer, pictures = gr.Timer(POLL_S, active=False), gr.State(value=False)
    opened_id = gr.State()
    outputs = [told, timer, gift, opened_id, cancel]
    gr.on(changes, bound(look, context), inputs=listener, outputs=outputs, **QUIET)
    gr.on(changes, bound(compares_pictures, context), inputs=listener, outputs=pictures, **QUIET)
    timer.tick(bound(follow, context), inputs=listener, outputs=outputs, js=listener.awaited, **QUIET)
    mood.keep(listener, "kallos.mood.wished")
    mood.lay(opened_id.change, bound(mood_and_tension.hear_mood, context), [listener, opened_id])
    favourites.change(
        lambda named: gr.update(choices=named, value=named[0][1] if named else None), favourites, piece, **QUIET
    )
    gr.on(
        [wish.change, favourites.change, pictures.change],
        choose,
        inputs=[wish, favourites, pictures],
        outputs=[about, near, tension, of_a_mood, ask, title],
        **QUIET,
    )
    chosen = [listener, wish, piece, keep, tension, mood.pad]
    ask.click(bound(compose, context), inputs=chosen, outputs=outputs, **QUIET)
    cancel.click(bound(give_up, context), listener, outputs, **QUIET)
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
    possible, words = mode != "near" or bool(favourites), OF_PICTURES if pictures else OF_MUSIC
    return Chosen(
        about=status((ABOUT[mode] if possible else NO_PIECE).format(one=words.one, done=words.done)),
        near=gr.update(visible=mode == "near" and possible),
        tension=gr.update(visible=mode != "near" and not pictures),
        mood=gr.update(visible=True if mode != "near" and not pictures else "hidden"),  # what was chosen stays
        button=gr.update(value=words.wish, interactive=possible),
        title=f"## {words.wish}",
    )


def compose(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context,
    token: str | None,
    mode: str,
    piece: str | None,
    keep: float,
    tension: int | None,
    mood: dict[str, Any] | None,
) -> Followed:
    """Leave the job."""
    near = uuid.UUID(piece) if mode == "near" and piece else None
    steered = {} if near else {"tension": tension or 0, "mood": place_of(mood)}
    wish = Wish.model_validate({"mode": mode, "near": near, "keep": keep / 100, **steered})
    listener_id = listener_of(context, token)
    state = wishes.ask(context.database, context.space, listener_id, wish)
    return _followed(context, state, [], _words(context, listener_id))


def give_up(context: Context, token: str | None) -> Followed:
    """Compose no more of what was asked for; the clips that are there stay."""
    listener_id = listener_of(context, token)
    return _followed(context, wishes.cancel(context.database, listener_id), None, _words(context, listener_id))


def look(context: Context, token: str | None) -> Followed:
    """How the newest job stands when the page opens."""
    listener_id = listener_of(context, token)
    gift = opened(context, listener_id)
    return _followed(context, wishes.state(context.database, listener_id), gift, _words(context, listener_id))


def follow(context: Context, token: str | None) -> Followed:
    """How the job stands, asked again in a second while it goes on; once it is done, the gift opens and plays."""
    listener_id = listener_of(context, token)
    before, words = wishes.state(context.database, listener_id), _words(context, listener_id)
    if _goes_on(before):
        return _followed(context, before, None, words)
    gift = opened(context, listener_id)
    return _followed(context, wishes.state(context.database, listener_id), gift, words, plays=True)


def opened(context: Context, listener_id: uuid.UUID) -> list[dict[str, Any]]:
    """The piece of the last wish that is not met blind; nothing where there is none yet."""
    try:
        found = wishes.hand_over(context.database, context.journal, listener_id)
    except NotReady:
        return []
    if found.clip_id is None:
        return []
    shown = ShownClip.of(found.clip_id, found.seconds, picture=found.picture)
    words = OF_PICTURES if shown.image_url else OF_MUSIC
    return [
        {
            "id": str(found.clip_id),
            "heading": CALLED[found.mode].format(one=words.one),
            "detail": f"{words.done} for you",
            "audio_url": shown.audio_url,
            "notes_url": shown.notes_url,
            "image_url": shown.image_url,
            "seconds": shown.seconds,
            "save": clip_list.menu_of_shown(shown),
        }
    ]


def _words(context: Context, listener_id: uuid.UUID) -> Words:
    return words_of(accounts.account(context.database, listener_id).domain)


def _goes_on(state: ComposingState) -> bool:
    return state.state in {"waiting", "running"}


def _followed(
    context: Context, state: ComposingState, gift: list[dict[str, Any]] | None, words: Words, *, plays: bool = False
) -> Followed:
    """``gift``: None where it stays as it is; ``plays``: it sounds at once."""
    goes_on = _goes_on(state)
    clips = [clip for clip in state.clips if clip.mode not in NOT_OF_A_WISH]
    under = under_way(context, state, words) if goes_on else ""
    said = going(under, state.seconds_left) if goes_on else status(ended(state.state, clips, words))
    return Followed(
        text=said + _bar(state),
        timer=gr.update(active=goes_on),
        gift=gr.skip() if gift is None else playing(gift) if plays and gift else gift,
        opened=gr.skip() if gift is None else next((row["id"] for row in gift if not row["image_url"]), None),
        cancel=gr.update(visible=goes_on and state.asked),
    )


def under_way(context: Context, state: ComposingState, words: Words = OF_MUSIC) -> str:
    """How far a job is."""
    progress = state.progress
    if state.state == "waiting" or progress is None:
        return queueing(context)
    if progress.drawn < progress.ideas:
        near = f" near your {words.one}" if state.wish and state.wish.mode == "near" else ""
        return f"Looking for ideas{near}: {progress.drawn} of {progress.ideas}."
    if progress.scored < progress.ideas:
        return f"Choosing among {progress.ideas} ideas by your taste…"
    if progress.rendered < progress.pieces:
        return (
            f"{words.making} the best of {progress.ideas} ideas: {progress.rendered} of {progress.pieces} {words.one}s "
            "are there."
        )
    return f"All {progress.pieces} {words.one}s are there. Now those are {words.done} that they have to beat."


def ended(state: str, clips: Sequence[Own], words: Words = OF_MUSIC) -> str:
    """What there is once no job goes on."""
    if state == "failed":
        return f"{words.making} failed this time. Your picks are safe; please try again."
    waiting = sum(not clip.met for clip in clips)
    if not waiting:
        return f"New {words.one}s, made for your taste. One {words.opens} at once. {BLIND}"
    which = f"One more {words.one}" if waiting == 1 else f"{waiting} more {words.one}s"
    comes = "comes" if waiting == 1 else "come"
    return f"{which} made for you {comes} blind among your next pairs: after your pick you are told which it was."


def _bar(state: ComposingState) -> str:
    if state.state != "running" or state.progress is None:
        return ""
    progress = state.progress
    done, whole = progress.drawn + progress.ideas * progress.rendered, progress.ideas * (1 + progress.pieces)
    return f'<progress value="{done}" max="{whole}" aria-label="How far composing is"></progress>'

"""What the pages on which one picks share: the kinds of music, the ways to play, and what the picks have brought."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from webapp.composing import wishes
from webapp.context import Context
from webapp.listeners import accounts
from webapp.taste import overview
from webapp.ui.components.best_of_four_player import BestOfFourPlayer
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.pair_player import PairPlayer
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, heading
from webapp.ui.words import leaning, strongest

WAYS = (("compare", "./", "Two at a time"), ("four", "four", "Best of four"))
DOMAINS = (("Pop piano", "pop"), ("Dance tunes", "dance"), ("Chorales", "chorale"))
FIRST_GUESS, FIRST_CLIP, PICTURE = 3, 6, 10  # picks


def frame(
    context: Context,
    listener: ListenerToken,
    kind: type[PairPlayer | BestOfFourPlayer],
    *,
    way: str,
    title: str,
    called: str,
) -> None:
    """The page around a player: its question, the kind of music, the ways to play, a line on what was learned."""
    with gr.Row(elem_classes="k-ask"):
        heading(title)
        domain = gr.Radio(DOMAINS, label="Kind of music", show_label=False, container=False, elem_classes="k-choices")
    gr.HTML(_ways(way), apply_default_css=False, js_on_load=None)
    player = kind(offered=True)
    note = gr.HTML(_note(), apply_default_css=False, js_on_load=None)

    listener.change(bound(domain_of, context), inputs=listener, outputs=domain, **QUIET)
    domain.input(
        bound(choose_domain, context, called),
        inputs=[listener, domain],
        outputs=note,
        **QUIET,
    )
    player.milestone(bound(milestone, context), inputs=listener, outputs=note, **QUIET)


def domain_of(context: Context, token: str | None) -> str:
    """Which kind of music the listener chose."""
    return accounts.account(context.database, listener_of(context, token)).domain


def choose_domain(context: Context, called: str, token: str | None, domain: str) -> str:
    """Another kind of music, from the next new offer on."""
    accounts.change_domain(context.database, context.journal, listener_of(context, token), domain)
    music = next(label for label, value in DOMAINS if value == domain)
    return _note(f"{music}, from the {called} after the next. Skip to get there sooner.")


def milestone(context: Context, token: str | None, event: gr.EventData) -> str:
    """What the picks so far have brought: a first guess, then a clip of one's own, then a page to read."""
    picks = int(event.picks)
    if picks >= PICTURE:
        return _note('Ten picks make a picture: <a href="taste">see what you seem to love</a>.')
    listener_id = listener_of(context, token)
    if picks >= FIRST_CLIP:
        return _note(_first_clip(wishes.state(context.database, listener_id).clips))
    style = strongest(overview.overview(context.database, context.space, context.playable, listener_id).styles)
    if style is None:
        return _note("Nothing stands out in your picks so far.")
    return _note(f"A first guess: {leaning(style.words)}. The next picks will tell.")


def _first_clip(clips: Sequence[wishes.Own]) -> str:
    if any(clip.met for clip in clips):
        return "One of the clips you have compared was composed for you."
    if clips:
        return "A clip composed for you waits in your next pairs. Which one stays a secret."
    return "A clip is being composed for you. You will meet it blind in one of your pairs."


def _note(text: str = "") -> str:
    return f'<p class="k-note" aria-live="polite">{text}</p>'


def _ways(current: str) -> str:
    links = "".join(
        f'<a href="{href}"{" aria-current=page" if name == current else ""}>{label}</a>' for name, href, label in WAYS
    )
    return f'<nav class="kallos k-ways" aria-label="Ways to play">{links}</nav>'

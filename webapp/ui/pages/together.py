"""Music for two: the link that invites, the agreement, where two tastes part, and what was composed for both."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import gradio as gr
from scipy.special import ndtr

from models.taste.explain import POLES, SEEMING, with_odds
from webapp.api.dependencies import public_address
from webapp.context import Context
from webapp.mood import sounding
from webapp.runtime.errors import Problem
from webapp.sharing import for_two
from webapp.sharing.for_two import ComposingJob, ForTwo, OneEffect, StyleBeside
from webapp.sharing.for_two import Piece as SharedPiece
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.taste_bars import Bar, Estimate, TasteBars
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, heading, page, status
from webapp.ui.waits import UNREACHABLE, cancel_button, going, unreachable
from webapp.ui.words import capital, counted, percent, sentence, style_name

POLL_S = 3
ENDED = "Music for two has ended, for both of you. What was composed for both is gone, but for what you kept."
INVITED = (
    "If you agree, music is composed from both of your tastes, and each of you sees what the two of you seem to like "
    "and where you differ. Nothing else is shared: no name, no picks. Either of you can end it at any time; then it is "
    "gone for both."
)
INVITE = (
    "Send a link to one person. Once they have opened it and agreed, music can be composed that both of you would "
    "like. The link works once, and until then nobody learns anything."
)
LEGEND = (
    '<i class="k-dot k-you"></i> you <i class="k-dot k-they"></i> they, each with the range that we are 95&nbsp;% sure '
    "of."
)
CALLED = {"pop": "Piano", "dance": "Dance tune", "chorale": "Chorale"}
FORGET_KEY = (
    "() => { const here = new URL(location.href); here.searchParams.delete('duet'); "
    "history.replaceState(history.state, '', here); }"
)


class Overview(NamedTuple):
    """What the page shows besides each agreement, in the order of its outputs."""

    agreed: list[ForTwo]
    said: Any
    awaited: str
    url: dict[str, Any]
    invite: dict[str, Any]
    withdraw: dict[str, Any]
    timer: dict[str, Any]


def build(context: Context) -> None:
    """The page at ``/together``; ``?duet=KEY`` is somebody's link."""
    listener: ListenerToken
    with page("taste") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Music for two")
            Volume()
        said = gr.HTML(apply_default_css=False, elem_id="said")
        with gr.Column(visible=False, elem_classes="k-part-of-page", elem_id="invited") as invited:
            gr.Markdown("## Somebody would like to share music with you")
            explain(INVITED)
            with gr.Row(elem_classes="k-buttons"):
                decline = gr.Button("Not now")
                agree_it = gr.Button("Agree", variant="primary", elem_id="agree")
        awaited = gr.HTML(apply_default_css=False, elem_id="awaited")
        agreed = gr.State([])
        question = Confirmation(test_id="end-confirm")
        timer = gr.Timer(POLL_S, active=False)

        @gr.render(inputs=agreed)  # type: ignore[untyped-decorator]
        def agreements(found: list[ForTwo]) -> None:
            for each in found:
                _agreement(context, listener, each, (refreshed, load), question)

        with gr.Column(elem_classes="k-part-of-page"):
            gr.Markdown("## Invite somebody")
            explain(INVITE)
            url = gr.Textbox(
                label="Your link", visible=False, interactive=False, buttons=["copy"], elem_id="invite-url"
            )
            with gr.Row(elem_classes="k-buttons"):
                invite_them = gr.Button("Make a link", variant="primary", elem_id="invite")
                withdraw = gr.Button("Take it back", visible=False)
        outputs = [agreed, said, awaited, url, invite_them, withdraw, timer]
        refreshed = bound(overview, context)
        load = {"inputs": [listener, agreed], "outputs": outputs, **QUIET}
        listener.change(refreshed, **load).then(bound(look, context), listener, [invited, said], **QUIET)
        timer.tick(refreshed, **load, js=listener.awaited)
        answered = agree_it.click(bound(agree, context), listener, [invited, said], **QUIET)
        answered.success(None, js=FORGET_KEY).then(refreshed, **load)
        decline.click(lambda: gr.update(visible=False), outputs=invited, **QUIET).then(None, js=FORGET_KEY)
        made = invite_them.click(bound(invite, context), listener, said, js=listener.awaited, **QUIET)
        made.success(refreshed, **load)
        withdraw.click(bound(take_back, context), listener, said, **QUIET).success(refreshed, **load)
        question.confirm(bound(end, context), listener, said, **QUIET).success(refreshed, **load)


def _agreement(
    context: Context, listener: ListenerToken, found: ForTwo, load: tuple[Any, Any], question: Confirmation
) -> None:
    """One agreement: its chart, its pieces and its buttons.

    What has a key stays when the agreements are drawn anew, as they are with each pick of either: a piece sounds on.
    """
    assert found.picks is not None
    assert found.agreed_at is not None
    refreshed, loading = load
    known = found.picks.you > 0 and found.picks.they > 0
    count = len(found.pieces)
    own = str(found.duet_id)
    with gr.Column(elem_classes="k-part-of-page", elem_id=f"for-two-{own}", key=f"agreement {own}"):
        with gr.Row():
            gr.Markdown("## You two")
            end_it = gr.Button("End this", size="sm", scale=0, elem_id="end")
        explain(
            f"Since {found.agreed_at.day} {found.agreed_at:%B %Y}. Learned from {counted(found.picks.you, 'pick')} of "
            f"yours and {found.picks.they} of theirs."
        )
        beside = (
            gr.Row(elem_classes="k-columns-two", key=f"row {own}") if count else gr.Column()
        )  # nothing beside it yet
        with beside:
            with gr.Column(min_width=320, key=f"pieces {own}"):
                gr.Markdown("### Composed for both")
                rows = [_row(piece, count - place) for place, piece in enumerate(found.pieces)]
                ClipList(rows, all_button=True, interactive=True, key=f"list {own}", preserved_by_key=[])
                explain(how_it_stands(found.job, count) if known or count else _lacking(found.picks.you))
                with gr.Row(elem_classes="k-buttons"):
                    compose = gr.Button(
                        "Compose for both",
                        variant="primary",
                        interactive=known and not _busy(found),
                        elem_id="compose-both",
                    )
                    cancel = cancel_button(visible=_busy(found), elem_id="cancel-both")
            with gr.Column(min_width=320, visible=known):
                gr.Markdown("### Where your tastes differ")
                explain(LEGEND)
                TasteBars([beside_bar(style) for style in found.styles], interactive=True)
    named = gr.State(str(found.duet_id))
    compose.click(bound(request_pieces, context), [listener, named], None, **QUIET).success(refreshed, **loading)
    cancel.click(bound(give_up, context), [listener, named], None, **QUIET).success(refreshed, **loading)
    end_it.click(ask_to_end, named, question, **QUIET)


def overview(context: Context, token: str | None, before: list[ForTwo], request: gr.Request) -> Overview:
    """Every agreement and the open link, asked again while anything is shared; and whether one has ended since."""
    found = for_two.overview(context.database, context.space, context.playable, listener_of(context, token))
    agreed = [each for each in found if each.link_key is None]
    key = next((each.link_key for each in found if each.link_key), None)
    assert request.request is not None
    address = f"{public_address(request.request)}/together?duet={key}" if key else ""
    ended = {each.duet_id for each in before} - {each.duet_id for each in agreed}
    return Overview(
        agreed,
        status(ENDED) if ended else gr.skip(),
        _awaited(context, agreed),
        gr.update(visible=key is not None, value=address),
        gr.update(visible=key is None),
        gr.update(visible=key is not None),
        gr.update(active=bool(found)),
    )


def _awaited(context: Context, agreed: list[ForTwo]) -> str:
    """While pieces are composed: how long that takes, or that nobody is there to compose them, until somebody is."""
    awaited = [each.job for each in agreed if each.job and _busy(each)]
    if not awaited:
        return ""
    seconds = [job.seconds_left for job in awaited if job.seconds_left is not None]
    return status(UNREACHABLE) if unreachable(context) else going("Composing for both.", max(seconds, default=None))


def look(context: Context, token: str | None, request: gr.Request) -> tuple[dict[str, Any], str]:
    """What the link in the address says, if there is one."""
    key = str(request.query_params.get("duet", ""))
    if not key:
        return gr.update(visible=False), ""
    try:
        invitation = for_two.look(context.database, listener_of(context, token), key)
    except Problem as problem:
        return gr.update(visible=False), status(sentence(problem))
    if invitation.mine:
        text = "This is your own link. Send it to whom you want to share music with."
        return gr.update(visible=False), status(text)
    return gr.update(visible=True), ""


def agree(context: Context, token: str | None, request: gr.Request) -> tuple[dict[str, Any], str]:
    """Say yes to the invitation."""
    key = str(request.query_params.get("duet", ""))
    for_two.agree(context.database, context.journal, listener_of(context, token), key)
    return gr.update(visible=False), status("Agreed. Below is what the two of you share.")


def invite(context: Context, token: str | None) -> str:
    """Make the link."""
    for_two.invite(context.database, context.journal, listener_of(context, token))
    return ""


def take_back(context: Context, token: str | None) -> str:
    """Withdraw the open link."""
    listener_id = listener_of(context, token)
    for each in for_two.overview(context.database, context.space, context.playable, listener_id):
        if each.link_key:
            for_two.end(context.database, context.journal, listener_id, each.duet_id)
    return status("Your link opens nothing any more.")


def request_pieces(context: Context, token: str | None, duet_id: str) -> None:
    """Have pieces composed for both."""
    for_two.request_pieces(context.database, listener_of(context, token), uuid.UUID(duet_id))


def give_up(context: Context, token: str | None, duet_id: str) -> None:
    """Compose no more for both for now."""
    for_two.cancel_pieces(context.database, listener_of(context, token), uuid.UUID(duet_id))


def ask_to_end(duet_id: str) -> Question:
    """What ending means."""
    return Question(
        "End this?",
        "The pieces composed for both of you will be gone for both, but for what you kept. Your picks stay as they "
        "are.",
        "End it",
        "Keep it",
        data=duet_id,
    )


def end(context: Context, token: str | None, event: gr.EventData) -> str:
    """End an agreement for both."""
    for_two.end(context.database, context.journal, listener_of(context, token), uuid.UUID(str(event.data)))
    return status(ENDED)


def beside_bar(style: StyleBeside) -> Bar:
    """Both on one line, and in words whether they part."""
    less, more = POLES.get(style.attribute, ("less", "more"))
    return Bar(
        name=capital(style_name(style.style)),
        estimates=[
            Estimate.normal(style.they.effect, style.they.sd, "they"),
            Estimate.normal(style.you.effect, style.you.sd, "you"),
        ],
        words=_verdict(style) or _leans(style, (less, more)) or "Can't tell yet",
        less=less,
        more=more,
        decided=style.verdict == "part",
        described=f"{less} to {more}: you {_sentence(style.you)}, they {_sentence(style.they)}",
        test_id=f"beside-{style.style}",
    )


def how_it_stands(job: ComposingJob | None, count: int) -> str:
    """How far composing is, or what the figures of the pieces mean."""
    if job and job.state == "waiting":
        return "In the queue…"
    if job and job.state == "running":
        progress = job.progress or {}
        there, of = progress.get("pieces", 0), progress.get("of", 3)
        if not there:
            return "Searching for what both of you would like…"
        return f"Composing for both: {there} of {of} are there…"
    if job and job.state == "failed":
        return "Composing failed this time. Please try again."
    if not count:
        return "Pieces that should please both of you, neither at the other's cost."
    return "The figures are careful guesses of how likely each of you prefers the piece to an average one."


def _verdict(style: StyleBeside) -> str:
    you, they = style.you.word, style.they.word
    more = {word: " more" if word.startswith("with ") else "" for word in (you, they)}
    return {
        "part": f"You like it {you}, they {they}",
        "you_more": f"You like it {you}{more[you]} than they do",
        "they_more": f"They like it {they}{more[they]} than you do",
        "both": f"You both like it {you}",
    }.get(style.verdict, "")


def _leans(style: StyleBeside, ends: tuple[str, str]) -> str:
    """In which direction each of the two leans, with its odds, where nothing is sure of both."""
    leans = {}
    for who, effect in (("you", style.you), ("they", style.they)):
        odds = float(ndtr(abs(effect.effect) / effect.sd)) if effect.sd > 0 else 0.5
        if odds >= SEEMING:
            leans[who] = with_odds(ends[effect.effect > 0], odds)
    if len(leans) == 2 and len({lean.partition(" (")[0] for lean in leans.values()}) == 1:  # said once
        what, _, yours = leans["you"].rstrip(")").partition(" (")
        theirs = leans["they"].rstrip(")").partition(" (")[2]
        return f"Both {what} ({yours if yours == theirs else f'you {yours}, they {theirs}'})"
    return capital("; ".join(f"{who}: {lean}" for who, lean in leans.items()))


def _sentence(effect: OneEffect) -> str:
    estimate = Estimate.normal(effect.effect, effect.sd)
    return f"like it {effect.word}" if estimate.low > 0 or estimate.high < 0 else "can't tell yet"


def _lacking(you: int) -> str:
    if you:
        return "They have not picked anything yet. Once they have, pieces can be composed for both."
    return (
        'You have not picked anything yet. <a href="./">Compare a few pieces</a> first, then some can be composed for '
        "both."
    )


def _busy(found: ForTwo) -> bool:
    return found.job is not None and found.job.state in {"waiting", "running"}


def _row(piece: SharedPiece, number: int) -> dict[str, Any]:
    you, they = percent(piece.chance.you), percent(piece.chance.they)
    mood = sounding(piece.mood) if piece.mood else ""
    return {
        "id": str(piece.piece_id),
        "heading": f"{CALLED[piece.domain]} {number}",
        "detail": " · ".join(filter(None, (mood, f"you {you}", f"they {they}"))),
        "audio_url": piece.audio_url,
        "notes_url": piece.notes_url,
        "seconds": piece.seconds,
        "save": clip_list.menu_of_shared(piece),
    }

"""The pages on which one picks, of two clips or of four: what is compared, how, and what each pick has brought."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import gradio as gr

from db.queries.votes import count_picks_of
from db.tables import PICTURES
from webapp import mood
from webapp.composing import wishes
from webapp.context import Context
from webapp.listeners import accounts
from webapp.listening import voting
from webapp.listening.voting import Answer
from webapp.taste import overview
from webapp.ui import arrival
from webapp.ui.components.best_of_four_player import BestOfFourPlayer
from webapp.ui.components.clip import deal_again
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.pair_player import PairPlayer
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import CHOICE, heading, page
from webapp.ui.words import OF_MUSIC, OF_PICTURES, Words, counted, strongest, style_name, words_of

DOMAINS = (("Pop piano", "pop"), ("Dance tunes", "dance"), ("Chorales", "chorale"))  # of music
COMPARED = (*DOMAINS, ("Pictures", PICTURES))
ABOUT_PICTURES = (
    "Public-domain drawings in colours of Kallos, to look at in silence. What you pick teaches a taste of its own, "
    "beside that for music."
)
FIRST_GUESS, FIRST_CLIP, PICTURE = 3, 6, 10  # picks
NEAR = 3  # picks: a goal that is further away may go unsaid
PLACES = {"offer": ('<a href="./">two at a time</a>', "A pair"), "four": ('<a href="four">best of four</a>', "Four")}
LEAD = (
    "Kallos learns from your picks what you find beautiful, and composes it. Nobody is identified: "
    '<a href="about">what happens to your picks</a>.'
)


def frame(
    context: Context,
    listener: ListenerToken,
    kind: type[PairPlayer | BestOfFourPlayer],
    *,
    way: str,
    title: str,
    lead: str = "",
) -> None:
    """The page around a player: its question, the kind of music, a line on what was learned."""
    with gr.Row(elem_classes="k-ask"):
        heading(title, lead)
        domain = gr.Radio(
            COMPARED, label="What you compare", show_label=False, container=False, elem_classes="k-choices"
        )
    with gr.Row(elem_classes="k-note-row"):
        note = gr.HTML(_note(), apply_default_css=False, js_on_load=None)
        Volume()
    player = kind(offered=True)

    arrival.fill(listener.change, bound(arrive, context), listener, [domain], [note])
    domain.input(bound(choose_domain, context), [listener, domain], [note, player], js=listener.awaited, **CHOICE)
    player.vote(bound(answer, context), inputs=listener, outputs=note, **CHOICE)
    player.undone(bound(undone, context, way), inputs=listener, outputs=[note, domain], **CHOICE)


def arrive(context: Context, token: str | None) -> tuple[list[str], Any]:
    """Which kind of music the listener chose, and what the next picks will bring."""
    claim = claim_of(context, token)
    found = accounts.account(context.database, claim.listener_id, new=claim.new)
    pictures = found.domain == PICTURES
    picks = picks_towards(context, claim.listener_id, pictures=pictures)
    lines = [ABOUT_PICTURES] if pictures and picks < FIRST_GUESS else []
    lines += [goal(picks, pictures=pictures, met=_met(context, claim.listener_id, picks))] if found.picks else []
    return [found.domain], _note(" ".join(lines)) if lines else gr.skip()


def choose_domain(context: Context, token: str | None, domain: str) -> tuple[str, dict[str, Any]]:
    """Another kind of music, or pictures, at once; what is open of the one before waits until that is chosen again."""
    accounts.change_domain(context.database, context.journal, listener_of(context, token), domain)
    about = f" {ABOUT_PICTURES}" if domain == PICTURES else ""
    return _note(f"{_called(domain)} from here on.{about}"), deal_again()


def answer(context: Context, token: str | None, event: gr.EventData) -> str:
    """What a pick turned out to be, and what the next ones will bring."""
    listener_id = listener_of(context, token)
    which = getattr(event, "offer_id", None) or event.four_id
    found = voting.of_vote(context.database, listener_id, uuid.UUID(str(which)))
    domain = accounts.account(context.database, listener_id).domain
    told = told_of(found, of=4 if getattr(event, "four_id", None) else 2, words=words_of(domain)) if found else ""
    pictures = domain == PICTURES
    picks = picks_towards(context, listener_id, pictures=pictures)
    brings = brought(context, listener_id, picks, picked=bool(told), pictures=pictures)
    if pictures:
        return _note(f"{told} {brings}")
    picked = getattr(event, "clip_id", None)
    sounds = heard_as(context, listener_id, picked)
    if sounds and brings == goal(picks) and to_go(picks) > NEAR:
        brings = sounds  # both would take a third line, and move the players
    return _note(f"{told} {brings} {whole_of(picked)}")


def picks_towards(context: Context, listener_id: uuid.UUID, *, pictures: bool) -> int:
    """How many picks count towards what comes next: those on music, or those on ``pictures``."""
    return context.database.transaction(lambda session: count_picks_of(session, listener_id, pictures=pictures))


def heard_as(context: Context, listener_id: uuid.UUID, clip_id: str | None) -> str:
    """How what was picked sounds, where it was judged by now; what comes next is judged meanwhile."""
    picked = [uuid.UUID(clip_id)] if clip_id else []
    words = mood.words_of_met(context.studio, listener_id, picked)
    return f"We hear your pick as {words[picked[0]]}." if words else ""


def whole_of(clip_id: str | None) -> str:
    """The way to the whole piece that begins as the picked clip does; nothing where none was picked."""
    return f'<a href="whole?clip={uuid.UUID(clip_id)}">Hear it whole</a>' if clip_id else ""


def undone(context: Context, way: str, token: str | None, event: gr.EventData) -> tuple[str, str]:
    """The last pick was taken back."""
    listener_of(context, token)
    here, what = PLACES[event.what]
    elsewhere = "" if (event.what == "four") == (way == "four") else f" {what} waits for your answer in {here}."
    return _note(f"Undone. You have {counted(int(event.picks), 'pick')} now.{elsewhere}"), str(event.domain)


def told_of(found: Answer, *, of: int, words: Words = OF_MUSIC) -> str:
    """One pick ``of`` two or four in a sentence or two; nothing of what was no pick."""
    lines = []
    if found.guessed is not None:
        lines.append(
            "We guessed right." if found.guessed else f"We had guessed {'the other' if of == 2 else 'another'} one."
        )
    if found.composed is not None:
        unpicked = "The other one" if of == 2 else "One that you didn't pick"
        which = "The one you picked" if found.composed else unpicked
        lines.append(f"{which} was {words.done} for you.")
    if found.claim is not None:
        lines.append(
            "One of the two was changed to please you more: our claim was right."
            if found.claim
            else "One of the two was changed to please you more, and you prefer the other: that claim was wrong."
        )
    return " ".join(lines)


def brought(context: Context, listener_id: uuid.UUID, picks: int, *, picked: bool, pictures: bool = False) -> str:
    """What so many picks have brought, just now or in all, and the next goal."""
    comes = goal(picks, pictures=pictures, met=_met(context, listener_id, picks))
    if not picked or picks not in {FIRST_GUESS, FIRST_CLIP, PICTURE}:
        return comes
    if picks == PICTURE:
        return 'Ten picks make a picture: <a href="taste">see what you seem to love</a>.'
    if picks == FIRST_CLIP:
        return _first_clip(wishes.state(context.database, listener_id).clips, pictures=pictures)
    style = strongest(overview.overview(context.database, context.playable, listener_id).styles)
    if style is None:
        return f"Nothing stands out in your picks so far. {comes}"
    return f"A first guess at your taste: {style_name(style.style)} {style.lean}. {comes}"


def _met(context: Context, listener_id: uuid.UUID, picks: int) -> bool:
    """Whether something composed for them was among their pairs before so many picks promise the first."""
    return FIRST_GUESS <= picks < FIRST_CLIP and any(
        each.met for each in wishes.state(context.database, listener_id).clips
    )


def goal(picks: int, *, pictures: bool = False, met: bool = False) -> str:
    """What comes next, and how many picks away it is; not the first piece for them, where they have ``met`` one."""
    for there, what in (
        (FIRST_GUESS, "a first guess at your taste"),
        (FIRST_CLIP, f"the first {'picture drawn' if pictures else 'piece composed'} for you"),
        (PICTURE, "a picture of your taste"),
    ):
        if picks < there and not (met and there == FIRST_CLIP):
            return f"{_in(there - picks)}: {what}."
    return (
        f'{_in(to_go(picks))}: new {(OF_PICTURES if pictures else OF_MUSIC).made} for <a href="taste">your taste</a>.'
    )


def to_go(picks: int) -> int:
    """How many picks away the next goal is."""
    first = next((there - picks for there in (FIRST_GUESS, FIRST_CLIP, PICTURE) if picks < there), None)
    return first or wishes.EVERY - (picks - FIRST_CLIP) % wishes.EVERY


def _in(picks: int) -> str:
    return "With your next pick" if picks == 1 else f"In {picks} picks"


def _first_clip(clips: Sequence[wishes.Own], *, pictures: bool) -> str:
    if pictures:
        return "Pictures are being drawn for you. You meet them among your pairs, and are told after your pick which."
    if any(clip.met for clip in clips):
        return f"Your first pieces are among the pairs. {goal(FIRST_CLIP)}"
    if clips:
        return "A piece composed for you waits in your next pairs. Which one it is you hear after your pick."
    return "A piece is being composed for you. You will meet it in one of your pairs, and hear after your pick which."


def _called(domain: str) -> str:
    return next(label for label, value in COMPARED if value == domain)


def _note(text: str = "") -> str:
    return f'<p class="k-note" aria-live="polite">{text.strip()}</p>'


def compare(context: Context) -> None:
    """The page at ``/``."""
    with page("compare") as listener:
        frame(context, listener, PairPlayer, way="compare", title="Which is more beautiful?", lead=LEAD)


def four(context: Context) -> None:
    """The page at ``/four``."""
    with page("four") as listener:
        frame(context, listener, BestOfFourPlayer, way="four", title="Which is the most beautiful?")

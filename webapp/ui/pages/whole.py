"""Whole pieces: music composed for the listener that goes on without end, the next piece while the last one plays."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import gradio as gr

from db.queries.composed import WholePiece
from db.tables import PICTURES
from models.style.pieces.forms import MOST, SECTION_BARS, wanted_form
from webapp.composing import sources, whole_pieces
from webapp.composing.dials import MOOD
from webapp.composing.whole_pieces import Opening, Programme
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.learning.playable_clips import music_of
from webapp.listeners import accounts
from webapp.listening import ShownClip, voting
from webapp.mood import sounding
from webapp.runtime.errors import NotYours
from webapp.ui import arrival, mood_and_tension
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList, playing, resting
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.score import Score
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, heading, page, status
from webapp.ui.mood_and_tension import MoodChoice, place_of
from webapp.ui.pages.picking import DOMAINS
from webapp.ui.waits import cancel_button, going, queueing
from webapp.ui.words import sentence

TITLE = "Whole pieces"
POLL_S = 1
NEW, THIS = "Play something new", "Play this piece on"
NAMED = f"""() => {{
  const asked = new URLSearchParams(location.search);
  const named = ["clip", "piece"].filter((kind) => asked.get(kind)).map((kind) => `${{kind}}s/${{asked.get(kind)}}`);
  return [named[0] ?? "", named.length ? "{THIS}" : "{NEW}"];
}}"""
ABOUT_MOOD = "The next pieces that are composed come as near to your place as your taste allows."
ANY_FORM = "as it comes"
ABOUT_FORM = (
    f"Letters of {SECTION_BARS} bars each: AABB as dance tunes, AABA as songs, AAB as chorales, ABACA as a rondo. A "
    "letter that comes again asks for its music again."
)
KEEP_FORM = """(form) => { try { sessionStorage.setItem("kallos.form", form ?? ""); } catch {} }"""
KEPT_FORM = """(form) => { try { return sessionStorage.getItem("kallos.form") ?? form; } catch { return form; } }"""
MORE, ENDING = "More like this", "Another ending"
LISTED = 20  # of the newest pieces; those that were kept stay besides
FIRST = "Press the button: a whole piece, mostly of one or two minutes, is composed for you, and then the next."
LATER = "The next piece is composed already, or just now; this form is that of the one after it."
OF_MUSIC = "You compare pictures just now; whole pieces are music alone, and pop unless you choose another kind."
COMING = {"waiting", "running"}
COMPOSING = "Composing the next piece…"
GONE = "The piece that was to be played on isn't there (any more). Choose one from a list, or play something new."
FAILED = "Composing failed this time. Nothing is lost; please try again."


class Shown(NamedTuple):
    """What the page shows of a programme, in the order of its outputs."""

    text: str
    timer: dict[str, Any]
    pieces: Any
    awaited: bool
    cancel: dict[str, Any]


def build(context: Context) -> None:
    """The page at ``/whole``."""
    listener: ListenerToken
    with page("whole") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading(TITLE, "Each begins as your picks say you would like it. While it plays, the next one is composed.")
            domain = gr.Radio(
                DOMAINS, label="Kind of music", show_label=False, container=False, elem_classes="k-choices"
            )
        with gr.Row(elem_classes="k-note-row"):
            told = gr.HTML(apply_default_css=False, elem_id="whole-told")
            cancel = cancel_button(elem_id="whole-cancel")
            Volume()
        with gr.Row(elem_classes="k-whole-ask"):
            more = gr.Button(NEW, variant="primary", elem_id="whole-more", scale=0, min_width=200)
            form = gr.Textbox(
                label="Form of the next pieces", info=ABOUT_FORM, placeholder=ANY_FORM, max_length=MOST,
                elem_id="whole-form", min_width=240,
            )  # fmt: skip
        mood = MoodChoice("Mood of the next pieces", ABOUT_MOOD, "what plays", "whole-mood")
        pieces = ClipList(endless=True, action=(MORE, ENDING), elem_id="whole-pieces", interactive=True)
        score = Score(elem_id="whole-score")
        explain(
            f"The newest {LISTED} stay here, and those that you keep. Keys: <kbd>N</kbd> next, <kbd>P</kbd> previous, "
            "<kbd>space</kbd> play or pause."
        )
        tells = gr.Checkbox(
            label="Use what I listen to",
            info="What you hear to the end or keep, and what you skip, counts a little when music is composed for you. "
            "Your taste is still learned from your picks alone.",
            container=False,
            elem_id="whole-tells",
        )
        awaited, named = gr.State(value=False), gr.Textbox(visible="hidden")  # named: what is played on
    timer = gr.Timer(POLL_S, active=False)
    outputs = [told, timer, pieces, awaited, cancel]
    gr.on(None, None, None, [named, more], js=NAMED)
    named.change(bound(name, context), [listener, named], more, js=listener.awaited, **QUIET)
    mood.keep(listener, "kallos.mood")
    listener.change(None, form, form, js=KEPT_FORM, **CHOICE)
    chosen = gr.on(
        [form.submit, form.blur], bound(choose_form, context), [listener, form], [form, told], js=listener.awaited,
        **CHOICE,
    )  # fmt: skip
    chosen.then(None, form, None, js=KEEP_FORM, **CHOICE)
    arrival.fill(listener.change, bound(look, context), listener, [domain, told, pieces, score], [timer, tells, cancel])
    tells.input(bound(let_plays_tell, context), [listener, tells], told, js=listener.awaited, **CHOICE)
    domain.input(bound(choose_domain, context), [listener, domain], told, js=listener.awaited, **CHOICE)
    asked = [mood.pad, form]
    more.click(bound(ask, context), [listener, named, *asked], [named, more, *outputs], js=listener.awaited, **QUIET)
    # also one that begins while the server still notes the one before
    pieces.select(bound(begun, context), [listener, awaited, *asked], outputs, trigger_mode="multiple", **QUIET)
    mood.lay(pieces.select, bound(hear, context), listener)
    pieces.select(bound(score_of, context), listener, score, **CHOICE)
    pieces.act(bound(ask_for_more, context), inputs=listener, outputs=outputs, **QUIET)
    cancel.click(bound(give_up, context), listener, outputs, **QUIET)
    timer.tick(bound(follow, context), inputs=[listener, awaited], outputs=outputs, js=listener.awaited, **QUIET)


def look(context: Context, token: str | None) -> tuple[list[Any], Any, bool, dict[str, Any]]:
    """The kind of music, how the next piece stands, the pieces that are there, the newest one's score, whether plays
    tell something, and the button that cancels.
    """
    listener_id = listener_of(context, token)
    found = whole_pieces.programme(context.database, listener_id)
    account = accounts.account(context.database, listener_id)
    rows = rows_of(context, found)
    timer = gr.update(active=True) if _comes(found) else gr.skip()
    text = said(context, found) + (status(OF_MUSIC) if account.domain == PICTURES else "")
    score = _score(rows[0]["id"], rows[0]["heading"]) if rows else None
    at_first = [music_of(account.domain), text, resting(rows), score]
    return at_first, timer, account.plays_tell, gr.update(visible=_comes(found))


def let_plays_tell(context: Context, token: str | None, tells: bool) -> str:  # noqa: FBT001 (an input)
    """Whether what is composed goes by what is heard out and skipped, too."""
    accounts.let_plays_tell(context.database, context.journal, listener_of(context, token), tell=tells)
    return status("What you listen to counts." if tells else "Only your picks count now.")


def choose_domain(context: Context, token: str | None, domain: str) -> str:
    """Another kind of music, from the next piece on."""
    accounts.change_domain(context.database, context.journal, listener_of(context, token), domain)
    called = next(label for label, value in DOMAINS if value == domain)
    return status(f"{called} from the next piece on.")


def choose_form(context: Context, token: str | None, form: str | None) -> tuple[str, Any]:
    """Another form, from the next piece on, or from the one after it; none, and why, where it is no form."""
    try:
        wanted = wanted_form(form or "")
    except ValueError as error:
        return "", status(sentence(error))
    heeded = whole_pieces.change_form(context.database, listener_of(context, token), wanted)
    if not wanted:
        return wanted, gr.skip()
    when = "from the next piece on." if heeded else f"from the piece after the next. {LATER}"
    return wanted, status(f"{wanted}, {SECTION_BARS * len(wanted)} bars, {when}")


def name(context: Context, token: str | None, named: str) -> Any:
    """The button says what it plays on, where the address named that."""
    if not named:
        return gr.skip()
    listener_id = listener_of(context, token)
    try:
        source = context.database.transaction(lambda session: sources.find(session, named, listener_id))
    except (ValueError, NotYours):  # which pressing it says
        return gr.skip()
    return gr.update(value=f"{THIS}: {source.called}")


def hear(context: Context, token: str | None, event: gr.EventData) -> list[float] | None:
    """Where the piece that begins to sound lies on the pad."""
    return mood_and_tension.hear_mood(context, token, event.id)


def score_of(context: Context, token: str | None, event: gr.EventData) -> dict[str, str] | None:
    """The score of the piece that begins to sound."""
    listener_id = listener_of(context, token)
    named = f"{sources.CLIPS}/{event.id}"
    try:
        source = context.database.transaction(lambda session: sources.find(session, named, listener_id))
    except NotYours:
        return None
    return _score(event.id, source.called)


def ask(
    context: Context, token: str | None, named: str, mood: dict[str, Any] | None, form: str | None = ""
) -> tuple[Any, ...]:
    """Play something new, or what the address named and then on from it; what begins now sounds at once."""
    listener_id = listener_of(context, token)
    if named:
        try:
            uuid.UUID(named.partition("/")[2])
            found = whole_pieces.ask(context.database, context.journal, listener_id, named)
        except (ValueError, NotYours):  # which stays so: something new can be asked for instead
            there = shown(context, whole_pieces.programme(context.database, listener_id), awaited=False)
            return "", gr.update(value=NEW), *there._replace(text=status(GONE))
    else:
        found = whole_pieces.play_next(
            context.database, context.space, context.playable, context.generation, listener_id,
            journal=context.journal, mood=place_of(mood), form=form or "",
        )  # fmt: skip
    now = shown(context, found, awaited=not found.sounds)
    return ("", gr.update(value=NEW), *(now._replace(pieces=playing(now.pieces)) if found.sounds else now))


def ask_for_more(context: Context, token: str | None, event: gr.EventData) -> Shown:
    """Compose a piece like this one, or this one with another ending; it sounds as soon as it is there."""
    listener_id, clip_id = listener_of(context, token), uuid.UUID(event.id)
    if event.action == ENDING:
        found = whole_pieces.ask_for_another_ending(context.database, context.journal, listener_id, clip_id)
    else:
        found = whole_pieces.ask_for_more(context.database, context.journal, context.space, listener_id, clip_id)
    return shown(context, found, awaited=True)._replace(pieces=gr.skip())


def begun(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context,
    token: str | None,
    awaited: bool,  # noqa: FBT001 (an input)
    mood: dict[str, Any] | None,
    form: str | None,
    event: gr.EventData,
) -> Shown:
    """A piece begins to sound; with the newest of them the next one is composed."""
    listener_id = listener_of(context, token)
    found = whole_pieces.programme(context.database, listener_id)
    pieces = [str(piece.id) for piece in found.pieces]
    if event.id in pieces:  # and no opening, which is played on by now
        voting.record_play(
            context.database, context.journal, listener_id, uuid.UUID(event.id), outcome="begun", heard_ms=0
        )
        if event.id == pieces[-1]:
            found = whole_pieces.ask(
                context.database, context.journal, listener_id, mood=place_of(mood), form=form or ""
            )
    return shown(context, found, awaited=awaited)._replace(pieces=gr.skip())


def give_up(context: Context, token: str | None) -> Shown:
    """Compose no more for now; what sounds may sound to its end."""
    found = whole_pieces.cancel(context.database, listener_of(context, token))
    return shown(context, found, awaited=False)._replace(pieces=gr.skip())


def follow(context: Context, token: str | None, awaited: bool) -> Shown:  # noqa: FBT001 (an input)
    """How the next piece stands, asked again in a second while it is composed; one that was awaited sounds."""
    found = whole_pieces.programme(context.database, listener_of(context, token))
    if _comes(found):
        return shown(context, found, awaited=awaited)._replace(pieces=gr.skip())
    there = shown(context, found, awaited=False)
    if found.coming == "failed":
        return there._replace(pieces=gr.skip())  # what begun to sound may sound to its end
    return there._replace(pieces=playing(there.pieces)) if awaited and there.pieces else there


def shown(context: Context, found: Programme, *, awaited: bool) -> Shown:
    """A programme on the page."""
    comes = _comes(found)
    rows, cancel = rows_of(context, found), gr.update(visible=comes)
    return Shown(said(context, found), gr.update(active=comes), rows, awaited, cancel)


def said(context: Context, found: Programme) -> str:
    """How the next piece stands, or how one begins."""
    if _comes(found):
        return going(COMPOSING if found.coming == "running" else queueing(context), found.seconds_left)
    if found.coming == "failed":
        return status(FAILED)
    return status("" if found.pieces else FIRST)


def rows_of(context: Context, found: Programme) -> list[dict[str, Any]]:
    """The newest first, each with its name, number, form and length; on top what is being played on."""
    numbered = list(enumerate(found.pieces, 1))
    listed = [(number, piece) for number, piece in numbered[:-LISTED] if "kept" in piece.done] + numbered[-LISTED:]
    opening = [found.opening] if found.opening else []
    names = sources.names_of(
        context.database, [*(each.clip_id for each in opening), *(piece.id for _, piece in listed)]
    )
    rows = [_row(number, piece, names[piece.id]) for number, piece in reversed(listed)]
    return [_beginning(len(numbered) + 1, each, names[each.clip_id]) for each in opening] + rows


def _beginning(number: int, opening: Opening, name: str) -> dict[str, Any]:
    clip = ShownClip.of(opening.clip_id, opening.seconds)
    return {
        "id": str(opening.clip_id),
        "heading": name.partition(" in ")[0],  # the key of the whole may turn out to be another
        "detail": f"No. {number} begins; the rest is being composed",
        "audio_url": clip.audio_url,
        "notes_url": clip.notes_url,
        "seconds": clip.seconds,
        "cover": True,
        "acts": False,
    }


def _row(number: int, piece: WholePiece, name: str) -> dict[str, Any]:
    clip = ShownClip.of(piece.id, piece.seconds)
    bars = piece.recipe["bars"] + piece.recipe["played_on"]
    form = piece.recipe.get("form", "")
    length = f"{bars} bars{f' in sections {form}' if form else ''}"
    title = piece.recipe.get("title", "")
    called = f", {name[0].lower()}{name[1:]}" if title else ""
    told = _mood(piece.recipe)
    told += ", another ending" if "ending" in piece.recipe else ""
    told += ", changed in the Studio" if "changed" in piece.recipe else ""
    told += ", kept" if "kept" in piece.done else ""
    return {
        "id": str(piece.id),
        "begins": piece.recipe.get("clip", ""),
        "plays": f"/api/clips/{piece.id}/plays",
        "heading": title or name,
        "detail": f"No. {number}{called}, {length}, {piece.seconds:.0f} s{told}",
        "audio_url": clip.audio_url,
        "notes_url": clip.notes_url,
        "seconds": clip.seconds,
        "cover": True,
        "sections": form,
        "save": clip_list.menu_of_whole(piece.id),
    }


def _score(clip_id: str, title: str) -> dict[str, str]:
    return {"title": title, "abc_url": f"/api/studio/{sources.CLIPS}/{clip_id}/score"}


def _mood(recipe: Mapping[str, Any]) -> str:
    """How a piece sounds to the judges of mood, where that is known and says anything."""
    heard = recipe.get(MOOD, {})
    if "valence" not in heard or "changed" in recipe:  # in the Studio, where nobody has heard the whole since
        return ""
    words = sounding(Mood(valence=heard["valence"], arousal=heard["arousal"]))
    return words and f", {words}"


def _comes(found: Programme) -> bool:
    return found.coming in COMING

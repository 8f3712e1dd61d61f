"""Every pick so far, newest first, to be heard again, and the way back to any of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from webapp import mood
from webapp.context import Context
from webapp.listeners import rewind
from webapp.listeners.rewind import History, PastVote
from webapp.listening import ShownClip
from webapp.ui.components import clip_list
from webapp.ui.components.action_list import Action, ActionList, Row
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, status
from webapp.ui.words import counted

AT_ONCE = 8
NEWEST = 2**31 - 1
WORDS = {
    "left": "A is more beautiful",
    "right": "B is more beautiful",
    "equal": "Equally beautiful",
    "neither": "Neither",
    "skipped": "Skipped",
    "a": "A of four",
    "b": "B of four",
    "c": "C of four",
    "d": "D of four",
    "none": "None of four",
}
PICKED = {"left": 0, "right": 1, "a": 0, "b": 1, "c": 2, "d": 3}  # which place an outcome names
EXPLAINED = (
    "Every pick can be heard or seen again. Did somebody else pick here, or were you not attending? Go back to any "
    "pick: what came after it is undone as if it had never been. Only blind tests stay, with their music, because you "
    "were told what they compared. Skips and “neither” are listed, and count as no picks."
)
FOCUS = "() => { const title = document.querySelector('#votes h2'); title.tabIndex = -1; title.focus(); }"
IN_SIGHT = "() => document.querySelector('#heard-again')?.scrollIntoView({block: 'nearest', behavior: 'smooth'})"


class Shown(NamedTuple):
    """What showing votes sets, in the order of its outputs."""

    section: dict[str, Any]
    rows: list[Row]
    older: dict[str, Any]
    again: dict[str, Any]
    at_once: int


class Acted(NamedTuple):
    """What a button of a row sets, in the order of its outputs."""

    question: Any
    heard: Any
    title: Any


def build(context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]], renewed: gr.State) -> None:
    """The section; ``renewed`` grows once votes are undone."""
    count = gr.State(AT_ONCE)
    with gr.Column(visible=False, elem_id="votes", elem_classes="k-part-of-page") as section:
        gr.Markdown("## Your picks")
        explain(EXPLAINED)
        with gr.Row(elem_classes="k-columns-two"):
            with gr.Column(scale=3, min_width=320):
                rows = ActionList(interactive=True)
                with gr.Row(elem_classes="k-buttons"):
                    older = gr.Button("Show older picks")
                    again = gr.Button("Start over", elem_id="rewind-0")
            with gr.Column(scale=3, min_width=320, elem_id="heard-again"):
                title = gr.Markdown(visible=False)
                heard = ClipList(all_button=True, interactive=True)
    said = gr.HTML(apply_default_css=False, elem_id="rewound")
    question = Confirmation(test_id="rewind-confirm")
    outputs = [section, rows, older, again, count]
    gr.on(changes, bound(newest, context), inputs=listener, outputs=outputs, **QUIET)
    older.click(bound(more, context), inputs=[listener, count], outputs=outputs, **QUIET)
    rows.act(bound(act, context), inputs=listener, outputs=[question, heard, title], **CHOICE).then(None, js=IN_SIGHT)
    again.click(bound(ask_all, context), inputs=listener, outputs=question, **QUIET)
    question.confirm(bound(undo, context), inputs=[listener, renewed], outputs=[said, renewed], **QUIET).success(
        None, js=FOCUS
    )


def newest(context: Context, token: str | None) -> Shown:
    """The newest votes."""
    return _shown(context, token, AT_ONCE)


def more(context: Context, token: str | None, count: int) -> Shown:
    """Some older ones as well."""
    return _shown(context, token, count + AT_ONCE)


def act(context: Context, token: str | None, event: gr.EventData) -> Acted:
    """Play what a vote compared, or ask before going back to it."""
    vote = _history(context, token, int(event.data) + 1, 1).votes[0]
    if event.name == "play":
        ids = [clip.clip_id for clip in vote.clips if not clip.picture]
        moods = mood.words_of_met(context.studio, listener_of(context, token), ids) if ids else {}
        return Acted(gr.skip(), playing(clips_of(vote, moods)), gr.update(value=f"### {_called(vote)}", visible=True))
    return Acted(_question(context, token, vote), gr.skip(), gr.skip())


def ask_all(context: Context, token: str | None) -> Question:
    """What would be lost by starting over."""
    return _question(context, token, None)


def undo(context: Context, token: str | None, renewed: int, event: gr.EventData) -> tuple[str, int]:
    """Undo what came after a vote."""
    before = _history(context, token, NEWEST, 1)
    done = rewind.rewind(context.records, listener_of(context, token), int(event.data))
    where = f"You are back at {counted(done.picks, 'pick')}." if done.votes else "You start over."
    return status(f"{_answers(before.picks - done.picks, done.undone)} undone. {where}"), renewed + 1


def clips_of(vote: PastVote, moods: Mapping[uuid.UUID, str]) -> list[dict[str, Any]]:
    """What a vote compared, as it was heard, with the words for its mood that are known."""
    rows = []
    for place, clip in enumerate(vote.clips):
        shown = ShownClip.of(clip.clip_id, clip.seconds, picture=clip.picture)
        picked = "your pick" if PICKED.get(vote.outcome) == place else ""
        rows.append(
            {
                "heading": "ABCD"[place],
                "detail": ", ".join(filter(None, (picked, moods.get(clip.clip_id)))),
                "audio_url": shown.audio_url,
                "notes_url": shown.notes_url,
                "image_url": shown.image_url,
                "seconds": shown.seconds,
                "save": clip_list.menu_of_shown(shown),
            }
        )
    return rows


def _question(context: Context, token: str | None, vote: PastVote | None) -> Question:
    found = _history(context, token, NEWEST, 1)
    number, picks = (vote.number, vote.picks) if vote else (0, 0)
    stays = rewind.staying(context.database, listener_of(context, token), number)
    undone = _answers(found.picks - picks - stays.picks, found.total - number - stays.votes)
    what = f"What came after it ({undone})" if vote else f"Everything ({undone})"
    return Question(
        title=f"Go back to {_called(vote)[0].lower()}{_called(vote)[1:]}?" if vote else "Start over?",
        text=f"{what}, what was learned from it and all that was made for you since are gone for good. "
        f"{_staying(stays.votes)}Download your data first (in the menu) if you want to keep a copy.",
        confirm=f"Undo {undone}",
        keep="Keep them",
        data=number,
    )


def _staying(blind_tests: int) -> str:
    """What stays all the same; nothing where nothing does."""
    if not blind_tests:
        return ""
    stay, theirs, them = ("stays", "its", "it") if blind_tests == 1 else ("stay", "their", "them")
    return f"{counted(blind_tests, 'blind test')} {stay}, with {theirs} music and what was learned from {them}. "


def _answers(picks: int, votes: int) -> str:
    """So many picks, and what was answered besides."""
    others = votes - picks
    said = [counted(picks, "pick")] if picks or not others else []
    return " and ".join([*said, counted(others, "skip")] if others else said)


def _called(vote: PastVote) -> str:
    if _is_pick(vote):
        return f"Pick {vote.picks}"
    kind = {"neither": "“neither”", "none": "“none of four”"}.get(vote.outcome, "skip")
    return f"The {kind} after pick {vote.picks}" if vote.picks else f"The {kind} before your first pick"


def _is_pick(vote: PastVote) -> bool:
    return vote.outcome not in {"neither", "skipped", "none"}


def _shown(context: Context, token: str | None, count: int) -> Shown:
    found = _history(context, token, NEWEST, count)
    undoable = found.total - rewind.staying(context.database, listener_of(context, token), 0).votes
    rows, later = [], False  # whether anything later can be undone
    for vote in found.votes:
        name = _called(vote)[0].lower() + _called(vote)[1:]
        remarks = ["Blind test"] * vote.stays + ["You are here"] * (vote.number == found.total)
        again = "See" if vote.clips and vote.clips[0].picture else "Play"
        back = Action("back", "Go back", f"Go back to {name}", test_id=f"rewind-{vote.number}")
        rows.append(
            Row(
                WORDS[vote.outcome],
                heading=_called(vote) if _is_pick(vote) else "",
                at=vote.at.isoformat(),
                remark=". ".join(remarks),
                actions=[Action("play", again, f"{again} {name}"), *([back] if later else [])],
                data=vote.number,
            )
        )
        later = later or not vote.stays
    return Shown(
        section=gr.update(visible=bool(found.total)),
        rows=rows,
        older=gr.update(visible=bool(found.votes) and found.votes[-1].number > 1),
        again=gr.update(visible=bool(undoable)),
        at_once=count,
    )


def _history(context: Context, token: str | None, before: int, count: int) -> History:
    return rewind.history(context.database, listener_of(context, token), before=before, limit=count)

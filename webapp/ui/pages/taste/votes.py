"""Every vote so far, newest first, and the way back to any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.listeners import rewind
from webapp.listeners.rewind import History
from webapp.ui.components.action_list import Action, ActionList, Row
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, status
from webapp.ui.words import counted

AT_ONCE = 8
WORDS = {
    "left": "A is more beautiful",
    "right": "B is more beautiful",
    "equal": "equally beautiful",
    "neither": "neither",
    "skipped": "skipped",
    "a": "A of four",
    "b": "B of four",
    "c": "C of four",
    "d": "D of four",
    "none": "none of four",
}
EXPLAINED = (
    "Did somebody else vote here, or were you not listening? Go back to any vote: what came after it is undone as if "
    "it had never been."
)
FOCUS = "() => { const title = document.querySelector('#votes h2'); title.tabIndex = -1; title.focus(); }"


class Shown(NamedTuple):
    """What showing votes sets, in the order of its outputs."""

    section: dict[str, Any]
    rows: list[Row]
    older: dict[str, Any]
    at_once: int


def build(context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]], renewed: gr.State) -> None:
    """The section; ``renewed`` grows once votes are undone."""
    count = gr.State(AT_ONCE)
    with gr.Column(visible=False, elem_id="votes", elem_classes="k-part-of-page") as section:
        gr.Markdown("## Your votes")
        explain(EXPLAINED)
        rows = ActionList(interactive=True)
        with gr.Row(elem_classes="k-buttons"):
            older = gr.Button("Show older votes")
            again = gr.Button("Start over", elem_id="rewind-0")
    said = gr.HTML(apply_default_css=False, elem_id="rewound")
    question = Confirmation(test_id="rewind-confirm")
    outputs = [section, rows, older, count]
    gr.on(changes, bound(newest, context), inputs=listener, outputs=outputs, **QUIET)
    older.click(bound(more, context), inputs=[listener, count], outputs=outputs, **QUIET)
    rows.act(bound(ask, context), inputs=listener, outputs=question, **QUIET)
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


def ask(context: Context, token: str | None, event: gr.EventData) -> Question:
    """What would be lost by going back to a vote."""
    return _question(context, token, int(event.data))


def ask_all(context: Context, token: str | None) -> Question:
    """What would be lost by starting over."""
    return _question(context, token, 0)


def undo(context: Context, token: str | None, renewed: int, event: gr.EventData) -> tuple[str, int]:
    """Undo what came after a vote."""
    done = rewind.rewind(context.records, listener_of(context, token), int(event.data))
    where = f"You are back at vote {done.votes}." if done.votes else "You start over."
    return status(f"{counted(done.undone, 'vote')} undone. {where}"), renewed + 1


def _question(context: Context, token: str | None, number: int) -> Question:
    undone = _history(context, token, 1).total - number
    which = "The vote" if undone == 1 else f"The {counted(undone, 'vote')}"
    learned = "it" if undone == 1 else "them"
    what = (
        f"{which} after it, what was learned from {learned}"
        if number
        else f"All {counted(undone, 'vote')}, what was learned from them"
    )
    return Question(
        title=f"Go back to vote {number}?" if number else "Start over?",
        text=f"{what} and the pieces composed for you since are undone for good. Download your data first (in the "
        "menu) if you want to keep a copy.",
        confirm=f"Undo {counted(undone, 'vote')}",
        keep="Keep them",
        data=number,
    )


def _shown(context: Context, token: str | None, count: int) -> Shown:
    found = _history(context, token, count)
    rows = []
    for vote in found.votes:
        here = vote.number == found.total
        back = Action("back", "Go back", f"Go back to vote {vote.number}", test_id=f"rewind-{vote.number}")
        rows.append(
            Row(
                WORDS[vote.outcome],
                heading=f"No. {vote.number}",
                at=vote.at.isoformat(),
                remark="You are here" if here else "",
                actions=() if here else (back,),
                data=vote.number,
            )
        )
    return Shown(
        section=gr.update(visible=bool(found.total)),
        rows=rows,
        older=gr.update(visible=bool(found.votes) and found.votes[-1].number > 1),
        at_once=count,
    )


def _history(context: Context, token: str | None, count: int) -> History:
    return rewind.history(context.database, listener_of(context, token), before=2**31 - 1, limit=count)

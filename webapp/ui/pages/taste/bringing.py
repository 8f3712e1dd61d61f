"""One's own data brought from another place: the downloaded file, checked by the server, taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.listeners import accounts, restore
from webapp.runtime.errors import Contradiction
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, explain, status
from webapp.ui.words import capital, counted

EXPLAINED = (
    "Have you picked in another place? <em>Download my data</em> in its menu gives a file; choose it here, and "
    "everything you picked there is yours here too."
)


def build(context: Context, listener: ListenerToken, renewed: gr.State) -> None:
    """The section; ``renewed`` grows once this browser belongs to the listener of the file."""
    with gr.Row(elem_classes="k-part-of-page k-doing"):
        with gr.Column(scale=4):
            gr.Markdown("## Bring your taste here")
            explain(EXPLAINED)
            said = gr.HTML(apply_default_css=False, elem_id="brought")
        file = gr.UploadButton("Choose the file", file_types=[".zip", ".json"], elem_id="bring", scale=0, min_width=180)
    question = Confirmation(test_id="bring-confirm")
    file.upload(
        bound(bring, context),
        inputs=[listener, file, renewed],
        outputs=[listener, said, renewed, question],
        js=listener.awaited,
        **AWAITED,
    )
    question.confirm(
        bound(replace, context),
        inputs=[listener, file, renewed],
        outputs=[listener, said, renewed],
        **AWAITED,
    )


def bring(context: Context, token: str | None, file: str, renewed: int) -> tuple[Any, Any, Any, Any]:
    """Take the file over, or ask first where there are votes already."""
    try:
        return *_brought(context, token, Path(file), renewed, replace_mine=False), gr.skip()
    except Contradiction as problem:
        text = f"{capital(str(problem))}. Download them first (in the menu) if you want to keep a copy."
        question = Question("Replace what is here?", text, "Replace it", "Keep what is here")
        return gr.skip(), "", gr.skip(), question


def replace(context: Context, token: str | None, file: str, renewed: int) -> tuple[Any, Any, Any]:
    """Take the file over in place of what is here."""
    return _brought(context, token, Path(file), renewed, replace_mine=True)


def _brought(
    context: Context, token: str | None, file: Path, renewed: int, *, replace_mine: bool
) -> tuple[str, str, int]:
    current = listener_of(context, token)
    who = restore.bring(context.records, current, file.read_bytes(), replace=replace_mine)
    picks = accounts.account(context.database, who).picks
    text = status(f"{counted(picks, 'pick')} {'is' if picks == 1 else 'are'} back.")
    return context.tokens.give(who), text, renewed + 1

"""Where somebody is signed in: everywhere but here they can be signed out."""

from __future__ import annotations

import gradio as gr

from webapp.context import Context
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, claim_of
from webapp.ui.layout import AWAITED, explain, status

EXPLAINED = (
    "Is a device lost, or did somebody get your link? Sign out everywhere else: what you picked stays, and only this "
    "browser is still you."
)


def build(context: Context, listener: ListenerToken) -> None:
    """The section."""
    with gr.Row(elem_classes="k-part-of-page k-doing"):
        with gr.Column(scale=4):
            gr.Markdown("## Other devices")
            explain(EXPLAINED)
            said = gr.HTML(apply_default_css=False, elem_id="signed-out")
        button = gr.Button("Sign out everywhere else", elem_id="sign-out", size="sm", scale=0, min_width=240)
    button.click(bound(sign_out, context), inputs=listener, outputs=[listener, said], js=listener.awaited, **AWAITED)


def sign_out(context: Context, token: str | None) -> tuple[str, str]:
    """A new token for this browser; every other one is refused from now on."""
    claim = claim_of(context, token)
    context.newcomers.keep(claim)
    new = context.tokens.sign_out_everywhere(claim.listener_id)
    return new, status("Done. Every other browser and every link is signed out.")

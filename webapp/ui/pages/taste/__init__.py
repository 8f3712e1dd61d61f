"""The taste page: what a listener seems to like, how sure that is, the best clips, more of them, and the way back.

Each file is one section with its handlers; ``renewed`` counts the times that votes were undone or brought back, after
which every section loads again.

The section here is the account: the card and its links, data from another place, devices signed in. The card is a
picture of the taste, drawn when it is requested; its links can be withdrawn. A downloaded file is checked by the server
and taken over. Everywhere but here somebody can be signed out.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from webapp.api.dependencies import public_address
from webapp.context import Context
from webapp.listeners import accounts, restore
from webapp.runtime.errors import Contradiction
from webapp.sharing import taste_cards
from webapp.ui.components.action_list import Action, ActionList, Row
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import AWAITED, QUIET, explain, page, status
from webapp.ui.pages.taste import composing, likings, votes, why
from webapp.ui.words import counted, sentence

CARD = (
    "What you seem to love on one picture, with how sure that is, and a piece you like. Only you see it until you "
    "share it. A link shows the picture and plays the piece to whoever has it, without your picks, until you withdraw "
    "it."
)
BRINGING = (
    "Have you picked in another place? <em>Download my data</em> in its menu gives a file; choose it here, and "
    "everything you picked there is yours here too."
)
DEVICES = (
    "Is a device lost, or did somebody get your link? Sign out everywhere else: what you picked stays, and only this "
    "browser is still you."
)

# gr.Button takes no data-testid, and others rely on this one
NAMED = "() => { document.querySelector('#compose').dataset.testid = 'compose'; }"


def build_card(context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]]) -> None:
    """The section, hidden until there is something to say, or a link to withdraw."""
    with gr.Row(visible=False, elem_id="card", elem_classes="k-part-of-page k-columns-two") as section:
        with gr.Column(min_width=320):
            gr.Markdown("## A card of your taste")
            explain(CARD)
            with gr.Row(elem_classes="k-buttons"):
                draw_it = gr.Button("Draw my card", variant="primary", elem_id="draw-card")
                share_it = gr.Button("Share a link", visible=False, elem_id="share-card")
            said = gr.HTML(apply_default_css=False)
            links = ActionList(dates_only=True, interactive=True)
        picture = gr.Image(
            label="Your card", show_label=False, visible=False, interactive=False, format="png", elem_id="card-picture",
            buttons=["download"], alt_text="What you seem to love, how sure that is, and the notes of a piece you like",
        )  # fmt: skip
    gr.on(changes, bound(offered, context), inputs=listener, outputs=[section, links], **QUIET)
    gr.on(changes, hidden, outputs=[picture, share_it], **QUIET)
    draw_it.click(bound(draw, context), inputs=listener, outputs=[picture, share_it, said], **AWAITED)
    share_it.click(bound(share, context), inputs=listener, outputs=[links, said], **QUIET)
    links.act(bound(act, context), inputs=listener, outputs=[links, said], **QUIET)


def offered(context: Context, token: str | None, request: gr.Request) -> tuple[dict[str, Any], list[Row]]:
    """Whether there is a card to offer, and the links that are open."""
    listener_id = listener_of(context, token)
    links = links_of(context, token, request)
    tells = taste_cards.has_something_to_say(context.database, context.space, context.playable, listener_id)
    return gr.update(visible=tells or bool(links)), links


def draw(context: Context, token: str | None) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The picture as it would be shared now."""
    png = taste_cards.picture(context.database, context.space, context.playable, listener_of(context, token))
    return gr.update(value=Image.open(io.BytesIO(png), formats=("PNG",)), visible=True), gr.update(visible=True), ""


def hidden() -> tuple[dict[str, Any], dict[str, Any]]:
    """What was drawn of an earlier taste goes."""
    return gr.update(value=None, visible=False), gr.update(visible=False)


def share(context: Context, token: str | None, request: gr.Request) -> tuple[list[Row], str]:
    """Another link to the card as it is now."""
    listener_id = listener_of(context, token)
    taste_cards.share(context.database, context.journal, context.space, context.playable, listener_id)
    return links_of(context, token, request), status("Whoever has the link sees the card as it is now.")


def act(
    context: Context, token: str | None, event: gr.EventData, request: gr.Request
) -> tuple[list[Row] | dict[str, Any], str]:
    """A link was copied, or is to be withdrawn."""
    if event.name == "copy":
        return gr.skip(), status("The link is copied.")
    taste_cards.withdraw(context.database, context.journal, listener_of(context, token), uuid.UUID(event.data))
    return links_of(context, token, request), status("Withdrawn. The link leads nowhere now.")


def links_of(context: Context, token: str | None, request: gr.Request) -> list[Row]:
    """The links that are open, newest first."""
    assert request.request is not None
    address = public_address(request.request)
    rows = []
    for card in taste_cards.shared(context.database, listener_of(context, token)):
        url, when = f"{address}/card/{card.key}", f"{card.created_at:%Y-%m-%d}"
        rows.append(
            Row(
                url.partition("://")[2],
                at=card.created_at.isoformat(),
                link=url,
                actions=[
                    Action("copy", "Copy link", f"Copy the link of {when}", copies=url),
                    Action("withdraw", "Withdraw", f"Withdraw the link of {when}"),
                ],
                data=str(card.id),
            )
        )
    return rows


def build_bringing(context: Context, listener: ListenerToken, renewed: gr.State) -> None:
    """The section; ``renewed`` grows once this browser belongs to the listener of the file."""
    with gr.Row(elem_classes="k-part-of-page k-doing"):
        with gr.Column(scale=4):
            gr.Markdown("## Bring your taste here")
            explain(BRINGING)
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
        text = f"{sentence(problem)} Download them first (in the menu) if you want to keep a copy."
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


def build_devices(context: Context, listener: ListenerToken) -> None:
    """The section."""
    with gr.Row(elem_classes="k-part-of-page k-doing"):
        with gr.Column(scale=4):
            gr.Markdown("## Other devices")
            explain(DEVICES)
            said = gr.HTML(apply_default_css=False, elem_id="signed-out")
        button = gr.Button("Sign out everywhere else", elem_id="sign-out", size="sm", scale=0, min_width=240)
    button.click(bound(sign_out, context), inputs=listener, outputs=[listener, said], js=listener.awaited, **AWAITED)


def sign_out(context: Context, token: str | None) -> tuple[str, str]:
    """A new token for this browser; every other one is refused from now on."""
    claim = claim_of(context, token)
    context.newcomers.keep(claim)
    new = context.tokens.sign_out_everywhere(claim.listener_id)
    return new, status("Done. Every other browser and every link is signed out.")


def build(context: Context) -> None:
    """The page at ``/taste``."""
    with page("taste") as listener:
        renewed = gr.State(0)
        changes = (listener.change, renewed.change)
        best, further, favourites, picks = likings.build(context, listener, changes)
        why.build(context, listener, best, further)
        section = composing.build(context, listener, changes, favourites)
        build_card(context, listener, changes)
        picks.change(lambda count: gr.update(visible=count > 0), picks, section, **QUIET).then(None, js=NAMED)
        votes.build(context, listener, changes, renewed)
        build_bringing(context, listener, renewed)
        build_devices(context, listener)

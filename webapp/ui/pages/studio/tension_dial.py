"""Calmer and tenser on the desk: versions of the piece are composed and heard, and one of them is the new one."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr
from pydantic import TypeAdapter

from webapp.api.studio import AskedVariations
from webapp.context import Context
from webapp.runtime.errors import NotReady
from webapp.studio.pieces import OpenedPiece
from webapp.tension import steering
from webapp.tension.steering import TRIED, Steered
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE
from webapp.ui.pages.studio.words import VARIED
from webapp.ui.waits import Wait

COMPOSING = f"Composing {TRIED} versions and hearing how open their future is…"
FIXED = "This was made from pieces of somebody else. Continue from the new one to make it calmer or tenser."

# What was told is of one piece, and goes once another is shown
STALE = """({piece, old}, told) => told?.includes(`data-piece="${(piece ?? old)?.name}"`) ? told : ''"""

_piece: TypeAdapter[OpenedPiece] = TypeAdapter(OpenedPiece)


def build(context: Context, listener: ListenerToken, desk: StudioDesk) -> None:
    """The two buttons, and what came of the last one."""
    with gr.Row(elem_classes="k-buttons k-middle"):
        calmer = gr.Button("Calmer", size="sm", elem_id="calmer")
        tenser = gr.Button("Tenser", size="sm", elem_id="tenser")
    wait = Wait(elem_id="steered")
    told = wait.told
    for button, handler in ((calmer, make_calmer), (tenser, make_tenser)):
        wait.on(button.click, COMPOSING, bound(handler, context), [listener, desk], [told, desk])
    desk.shows(None, [desk, told], told, js=STALE, **CHOICE)


def make_calmer(context: Context, token: str | None, shown: dict[str, Any]) -> tuple[str, Any]:
    """What comes next is to be easier to foresee."""
    return _steer(context, token, shown, tenser=False)


def make_tenser(context: Context, token: str | None, shown: dict[str, Any]) -> tuple[str, Any]:
    """What comes next is to be harder to foresee."""
    return _steer(context, token, shown, tenser=True)


def _steer(context: Context, token: str | None, shown: dict[str, Any], *, tenser: bool) -> tuple[str, Any]:
    if "recipe" not in shown:  # an order that the desk has not obeyed yet
        raise NotReady("the piece is still being put on the desk; try again in a moment")
    now = (shown["piece"] or shown["old"])["name"]
    if shown["fixed"]:
        return _told(FIXED, now), gr.skip()
    asked = {**shown["recipe"], "content": shown["old"]["name"], "seed": shown["unused"] - 1, "count": TRIED}
    asked["keep"] = VARIED if asked["keep"] == 1 else asked["keep"]
    found = steering.steer(
        context.studio, listener_of(context, token), AskedVariations.model_validate(asked).checked(), now,
        tenser=tenser, link=shown["link"],
    )  # fmt: skip
    if found.piece is None:
        return _told(none_there(tenser=tenser), now), {"do": "seeds", "seeds": found.seeds}
    piece = _piece.dump_python(found.piece, mode="json")
    return _told(there(found, tenser=tenser), found.piece.name), {"do": "take", "piece": piece, "of": asked["content"]}


def _told(text: str, name: str) -> str:
    return f'<p class="k-reason" role="status" aria-live="polite" data-piece="{name}">{html.escape(text)}</p>'


def none_there(*, tenser: bool) -> str:
    """What to do where no version goes that way."""
    return (
        f"None of {TRIED} versions is {'tenser' if tenser else 'calmer'} than this one. Try again, or keep less of it: "
        "then there is more to choose from."
    )


def there(found: Steered, *, tenser: bool) -> str:
    """How far the new one has gone."""
    before, after = (f"{value:+.1f}".replace("-", "\u2212") for value in (found.before, found.after))
    return (
        f"{'Tenser' if tenser else 'Calmer'}: what follows is {'harder' if tenser else 'easier'} to foresee, {after} "
        f"beside {before} before, in standard deviations of real music of its kind."
    )

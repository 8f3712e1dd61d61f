"""The HTTP interface of taste cards: the listener's own under ``/api/taste/card``, shared ones under ``/card/KEY``.

Who opens a shared card is not asked who they are and gets no cookie.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from webapp.api.byte_ranges import sound_response
from webapp.api.dependencies import ERRORS, Known, TheContext, Waiting, public_address
from webapp.sharing import taste_cards
from webapp.sharing.card_page import card_page

router = APIRouter(tags=["taste card"])
Key = Annotated[str, Path(max_length=64)]
# a card that is withdrawn must be gone: nobody keeps it on our word
FRESH = {"Cache-Control": "no-store"}
PUBLIC = {
    **FRESH,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; font-src 'self'; "
    "style-src 'unsafe-inline'",
}


class SharedCard(BaseModel):
    """A card behind a link."""

    card_id: uuid.UUID
    url: str
    created_at: datetime


def _shared_card(request: Request, card: taste_cards.Shared) -> SharedCard:
    return SharedCard(card_id=card.id, url=f"{public_address(request)}/card/{card.key}", created_at=card.created_at)


@router.get("/api/taste/card", responses=ERRORS, response_class=Response)
def read_card(context: TheContext, listener_id: Known) -> Response:
    """The listener's card as it is now, PNG; nothing is kept."""
    return Response(
        taste_cards.picture(context.database, context.space, context.playable, listener_id),
        media_type="image/png",
        headers=FRESH,
    )


@router.get("/api/taste/cards", responses=ERRORS)
def read_cards(request: Request, context: TheContext, listener_id: Known) -> list[SharedCard]:
    """The cards that the listener shares."""
    return [_shared_card(request, card) for card in taste_cards.shared(context.database, listener_id)]


@router.post("/api/taste/cards", status_code=201, responses=ERRORS)
def share_card(request: Request, context: TheContext, listener_id: Known) -> SharedCard:
    """Share the card as it is now under a new link."""
    return _shared_card(
        request, taste_cards.share(context.database, context.journal, context.space, context.playable, listener_id)
    )


@router.delete("/api/taste/cards/{card_id}", responses=ERRORS)
def withdraw_card(card_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Withdraw a card's link, and delete the card."""
    taste_cards.withdraw(context.database, context.journal, listener_id, card_id)
    return {"withdrawn": True}


@router.get("/card/{key}", responses=ERRORS, response_class=HTMLResponse)
def open_card(key: Key, request: Request, context: TheContext) -> HTMLResponse:
    """The page of a shared card."""
    card = taste_cards.opened(context.database, key)
    return HTMLResponse(card_page(card.about, key=key, address=public_address(request)), headers=PUBLIC)


@router.get("/card/{key}/card.png", responses=ERRORS, response_class=Response)
def open_picture(key: Key, context: TheContext) -> Response:
    """The picture of a shared card."""
    return Response(taste_cards.linked_picture(context.database, key), media_type="image/png", headers=PUBLIC)


@router.get("/card/{key}/sound.mp3", responses=ERRORS, response_class=Response)
def open_sound(
    key: Key, context: TheContext, waits: Waiting, wanted: Annotated[str, Header(alias="range")] = ""
) -> Response:
    """The clip of a shared card."""
    answer = sound_response(taste_cards.linked_sound(context.database, context.clip_store, key, waits), wanted)
    answer.headers.update(PUBLIC)
    return answer

"""The HTTP interface of taste: under ``/api/taste`` what is loved and why, tests, cards; under ``/api/duets`` two.

Who opens a shared card, under ``/card/KEY``, is not asked who they are and gets no cookie.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from webapp.api.dependencies import ERRORS, IMMUTABLE, Known, TheContext, Waiting, public_address, sound_response
from webapp.runtime.requests import Strict
from webapp.sharing import for_two, taste_cards
from webapp.sharing.taste_cards import card_page
from webapp.studio import formats, starting_points
from webapp.studio.formats import PianoRoll, piano_roll
from webapp.taste import blind_tests, explanation, overview

router = APIRouter(prefix="/api/taste", tags=["taste"])


class Checked(Strict):
    """A piece whose claim is to be checked."""

    piece_id: uuid.UUID


@router.get("", responses=ERRORS)
def read_taste(context: TheContext, listener_id: Known) -> overview.TasteOverview:
    """What the listener seems to love, style by style, how sure that is, and how well votes were foreseen."""
    return overview.overview(context.database, context.playable, listener_id)


@router.get("/proof", responses=ERRORS)
def read_blind_tests(context: TheContext, listener_id: Known) -> blind_tests.BlindTests:
    """Whether what is composed for the listener is personal, by blind pairs among the usual ones."""
    return blind_tests.of_listener(context.database, context.playable, listener_id)


@router.get("/clips/{clip_id}/why", responses=ERRORS)
def explain_clip(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> explanation.Explanation:
    """Why the listener likes a clip that they have voted on, style by style."""
    return explanation.explain_clip(context.studio, listener_id, clip_id)


@router.post("/clips/{clip_id}/change", status_code=201, responses=ERRORS)
def compose_change(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> explanation.Counterfactual:
    """Compose the one style swap that would raise the clip most for this listener, to play beside it."""
    return explanation.compose_change(context.studio, context.maker_of, listener_id, clip_id)


@router.get("/checks", responses=ERRORS)
def read_claims(context: TheContext, listener_id: Known) -> blind_tests.Claims:
    """How many of the offered claims were right."""
    return blind_tests.claims_of(context.database, listener_id)


@router.post("/checks", status_code=202, responses=ERRORS)
def offer_claim(given: Checked, context: TheContext, listener_id: Known) -> blind_tests.Claims:
    """Offer a changed piece against its original among the next pairs."""
    return blind_tests.offer_claim(context.database, context.maker_of, listener_id, given.piece_id)


cards_router = APIRouter(tags=["taste card"])
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


@cards_router.get("/api/taste/card", responses=ERRORS, response_class=Response)
def read_card(context: TheContext, listener_id: Known) -> Response:
    """The listener's card as it is now, PNG; nothing is kept."""
    return Response(
        taste_cards.picture(context.database, context.space, context.playable, listener_id),
        media_type="image/png",
        headers=FRESH,
    )


@cards_router.get("/api/taste/cards", responses=ERRORS)
def read_cards(request: Request, context: TheContext, listener_id: Known) -> list[SharedCard]:
    """The cards that the listener shares."""
    return [_shared_card(request, card) for card in taste_cards.shared(context.database, listener_id)]


@cards_router.post("/api/taste/cards", status_code=201, responses=ERRORS)
def share_card(request: Request, context: TheContext, listener_id: Known) -> SharedCard:
    """Share the card as it is now under a new link."""
    return _shared_card(
        request, taste_cards.share(context.database, context.journal, context.space, context.playable, listener_id)
    )


@cards_router.delete("/api/taste/cards/{card_id}", responses=ERRORS)
def withdraw_card(card_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Withdraw a card's link, and delete the card."""
    taste_cards.withdraw(context.database, context.journal, listener_id, card_id)
    return {"withdrawn": True}


@cards_router.get("/card/{key}", responses=ERRORS, response_class=HTMLResponse)
def open_card(key: Key, request: Request, context: TheContext) -> HTMLResponse:
    """The page of a shared card."""
    card = taste_cards.opened(context.database, key)
    return HTMLResponse(card_page(card.about, key=key, address=public_address(request)), headers=PUBLIC)


@cards_router.get("/card/{key}/card.png", responses=ERRORS, response_class=Response)
def open_picture(key: Key, context: TheContext) -> Response:
    """The picture of a shared card."""
    return Response(taste_cards.linked_picture(context.database, key), media_type="image/png", headers=PUBLIC)


@cards_router.get("/card/{key}/sound.mp3", responses=ERRORS, response_class=Response)
def open_sound(
    key: Key, context: TheContext, waits: Waiting, wanted: Annotated[str, Header(alias="range")] = ""
) -> Response:
    """The clip of a shared card."""
    answer = sound_response(taste_cards.linked_sound(context.database, context.clip_store, key, waits), wanted)
    answer.headers.update(PUBLIC)
    return answer


duets_router = APIRouter(prefix="/api/duets", tags=["music for two"])
Invited = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Agreement(BaseModel):
    """An agreement with another listener, or (``url``) an invitation that nobody has answered yet."""

    duet_id: uuid.UUID
    agreed_at: datetime | None
    url: str | None
    picks: for_two.Picks | None
    styles: list[for_two.StyleBeside]
    pieces: list[for_two.Piece]
    job: for_two.ComposingJob | None


@duets_router.get("", responses=ERRORS)
def read_duets(request: Request, response: Response, context: TheContext, listener_id: Known) -> list[Agreement]:
    """Every agreement of the listener's and their open invitation, the newest first."""
    response.headers["Cache-Control"] = "no-store"
    found = []
    for duet in for_two.overview(context.database, context.space, context.playable, listener_id):
        told = {name: value for name, value in vars(duet).items() if name != "link_key"}
        found.append(Agreement(**told, url=_url(request, duet.link_key) if duet.link_key else None))
    return found


@duets_router.post("", status_code=201, responses=ERRORS)
def invite(request: Request, context: TheContext, listener_id: Known) -> dict[str, str]:
    """A link for somebody else, ``{url}``; the same one until somebody has agreed."""
    return {"url": _url(request, for_two.invite(context.database, context.journal, listener_id))}


@duets_router.get("/links/{key}", responses=ERRORS)
def look(key: Invited, context: TheContext, listener_id: Known) -> for_two.Invitation:
    """Whether the link still invites, and whether it is one's own: ``{mine}``."""
    return for_two.look(context.database, listener_id, key)


@duets_router.post("/links/{key}", responses=ERRORS)
def agree(key: Invited, context: TheContext, listener_id: Known) -> dict[str, uuid.UUID]:
    """Agree to the invitation: ``{duet_id}``. The link works once."""
    return {"duet_id": for_two.agree(context.database, context.journal, listener_id, key)}


@duets_router.delete("/{duet_id}", responses=ERRORS)
def end(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """End a duet for both, with the pieces composed for it, or withdraw an invitation."""
    for_two.end(context.database, context.journal, listener_id, duet_id)
    return {"ended": True}


@duets_router.post("/{duet_id}/compose", status_code=202, responses=ERRORS)
def compose(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> for_two.Requested:
    """Compose the pieces that both would like best; ``GET /api/duets`` tells how far it is."""
    return for_two.request_pieces(context.database, listener_id, duet_id)


@duets_router.delete("/{duet_id}/compose", responses=ERRORS)
def cancel(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Compose no more for both for now; what is there stays."""
    for_two.cancel_pieces(context.database, listener_id, duet_id)
    return {"cancelled": True}


@duets_router.get("/{duet_id}/pieces/{piece_id}/flac", responses=ERRORS, response_class=Response)
def piece_audio(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The whole piece's sound, FLAC."""
    data = formats.sound(for_two.find_piece(context.database, listener_id, duet_id, piece_id), "flac")
    return Response(data, media_type="audio/flac", headers={"Cache-Control": IMMUTABLE})


@duets_router.get("/{duet_id}/pieces/{piece_id}/midi", responses=ERRORS, response_class=Response)
def piece_midi(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The piece as a MIDI file, as written."""
    return _midi(formats.midi(for_two.find_piece(context.database, listener_id, duet_id, piece_id)))


@duets_router.get("/{duet_id}/pieces/{piece_id}/played", responses=ERRORS, response_class=Response)
def played_midi(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The piece as a MIDI file, as it is played."""
    return _midi(formats.played_midi(for_two.find_piece(context.database, listener_id, duet_id, piece_id)))


def _midi(data: bytes) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="kallos-for-two.mid"'}
    return Response(data, media_type="audio/midi", headers=headers)


@duets_router.get("/{duet_id}/pieces/{piece_id}/notes", responses=ERRORS)
def piece_notes(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> PianoRoll:
    """The piece's notes in the time of its sound."""
    return piano_roll(for_two.find_piece(context.database, listener_id, duet_id, piece_id))


@duets_router.post("/{duet_id}/pieces/{piece_id}/keep", status_code=201, responses=ERRORS)
def keep_piece(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, str]:
    """Keep the piece in the listener's own studio, ``{name}``, where it stays when the agreement ends."""
    source = for_two.find_piece(context.database, listener_id, duet_id, piece_id)
    return {"name": starting_points.keep(context.studio, listener_id, source)}


def _url(request: Request, key: str) -> str:
    return f"{public_address(request)}/together?duet={key}"

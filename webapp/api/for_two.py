"""The HTTP interface of music for two, under ``/api/duets``."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from webapp.api.dependencies import ERRORS, IMMUTABLE, Known, TheContext, public_address
from webapp.sharing import for_two, for_two_sound
from webapp.studio import keeping
from webapp.studio.piano_roll import PianoRoll

router = APIRouter(prefix="/api/duets", tags=["music for two"])
Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Agreement(BaseModel):
    """An agreement with another listener, or (``url``) an invitation that nobody has answered yet."""

    duet_id: uuid.UUID
    agreed_at: datetime | None
    url: str | None
    picks: for_two.Picks | None
    styles: list[for_two.StyleBeside]
    pieces: list[for_two.Piece]
    job: for_two.ComposingJob | None


@router.get("", responses=ERRORS)
def read_duets(request: Request, response: Response, context: TheContext, listener_id: Known) -> list[Agreement]:
    """Every agreement of the listener's and their open invitation, the newest first."""
    response.headers["Cache-Control"] = "no-store"
    found = []
    for duet in for_two.overview(context.database, context.space, context.playable, listener_id):
        told = {name: value for name, value in vars(duet).items() if name != "link_key"}
        found.append(Agreement(**told, url=_url(request, duet.link_key) if duet.link_key else None))
    return found


@router.post("", status_code=201, responses=ERRORS)
def invite(request: Request, context: TheContext, listener_id: Known) -> dict[str, str]:
    """A link for somebody else, ``{url}``; the same one until somebody has agreed."""
    return {"url": _url(request, for_two.invite(context.database, context.journal, listener_id))}


@router.get("/links/{key}", responses=ERRORS)
def look(key: Key, context: TheContext, listener_id: Known) -> for_two.Invitation:
    """Whether the link still invites, and whether it is one's own: ``{mine}``."""
    return for_two.look(context.database, listener_id, key)


@router.post("/links/{key}", responses=ERRORS)
def agree(key: Key, context: TheContext, listener_id: Known) -> dict[str, uuid.UUID]:
    """Agree to the invitation: ``{duet_id}``. The link works once."""
    return {"duet_id": for_two.agree(context.database, context.journal, listener_id, key)}


@router.delete("/{duet_id}", responses=ERRORS)
def end(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """End a duet for both, with the pieces composed for it, or withdraw an invitation."""
    for_two.end(context.database, context.journal, listener_id, duet_id)
    return {"ended": True}


@router.post("/{duet_id}/compose", status_code=202, responses=ERRORS)
def compose(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> for_two.Requested:
    """Compose the pieces that both would like best; ``GET /api/duets`` tells how far it is."""
    return for_two.request_pieces(context.database, listener_id, duet_id)


@router.delete("/{duet_id}/compose", responses=ERRORS)
def cancel(duet_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Compose no more for both for now; what is there stays."""
    for_two.cancel_pieces(context.database, listener_id, duet_id)
    return {"cancelled": True}


@router.get("/{duet_id}/pieces/{piece_id}/flac", responses=ERRORS, response_class=Response)
def piece_audio(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The whole piece's sound, FLAC."""
    data = for_two_sound.audio(for_two_sound.find(context.database, listener_id, duet_id, piece_id))
    return Response(data, media_type="audio/flac", headers={"Cache-Control": IMMUTABLE})


@router.get("/{duet_id}/pieces/{piece_id}/midi", responses=ERRORS, response_class=Response)
def piece_midi(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The piece as a MIDI file, as written."""
    return _midi(for_two_sound.midi(for_two_sound.find(context.database, listener_id, duet_id, piece_id)))


@router.get("/{duet_id}/pieces/{piece_id}/played", responses=ERRORS, response_class=Response)
def played_midi(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """The piece as a MIDI file, as it is played."""
    return _midi(for_two_sound.played_midi(for_two_sound.find(context.database, listener_id, duet_id, piece_id)))


def _midi(data: bytes) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="kallos-for-two.mid"'}
    return Response(data, media_type="audio/midi", headers=headers)


@router.get("/{duet_id}/pieces/{piece_id}/notes", responses=ERRORS)
def piece_notes(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> PianoRoll:
    """The piece's notes in the time of its sound."""
    return for_two_sound.notes(for_two_sound.find(context.database, listener_id, duet_id, piece_id))


@router.post("/{duet_id}/pieces/{piece_id}/keep", status_code=201, responses=ERRORS)
def keep_piece(duet_id: uuid.UUID, piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, str]:
    """Keep the piece in the listener's own studio, ``{name}``, where it stays when the agreement ends."""
    source = for_two_sound.find(context.database, listener_id, duet_id, piece_id)
    return {"name": keeping.keep(context.studio, listener_id, source)}


def _url(request: Request, key: str) -> str:
    return f"{public_address(request)}/together?duet={key}"

"""The agreement of two listeners: one makes a link, another one opens it and says yes, either ends it.

Nothing of either taste is told before both have agreed; when one ends it, what was composed is gone for both.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries import duets as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from db.tables import Duet, DuetPiece, Listener
from models.music.notes import Piece
from models.taste.for_two import TasteComparison, compare_tastes
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany, UnknownListenerError
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

KIND = "compose_for_both"
PRIORITY = 10  # somebody waits for it
MOST = 12  # duets of one listener
MOST_PIECES = 30  # of one duet
ALREADY = "you two share music already"


def invite(database: Database, journal: Journal, listener_id: uuid.UUID) -> str:
    """The key of the listener's open link, made where there is none; raises ``TooMany``."""

    def work(session: Session) -> str:
        _locked(session, listener_id)
        if len(rows.duets_of(session, listener_id)) >= MOST:
            raise TooMany(f"you share music with {MOST} others already; end one before you invite another")
        duet = rows.invite(session, listener_id)
        journal.keep_duet(session, duet.id, new=True)
        return str(duet.link_key)

    return database.transaction(work)


def look(database: Database, listener_id: uuid.UUID, link_key: str) -> dict[str, Any]:
    """Whose link this is: ``{mine}``; raises ``NotYours`` for one that was used, withdrawn or never there."""

    def work(session: Session) -> dict[str, Any]:
        duet = rows.invitation(session, link_key)
        if duet is None:
            raise _used_up()
        return {"mine": duet.host_id == listener_id}

    return database.transaction(work)


def agree(database: Database, journal: Journal, listener_id: uuid.UUID, link_key: str) -> uuid.UUID:
    """Say yes to the invitation; the duet's id.

    Raises ``NotYours`` for a link that opens nothing, ``NotAllowed`` for one's own, ``Contradiction`` where the two
    have agreed before.
    """

    def work(session: Session) -> uuid.UUID:
        _locked(session, listener_id)
        duet = rows.invitation(session, link_key, for_update=True)
        if duet is None:
            raise _used_up()
        if duet.host_id == listener_id:
            raise NotAllowed("this is your own link; send it to whom you want to share music with")
        if rows.between(session, duet.host_id, listener_id) is not None:
            raise Contradiction(ALREADY)
        if len(rows.duets_of(session, listener_id)) >= MOST:
            raise TooMany(f"you share music with {MOST} others already; end one before you begin another")
        try:
            rows.agree(session, duet, listener_id)
        except IntegrityError as error:  # each has agreed to the other's link at the same moment
            raise Contradiction(ALREADY) from error
        journal.keep_duet(session, duet.id, new=True)
        return duet.id

    duet_id = database.transaction(work)
    log.info("duet_agreed duet=%s", duet_id)
    return duet_id


def end(database: Database, journal: Journal, listener_id: uuid.UUID, duet_id: uuid.UUID) -> None:
    """End a duet, or withdraw an invitation; what was composed goes. Raises ``NotYours``."""

    def work(session: Session) -> None:
        duet = rows.duet_of(session, duet_id, listener_id)
        if duet is None:
            raise _not_yours(duet_id)
        rows.end(session, duet)
        journal.forget_duet(duet_id)

    database.transaction(work)
    log.info("duet_ended duet=%s", duet_id)


def ask(database: Database, listener_id: uuid.UUID, duet_id: uuid.UUID) -> dict[str, Any]:
    """Leave a job that composes for both in the music that the asking one listens to; ``{job_id, state}``.

    The one that waits or runs already where there is one. Raises ``TooMany`` where they have enough pieces.
    """

    def work(session: Session) -> dict[str, Any]:
        listener = _locked(session, listener_id)
        duet = rows.duet_of(session, duet_id, listener_id)
        if duet is None or duet.guest_id is None:
            raise _not_yours(duet_id)
        if len(rows.pieces_of(session, duet)) >= MOST_PIECES:
            raise TooMany(f"{MOST_PIECES} pieces have been composed for you two; end this and begin anew for more")
        payload = {"duet": str(duet.id), "domain": listener.domain}
        key = _key(duet_id)
        jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener_id, priority=PRIORITY)
        job = jobs.newest_of(session, key)
        return {"job_id": job.id if job else None, "state": job.state if job else "waiting"}

    return database.transaction(work)


def overview(
    database: Database, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID
) -> list[dict[str, Any]]:
    """Every duet of the listener's, the newest first: ``[{duet_id, agreed_at, link_key, styles, pieces, job}, …]``.

    An open invitation has a ``link_key`` and nothing else. ``styles``: both effects, *you* being who asks.
    """

    def work(session: Session) -> list[dict[str, Any]]:
        listener = listener_rows.get_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        return [_told(session, space, playable, duet, listener) for duet in rows.duets_of(session, listener_id)]

    return database.transaction(work)


def _told(
    session: Session, space: TasteSpace, playable: PlayablePool, duet: Duet, listener: Listener
) -> dict[str, Any]:
    told: dict[str, Any] = {"duet_id": duet.id, "agreed_at": duet.agreed_at, "link_key": duet.link_key}
    told |= {"picks": None, "styles": [], "pieces": [], "job": None}
    if duet.guest_id is None:
        return told
    host = duet.host_id == listener.id
    friend = duet.guest_id if host else duet.host_id
    mine, theirs = (heads.load(session, who, space) for who in (listener.id, friend))
    around = playable.clips(session, listener.domain).features
    job = jobs.newest_of(session, _key(duet.id))
    return told | {
        "picks": {"you": vote_rows.count_picks(session, listener.id), "they": vote_rows.count_picks(session, friend)},
        "styles": [_style(row) for row in compare_tastes(mine, theirs, space, around=around)],
        "pieces": [_piece(piece, host=host) for piece in rows.pieces_of(session, duet)],
        "job": {"state": job.state, "progress": job.result if job.state == "running" else None} if job else None,
    }


def _style(row: TasteComparison) -> dict[str, Any]:
    """Both effects on one style, *you* first."""
    verdict = {"one_more": "you_more", "other_more": "they_more"}.get(row.verdict, row.verdict)
    you, they = ({key: asdict(each)[key] for key in ("effect", "sd", "word")} for each in (row.one, row.other))
    named = {"style": row.one.style, "attribute": row.one.attribute, "verdict": verdict}
    return named | {"you": you, "they": they, "apart": row.apart, "sd": row.sd, "confidence": row.confidence}


def _piece(piece: DuetPiece, *, host: bool) -> dict[str, Any]:
    from models.music.render import sounding_seconds  # noqa: PLC0415 (scipy, only where it is asked for)

    at = f"/api/duets/{piece.duet_id}/pieces/{piece.id}"
    chances = (piece.for_host, piece.for_guest)
    return {
        "piece_id": piece.id,
        "composed_at": piece.created_at,
        "domain": piece.domain,
        "chance": dict(zip(("you", "they"), chances if host else chances[::-1], strict=True)),
        "seconds": sounding_seconds(Piece.from_json(piece.notes)),
        "audio_url": f"{at}/flac",
        "midi_url": f"{at}/midi",
        "notes_url": f"{at}/notes",
    }


def _locked(session: Session, listener_id: uuid.UUID) -> Listener:
    listener = listener_rows.lock_listener(session, listener_id)
    if listener is None:
        raise UnknownListenerError
    return listener


def _key(duet_id: uuid.UUID) -> str:
    return f"{KIND}:{duet_id}"


def _used_up() -> NotYours:
    return NotYours("this link was used already, or whoever made it has taken it back; ask them for a new one")


def _not_yours(duet_id: uuid.UUID) -> NotYours:
    return NotYours(f"duet {duet_id} is not shared with you, or one of you has ended it; GET /api/duets gives yours")

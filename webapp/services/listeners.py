"""Listeners: anonymous, exported whole, brought back whole, deleted whole."""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries import votes as vote_rows
from db.queries.restore import Restored, restore_listener
from models.music.notes import Piece
from webapp.database import Database
from webapp.limits import NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE, TokenBucket
from webapp.services import compose
from webapp.services.clip_store import ClipStore
from webapp.services.house import House
from webapp.services.problems import TooMany, UnknownListenerError

log = logging.getLogger(__name__)
_arrivals = TokenBucket(NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE)


def create(house: House) -> uuid.UUID:
    """A new anonymous listener; raises ``TooMany`` where they come faster than people do."""
    if not _arrivals.take():
        raise TooMany("too many new listeners at once; try again in a few seconds")
    listener_id = house.database.transaction(lambda session: rows.create_listener(session).id)
    log.info("listener_new listener=%s", listener_id)
    return listener_id


def exists(house: House, listener_id: uuid.UUID) -> bool:
    """Whether there is such a listener (still)."""
    return house.database.transaction(lambda session: rows.get_listener(session, listener_id) is not None)


def overview(house: House, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{picks, domain, first_composed: {at_picks, ready}}``."""

    def work(session: Session) -> dict[str, Any]:
        listener = rows.get_listener(session, listener_id)
        if listener is None:
            raise _unknown(listener_id)
        return {
            "picks": vote_rows.count_picks(session, listener_id),
            "domain": listener.domain,
            "first_composed": {"at_picks": compose.FIRST_AT, "ready": compose.count(session, listener_id) > 0},
        }

    return house.database.transaction(work)


def change_domain(house: House, listener_id: uuid.UUID, domain: str) -> None:
    """From the next new offer on, pairs come from this domain."""
    if not house.database.transaction(lambda session: rows.set_domain(session, listener_id, domain)):
        raise _unknown(listener_id)


def export(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """Everything that is stored about a listener, as JSON."""
    data = database.transaction(lambda session: rows.export_listener(session, listener_id))
    if data is None:
        raise _unknown(listener_id)
    return data


def restore(house: House, data: Any) -> Restored:
    """Bring an exported listener back, and make the sound of their clips again; raises ``NotAnExportError``."""
    from webapp.services.composing import note_sound  # noqa: PLC0415 (the piano, only where it is needed)
    from webapp.services.rendering import playable_lengths, render_into  # noqa: PLC0415

    restored = house.database.transaction(lambda session: restore_listener(session, data))
    for clip in data["composed"]:
        piece = Piece.from_json(clip["notes"])
        for seconds in playable_lengths(piece):
            sound = render_into(house.store, piece, seconds)
            house.database.transaction(partial(note_sound, clip_id=uuid.UUID(clip["id"]), sound=sound))
    log.info(
        "listener_restored listener=%s offers=%d missing=%d", restored.listener_id, restored.offers, restored.missing
    )
    return restored


def delete(database: Database, store: ClipStore, listener_id: uuid.UUID) -> None:
    """Forget a listener: every row, and the sound that only they could hear."""
    keys = database.transaction(lambda session: rows.delete_listener(session, listener_id))
    if keys is None:
        raise _unknown(listener_id)
    for key in keys:
        store.delete(key)
    log.info("listener_deleted listener=%s files=%d", listener_id, len(keys))


def _unknown(listener_id: uuid.UUID) -> UnknownListenerError:
    return UnknownListenerError(f"there is no listener {listener_id} (any more)")

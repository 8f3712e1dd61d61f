"""Bringing a listener back from what ``export_listener`` gave, with the same ids and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import TIMESTAMP, LargeBinary, Uuid, insert, inspect, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries.listeners import EXPORT_SCHEMA, get_listener
from db.tables import Base, Clip, Listener, Listening, Offer, Prediction, StoredHead, StudioPiece, Study, Vote


class NotAnExportError(ValueError):
    """What was given is not what ``export_listener`` gives, or it can't be brought back here."""


@dataclass(frozen=True)
class Restored:
    """Who came back; ``missing`` counts the offers whose clips are not here, which stay away with their votes."""

    listener_id: UUID
    offers: int
    votes: int
    missing: int


def restore_listener(session: Session, data: Mapping[str, Any]) -> Restored:
    """Bring back the listener, their composed clips (without sound), offers, votes, heads and studio.

    Raises ``NotAnExportError`` where the listener is here already or the data is of another form.
    """
    if not isinstance(data, Mapping) or data.get("kallos_listener") != EXPORT_SCHEMA:
        raise NotAnExportError(f"this is no export of a listener (kallos_listener must be {EXPORT_SCHEMA})")
    try:
        return _restore(session, UUID(data["listener"]["id"]), data)
    except NotAnExportError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IntegrityError) as error:
        raise NotAnExportError(f"this export of a listener is damaged: {error!r}") from error


def _restore(session: Session, listener_id: UUID, data: Mapping[str, Any]) -> Restored:
    if get_listener(session, listener_id) is not None:
        raise NotAnExportError(f"listener {listener_id} is here already; delete them first to bring them back")
    studies = {row["study_id"] for row in (data["listener"], *data["offers"])}
    session.execute(upsert(Study).values([{"id": name, "name": name} for name in studies]).on_conflict_do_nothing())
    _add(session, Listener, data["listener"], listener_id)
    for clip in data["composed"]:
        _add(session, Clip, clip, listener_id)
    offers = votes = 0
    for offer in data["offers"]:
        wanted = {UUID(offer["left_clip"]), UUID(offer["right_clip"])}
        if len(set(session.scalars(select(Clip.id).where(Clip.id.in_(wanted))))) < 2:
            continue
        offers += 1
        votes += offer["vote"] is not None
        _add(session, Offer, offer, listener_id)
        for table, part in ((Prediction, "prediction"), (Vote, "vote"), (Listening, "listening")):
            if offer[part] is not None:
                _add(session, table, offer[part], listener_id)
    for head in data["heads"]:
        _add(session, StoredHead, head, listener_id)
    for piece in data.get("studio", ()):
        _add(session, StudioPiece, piece, listener_id)
    session.flush()
    return Restored(listener_id, offers, votes, len(data["offers"]) - offers)


def _add(session: Session, table: type[Base], row: Mapping[str, Any], listener_id: UUID) -> None:
    values = {}
    for attribute in inspect(table).column_attrs:
        column, value = attribute.columns[0], row[attribute.key]
        if value is not None and isinstance(column.type, Uuid):
            value = UUID(value)
        elif value is not None and isinstance(column.type, TIMESTAMP):
            value = datetime.fromisoformat(value)
        elif value is not None and isinstance(column.type, LargeBinary):
            value = np.asarray(value, dtype="<f8").tobytes()
        if attribute.key in {"listener_id", "composed_for"} and value != listener_id:
            raise NotAnExportError(f"a row of {table.__tablename__} belongs to {value}, not to {listener_id}")
        values[attribute.key] = value
    session.execute(insert(table).values(values))

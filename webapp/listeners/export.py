"""Everything that is stored about a listener, as one JSON document."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.queries import export as export_rows
from db.queries import listeners as listener_rows
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError


def export(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """The document, as ``archive`` packs it and ``restore`` takes it; raises ``UnknownListenerError``."""

    def work(session: Session) -> dict[str, Any] | None:
        listener_rows.lock_listener(session, listener_id)  # no vote may come in between
        return export_rows.export_listener(session, listener_id)

    data = database.transaction(work)
    if data is None:
        raise UnknownListenerError
    return data

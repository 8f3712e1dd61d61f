"""Everything that is stored about a listener, as one JSON document, signed by the installation that wrote it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.queries import export as export_rows
from db.queries import listeners as listener_rows
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.runtime.identity import Identity

SIGNATURE = "signature"


def export(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """The document, as ``archive`` packs it and ``restore`` takes it; raises ``UnknownListenerError``."""

    def work(session: Session) -> dict[str, Any] | None:
        listener_rows.lock_listener(session, listener_id)  # no vote may come in between
        return export_rows.export_listener(session, listener_id)

    data = database.transaction(work)
    if data is None:
        raise UnknownListenerError
    return data


def signed(data: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """The document with a signature that proves where it was written and that nobody has changed it."""
    return {**data, SIGNATURE: identity.signature(_text(data))}


def is_ours(data: Any, identity: Identity) -> bool:
    """Whether this installation has written the document just so."""
    return isinstance(data, Mapping) and identity.wrote(_text(data), data.get(SIGNATURE))


def _text(data: Mapping[str, Any]) -> bytes:
    """The document in the one way in which it is signed, however it was written."""
    unsigned = {key: value for key, value in data.items() if key != SIGNATURE}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":")).encode()

"""The tension model on music that is here already: a clip, or a piece of somebody's studio.

The generation server computes the curves: it has torch and the piece model in memory, and our own notes need no process
that guards against them. Such a process would take seconds to begin. Curves are cached in memory and nowhere else, are
computed again in a second, and don't long outlive a deletion.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from models.tension.curves import Curves
from webapp.composing import sources
from webapp.generation.protocol import answered
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.database import Database
from webapp.runtime.errors import TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets
from webapp.runtime.recent import Recent

_requests = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
_kept: Recent[tuple[str, str], Curves] = Recent(256)  # of some 50 kB each


def curves_of(
    database: Database, generation: RemoteGenerator, listener_id: uuid.UUID, name: str, link_key: str = ""
) -> Curves:
    """The curves of ``clips/ID`` or ``pieces/ID``; ``link_key`` opens somebody else's piece.

    Raises ``NotYours``, ``NotAllowed`` for music that can't be heard, ``TooMany`` for a listener who asks without end,
    and ``NotReady`` where no generator answers.
    """
    source = database.transaction(lambda session: sources.find(session, name, listener_id, link_key))
    key = (hashlib.sha256(json.dumps(source.notes, sort_keys=True).encode()).hexdigest(), source.domain)
    if (known := _kept.get(key)) is not None:
        return known
    if not _requests.take(str(listener_id)):
        raise TooMany("so many pieces were heard that others must come first; wait a minute")
    with answered("the tension model", "this music can't be heard"):
        return _kept.keep(key, Curves.from_json(generation.curves(source.notes, source.music).curves))

"""What the tension model hears in music that is here already: a clip, or a piece of somebody's studio.

The generation server listens: it has torch and the piece model at hand, and these notes are our own, which need no
process of their own. A process would take seconds to begin. What was heard is kept in memory and nowhere else: it goes
with the process, is heard again in a second, and outlives nobody's deletion for long.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections import OrderedDict

from models.tension.curves import Curves
from webapp.composing import sources
from webapp.composing.sources import Source
from webapp.generation.protocol import answered
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.database import Database
from webapp.runtime.errors import TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets

KEPT = 256  # pieces, of some 50 kB each

_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
_kept: OrderedDict[tuple[str, str], Curves] = OrderedDict()
_keeping = threading.Lock()


def hear(
    database: Database, generation: RemoteGenerator, listener_id: uuid.UUID, name: str, link_key: str = ""
) -> Curves:
    """Hear ``clips/ID`` or ``pieces/ID``; ``link_key`` opens somebody else's piece.

    Raises ``NotYours``, ``NotAllowed`` for music that can't be heard, ``TooMany`` for a listener who asks without end,
    and ``NotReady`` where no generator answers.
    """
    source = database.transaction(lambda session: sources.find(session, name, listener_id, link_key))
    key = (hashlib.sha256(json.dumps(source.notes, sort_keys=True).encode()).hexdigest(), source.domain)
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    if not _asked.take(str(listener_id)):
        raise TooMany("so many pieces were heard that others must come first; wait a minute")
    found = _heard(generation, source)
    with _keeping:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _heard(generation: RemoteGenerator, source: Source) -> Curves:
    with answered("the tension model", "this music can't be heard"):
        return Curves.from_json(generation.curves(source.notes, source.music).curves)

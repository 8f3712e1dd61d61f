"""The head by which pieces are composed: that of the votes, with what the listener heard out and skipped.

It is made anew each time and stored nowhere, so that votes alone decide what the listener is told of their taste.
"""

from __future__ import annotations

import uuid

import numpy as np
from sqlalchemy.orm import Session

from db.queries import composed
from db.queries.listeners import get_listener
from models.taste.head import Head, learn_from_plays, preferences_of_plays
from models.taste.space import TasteSpace
from webapp.learning import heads

LEAST_MS = 5_000  # who goes on sooner looks for something, and has not judged


def head_of(session: Session, listener_id: uuid.UUID, space: TasteSpace, domain: str) -> Head:
    """The listener's head for composing music of a domain; that of the votes where plays are not to tell anything."""
    head = heads.load(session, listener_id, space)
    listener = get_listener(session, listener_id)
    if listener is None or not listener.plays_tell:
        return head
    played = composed.judged(session, listener_id, domain=domain, least_ms=LEAST_MS)
    known = heads.features_of(session, [clip_id for clip_id, _ in played], space)
    pairs = preferences_of_plays((known[clip_id], to_the_end) for clip_id, to_the_end in played if clip_id in known)
    if not pairs:
        return head
    better, worse = (np.stack(side) for side in zip(*pairs, strict=True))
    return learn_from_plays(head, better, worse)

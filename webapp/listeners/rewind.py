"""Rewind: back to the head as it was after an earlier vote. What came after it is undone for good."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import restore
from db.queries import votes as vote_rows
from webapp.learning import refits
from webapp.listeners.records import Records
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, UnknownListenerError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PastClip:
    """A clip as it was heard for a vote, or a ``picture`` as it was seen."""

    clip_id: uuid.UUID
    seconds: float
    picture: bool = False


@dataclass(frozen=True)
class PastVote:
    """A vote on a pair or a four by its place in the listener's history; the first one has the number 1.

    ``picks``: how many of the votes up to it are picks; ``clips``: what was heard, in the order of the places.
    """

    number: int
    picks: int
    outcome: str
    at: datetime
    clips: list[PastClip]


@dataclass(frozen=True)
class History:
    """Some votes, newest first, of ``total``, of which so many are ``picks``."""

    total: int
    picks: int
    votes: list[PastVote]


@dataclass(frozen=True)
class Rewound:
    """How many votes there are now, how many of them are picks, and how many were undone."""

    votes: int
    picks: int
    undone: int


def history(database: Database, listener_id: uuid.UUID, *, before: int, limit: int) -> History:
    """The votes below number ``before``, newest first; raises ``UnknownListenerError``."""

    def work(session: Session) -> History:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        votes = restore.numbered_votes(session, listener_id, before=before, limit=limit)
        asked = restore.voted_on(session, [vote.id for vote in votes])
        pictures = clip_rows.pictures_among(session, [clip for one in asked.values() for clip in one.clips])
        found = []
        for vote in votes:
            one = asked[vote.id]
            clips = [PastClip(clip, one.seconds, clip in pictures) for clip in one.clips]
            found.append(PastVote(vote.number, vote.picks, vote.outcome, vote.created_at, clips))
        picks = vote_rows.count_picks(session, listener_id)
        return History(restore.count_votes(session, listener_id), picks, found)

    return database.transaction(work)


def rewind(records: Records, listener_id: uuid.UUID, keep: int) -> Rewound:
    """Undo every vote but the first ``keep``.

    Votes, their offers, what was learned from them and the clips composed since the first of them are gone, from the
    journal too. Raises ``NotAllowed`` where there are fewer votes.
    """

    def work(session: Session) -> Rewound:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        total = restore.count_votes(session, listener_id)
        if keep > total:
            raise NotAllowed(f"{keep} votes can't be kept, there are {total}; give a number from 0 to {total}")
        if keep < total:
            sound = restore.rewind_votes(session, listener_id, keep)
            refits.refit(session, records.spaces, listener_id)
            for key in sound:
                records.clip_store.delete(key)
            records.journal.append(session, listener_id, whole=True)
        return Rewound(keep, vote_rows.count_picks(session, listener_id), total - keep)

    def forget(session: Session) -> None:
        if listener_rows.lock_listener(session, listener_id) is not None:
            records.journal.segment(listener_id).forget_the_past()

    result = records.database.transaction(work)
    if result.undone:
        records.database.transaction(forget)  # only now is the new beginning in the journal sure to hold
    log.info("rewound listener=%s votes=%d undone=%d", listener_id, result.votes, result.undone)
    return result

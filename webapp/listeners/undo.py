"""Undo: the last vote is taken back, and its pair or four waits to be answered again.

Only the vote goes, from the journal too: what was composed or shared since stays, unlike in a rewind.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import restore
from db.queries import votes as vote_rows
from db.queries.heads import delete_heads
from db.queries.statistics import CLAIM, PROOF
from webapp.learning import refits
from webapp.learning.playable_clips import AnyDomain
from webapp.listeners.records import Records
from webapp.runtime.errors import NotAllowed, TooMany, UnknownListenerError
from webapp.runtime.limits import UNDONE_A_SECOND, UNDONE_AT_ONCE, Buckets

log = logging.getLogger(__name__)
_undone = Buckets(UNDONE_A_SECOND, UNDONE_AT_ONCE)


@dataclass(frozen=True)
class Undone:
    """Which pair (``what``: offer) or four (four) is open again, of which domain, and how many picks are left.

    ``picks_of_pictures``: how many of them compare pictures.
    """

    what: str
    id: uuid.UUID
    domain: AnyDomain
    picks: int
    picks_of_pictures: int


def undo_last(records: Records, listener_id: uuid.UUID) -> Undone:
    """Take the last vote back; the listener is back in its kind of music.

    Pairs and fours drawn since go: they were drawn for the head that is undone. Raises ``NotAllowed`` where there is no
    vote, and for a blind test, whose answer has told what it was; ``TooMany`` where they come one after the other.
    """

    if not _undone.take(str(listener_id)):
        raise TooMany("many picks were taken back just now; wait a few seconds, or go back further in your votes")

    def work(session: Session) -> Undone:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        last = restore.last_vote(session, listener_id)
        if last is None:
            raise NotAllowed("there is no pick to undo yet")
        if last.policy in {PROOF, CLAIM}:
            raise NotAllowed("your last pick was a blind test, and you were told what it was: its answer stays")
        restore.reopen(session, listener_id, last)
        listener.domain = last.domain
        delete_heads(session, listener_id)
        refits.refit(session, records.spaces, listener_id)
        records.journal.append(session, listener_id, whole=True)
        picks = vote_rows.count_picks(session, listener_id)
        of_pictures = vote_rows.count_picks_of(session, listener_id, pictures=True)
        return Undone(last.what, last.id, cast("AnyDomain", last.domain), picks, of_pictures)

    def forget(session: Session) -> None:
        if listener_rows.lock_listener(session, listener_id) is not None:
            records.journal.segment(listener_id).forget_the_past()

    result = records.database.transaction(work)
    records.database.transaction(forget)  # only now is the new beginning in the journal sure to hold
    log.info("vote_undone listener=%s %s=%s", listener_id, result.what, result.id)
    return result

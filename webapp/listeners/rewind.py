"""Back to the head as it was after an earlier vote: rewound to any of them, or the last one undone.

What came after a vote that is rewound to is undone for good, but for the answers of blind tests: they have told what
was compared, and whoever took a lost one back would improve the figures. Where the last vote is undone its pair or four
waits to be answered again, and only the vote goes, from the journal too: what was composed or shared since stays.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import restore
from db.queries import votes as vote_rows
from db.queries.heads import delete_heads
from db.queries.statistics import TOLD
from db.tables import PICKS, PICTURES
from webapp.composing import wishes
from webapp.learning import refits
from webapp.learning.playable_clips import AnyDomain
from webapp.listeners.accounts import Records
from webapp.runtime.database import in_transaction, known_listener, locked_listener
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import UNDONE_A_SECOND, UNDONE_AT_ONCE, Buckets

log = logging.getLogger(__name__)
_undone = Buckets(UNDONE_A_SECOND, UNDONE_AT_ONCE)


@dataclass(frozen=True)
class PastClip:
    """A clip as it was heard for a vote, or a ``picture`` as it was seen."""

    clip_id: uuid.UUID
    seconds: float
    picture: bool = False


@dataclass(frozen=True)
class PastVote:
    """A vote on a pair or a four by its place in the listener's history; the first one has the number 1.

    ``picks``: how many of the votes up to it are picks; ``clips``: what was heard, in the order of the places;
    ``stays``: whether it was a blind test, which stays when an earlier vote is gone back to.
    """

    number: int
    picks: int
    outcome: str
    at: datetime
    clips: list[PastClip]
    stays: bool


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


@in_transaction
def history(session: Session, listener_id: uuid.UUID, *, before: int, limit: int) -> History:
    """The votes below number ``before``, newest first; raises ``UnknownListenerError``."""
    known_listener(session, listener_id)
    votes = restore.numbered_votes(session, listener_id, before=before, limit=limit)
    asked = restore.voted_on(session, [vote.id for vote in votes])
    pictures = clip_rows.pictures_among(session, [clip for one in asked.values() for clip in one.clips])
    found = []
    for vote in votes:
        one = asked[vote.id]
        clips = [PastClip(clip, one.seconds, clip in pictures) for clip in one.clips]
        stays = one.policy in TOLD
        found.append(PastVote(vote.number, vote.picks, vote.outcome, vote.created_at, clips, stays))
    picks = vote_rows.count_picks(session, listener_id)
    return History(restore.count_votes(session, listener_id), picks, found)


@dataclass(frozen=True)
class Staying:
    """How many votes stay because they answer blind tests, and how many of them are picks."""

    votes: int
    picks: int


@in_transaction
def staying(session: Session, listener_id: uuid.UUID, keep: int) -> Staying:
    """What of the votes beyond the first ``keep`` would stay when these are gone back to."""
    outcomes = restore.staying(session, listener_id, keep)
    return Staying(len(outcomes), sum(outcome in PICKS for outcome in outcomes))


def rewind(records: Records, listener_id: uuid.UUID, keep: int) -> Rewound:
    """Undo every vote but the first ``keep``, and the answers of blind tests.

    Votes, their offers, what was learned from them and the clips composed since the first of them are gone, from the
    journal too; what is being composed by them is taken back. Raises ``NotAllowed`` where there are fewer votes.
    """

    def work(session: Session) -> Rewound:
        locked_listener(session, listener_id)
        total = restore.count_votes(session, listener_id)
        if keep > total:
            raise NotAllowed(f"{keep} votes can't be kept, there are {total}; give a number from 0 to {total}")
        sound = restore.rewind_votes(session, listener_id, keep)
        left = restore.count_votes(session, listener_id)
        if left < total:
            refits.refit(session, records.spaces, listener_id)
            wishes.cancel_all(session, listener_id)
            for key in sound:
                records.clip_store.delete(key)
            records.journal.append(session, listener_id, whole=True)
        return Rewound(left, vote_rows.count_picks(session, listener_id), total - left)

    result = records.database.transaction(work)
    if result.undone:
        _forget_the_past(records, listener_id)
    log.info("rewound listener=%s votes=%d undone=%d", listener_id, result.votes, result.undone)
    return result


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

    Pairs and fours drawn since go: they were drawn for the head that is undone. So does what is being composed where
    no pick of the kind is left.
    Raises ``NotAllowed`` where there is no vote, and for a blind test, whose answer has told what it was; ``TooMany``
    where they come one after the other.
    """

    if not _undone.take(str(listener_id)):
        raise TooMany("many picks were taken back just now; wait a few seconds, or go back further in your votes")

    def work(session: Session) -> Undone:
        listener = locked_listener(session, listener_id)
        last = restore.last_vote(session, listener_id)
        if last is None:
            raise NotAllowed("there is no pick to undo yet")
        if last.policy in TOLD:
            raise NotAllowed("your last pick was a blind test, and you were told what it was: its answer stays")
        restore.reopen(session, listener_id, last)
        listener.domain = last.domain
        delete_heads(session, listener_id)
        refits.refit(session, records.spaces, listener_id)
        records.journal.append(session, listener_id, whole=True)
        picks = vote_rows.count_picks(session, listener_id)
        of_pictures = vote_rows.count_picks_of(session, listener_id, pictures=True)
        if (of_pictures if last.domain == PICTURES else picks - of_pictures) == 0:
            wishes.cancel_all(session, listener_id)
        return Undone(last.what, last.id, cast("AnyDomain", last.domain), picks, of_pictures)

    result = records.database.transaction(work)
    _forget_the_past(records, listener_id)
    log.info("vote_undone listener=%s %s=%s", listener_id, result.what, result.id)
    return result


def _forget_the_past(records: Records, listener_id: uuid.UUID) -> None:
    """Drop what was undone from the journal, once its new beginning is sure to hold."""

    def forget(session: Session) -> None:
        if listener_rows.lock_listener(session, listener_id) is not None:
            records.journal.segment(listener_id).forget_the_past()

    records.database.transaction(forget)

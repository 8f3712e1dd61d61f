"""Listeners come without a name and choose a kind of music."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries import votes as vote_rows
from webapp.composing import wishes
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.database import Database
from webapp.runtime.errors import TooMany, UnknownListenerError
from webapp.runtime.journal import Journal
from webapp.runtime.limits import (
    ALL_NEW_LISTENERS_A_SECOND,
    ALL_NEW_LISTENERS_AT_ONCE,
    NEW_LISTENERS_A_SECOND,
    NEW_LISTENERS_AT_ONCE,
    Buckets,
    TokenBucket,
    network_of,
)

log = logging.getLogger(__name__)
_arrivals = Buckets(NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE)
_all_arrivals = TokenBucket(ALL_NEW_LISTENERS_A_SECOND, ALL_NEW_LISTENERS_AT_ONCE)


@dataclass(frozen=True)
class FirstComposed:
    """When the first clip made for a listener is composed, and whether it is."""

    at_picks: int
    ready: bool


@dataclass(frozen=True)
class Account:
    """What the pages need to know of a listener; ``picks_of_pictures``: how many of the picks compare pictures."""

    picks: int
    picks_of_pictures: int
    domain: AnyDomain
    first_composed: FirstComposed
    plays_tell: bool


def admit(address: str | None) -> None:
    """Let one more newcomer in from this address; raises ``TooMany`` where they come faster than people do."""
    if not _arrivals.take(network_of(address)) or not _all_arrivals.take():
        raise TooMany("too many new listeners at once; try again in a few seconds")


def create(database: Database) -> uuid.UUID:
    """A new anonymous listener, stored at once; nothing is in the journal before they vote or make something."""
    listener_id = database.transaction(lambda session: rows.create_listener(session).id)
    log.info("listener_new listener=%s", listener_id)
    return listener_id


def exists(database: Database, listener_id: uuid.UUID) -> bool:
    """Whether there is such a listener (still)."""
    return database.transaction(lambda session: rows.get_listener(session, listener_id) is not None)


def account(database: Database, listener_id: uuid.UUID, *, new: bool = False) -> Account:
    """Who this listener is; raises ``UnknownListenerError``; somebody ``new`` need not be stored yet."""

    def work(session: Session) -> Account:
        listener = rows.get_listener(session, listener_id)
        if listener is None and new:
            return Account(0, 0, "pop", FirstComposed(wishes.FIRST_AT, ready=False), plays_tell=True)
        if listener is None:
            raise UnknownListenerError
        first = FirstComposed(wishes.FIRST_AT, ready=wishes.count(session, listener_id) > 0)
        picks = vote_rows.count_picks(session, listener_id)
        of_pictures = vote_rows.count_picks_of(session, listener_id, pictures=True)
        return Account(picks, of_pictures, cast("AnyDomain", listener.domain), first, listener.plays_tell)

    return database.transaction(work)


def change_domain(database: Database, journal: Journal, listener_id: uuid.UUID, domain: str) -> None:
    """Only pairs of this domain come from now on, and open ones of others wait; raises ``UnknownListenerError``."""

    def work(session: Session) -> None:
        if not rows.set_domain(session, listener_id, domain):
            raise UnknownListenerError
        journal.append(session, listener_id, visit=True)

    database.transaction(work)


def let_plays_tell(database: Database, journal: Journal, listener_id: uuid.UUID, *, tell: bool) -> None:
    """Whether what is composed goes by what they hear out and skip, too; raises ``UnknownListenerError``."""

    def work(session: Session) -> None:
        if not rows.let_plays_tell(session, listener_id, tell=tell):
            raise UnknownListenerError
        journal.append(session, listener_id, visit=True)

    database.transaction(work)

"""Listeners come without a name, choose a kind of music, and have tokens; where their data lies, and how it is deleted.

Tokens are given, read, taken back, and carried to another device by a link that works once. A listener is deleted
whole: rows, sound, agents, journal, and the id in the logs.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries import votes as vote_rows
from db.queries.listeners import duets_of
from models.taste.space import TasteSpace
from webapp.composing import wishes
from webapp.learning import population
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database, in_transaction, locked_listener
from webapp.runtime.errors import InvalidToken, NotAllowed, TooMany, UnknownListenerError
from webapp.runtime.identity import Claim, Identity
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
from webapp.runtime.listener_files import Adapters, Downloads, KeptDreams
from webapp.runtime.logs import forget_in_logs

log = logging.getLogger(__name__)
_arrivals = Buckets(NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE)
_all_arrivals = TokenBucket(ALL_NEW_LISTENERS_A_SECOND, ALL_NEW_LISTENERS_AT_ONCE)
FRESH_S = 5.0  # other processes learn as late as this that somebody has signed out everywhere
MOST_KNOWN = 20_000
NOT_VALID = (
    "this token is not valid here: you signed out everywhere, or it was signed elsewhere. What you picked is not lost: "
    "open here a link from a device where you are still signed in, or start afresh"
)
USED = "this link was used already, or is older than an hour; make a new one on the other device"

EXPIRE_AFTER = timedelta(days=7)
CROWDED_AFTER = timedelta(hours=1)  # where more than MOST_VISITORS have looked and left nothing, the older ones go
MOST_VISITORS = 2_000
MOST_AT_ONCE = 10_000
SLOWLY_AT_ONCE = 200  # those who have files or clips, each in a transaction of their own


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


@in_transaction
def account(session: Session, listener_id: uuid.UUID, *, new: bool = False) -> Account:
    """Who this listener is; raises ``UnknownListenerError``; somebody ``new`` need not be stored yet."""
    listener = rows.get_listener(session, listener_id)
    if listener is None and new:
        return Account(0, 0, "pop", FirstComposed(wishes.FIRST_AT, ready=False), plays_tell=True)
    if listener is None:
        raise UnknownListenerError
    first = FirstComposed(wishes.FIRST_AT, ready=wishes.count(session, listener_id) > 0)
    picks = vote_rows.count_picks(session, listener_id)
    of_pictures = vote_rows.count_picks_of(session, listener_id, pictures=True)
    return Account(picks, of_pictures, cast("AnyDomain", listener.domain), first, listener.plays_tell)


@in_transaction
def change_domain(session: Session, journal: Journal, listener_id: uuid.UUID, domain: str) -> None:
    """Only pairs of this domain come from now on, and open ones of others wait; raises ``UnknownListenerError``."""
    if not rows.set_domain(session, listener_id, domain):
        raise UnknownListenerError
    journal.append(session, listener_id, visit=True)


@in_transaction
def let_plays_tell(session: Session, journal: Journal, listener_id: uuid.UUID, *, tell: bool) -> None:
    """Whether what is composed goes by what they hear out and skip, too; raises ``UnknownListenerError``."""
    if not rows.let_plays_tell(session, listener_id, tell=tell):
        raise UnknownListenerError
    journal.append(session, listener_id, visit=True)


class Tokens:
    """Reads tokens of the generation that counts now, which is asked of the database every few seconds."""

    def __init__(self, identity: Identity, database: Database, journal: Journal) -> None:
        self._identity, self._database, self._journal = identity, database, journal
        self._known: dict[uuid.UUID, tuple[int | None, float]] = {}
        self._lock = threading.Lock()

    def read(self, token: str) -> Claim:
        """Whose token it is; raises ``InvalidToken``. Whether the listener is still here is not said."""
        claim = self._identity.read(token)
        if claim is None:
            raise InvalidToken(NOT_VALID)
        generation = self._generation(claim.listener_id)
        if generation is not None and generation != claim.generation:
            raise InvalidToken(NOT_VALID)
        return replace(claim, new=generation is None and claim.arrival is not None)

    def give(self, listener_id: uuid.UUID) -> str:
        """A lasting token of this listener."""
        return self._identity.token(listener_id, self._asked(listener_id) or 0)

    def sign_out_everywhere(self, listener_id: uuid.UUID) -> str:
        """Refuse every token and link given so far; a new token. Raises ``UnknownListenerError``."""

        def work(session: Session) -> int | None:
            generation = rows.next_generation(session, listener_id)
            if generation is not None:
                self._journal.append(session, listener_id)
            return generation

        generation = self._database.transaction(work)
        if generation is None:
            raise UnknownListenerError
        self._keep(listener_id, generation)
        return self._identity.token(listener_id, generation)

    def make_link(self, listener_id: uuid.UUID) -> tuple[str, datetime]:
        """A link token and until when it works; the one before works no more. Raises ``UnknownListenerError``."""
        link_id = uuid.uuid4()
        if not self._database.transaction(lambda session: rows.set_link(session, listener_id, link_id)):
            raise UnknownListenerError
        return self._identity.link_token(listener_id, link_id)

    def look_at_link(self, token: str) -> uuid.UUID:
        """Whose link it is, which is not used up by that; raises ``NotAllowed``."""
        claim = self._identity.read_link(token)
        if claim is None or not self._database.transaction(
            lambda session: rows.has_link(session, claim.listener_id, claim.link_id)
        ):
            raise NotAllowed(USED)
        return claim.listener_id

    def use_link(self, token: str) -> uuid.UUID:
        """Whose link it is; it works no more. Raises ``NotAllowed``."""
        claim = self._identity.read_link(token)
        if claim is None or not self._database.transaction(
            lambda session: rows.use_link(session, claim.listener_id, claim.link_id)
        ):
            raise NotAllowed(USED)
        return claim.listener_id

    def _generation(self, listener_id: uuid.UUID) -> int | None:
        """The generation of tokens that counts; None where there is no such listener."""
        known = self._known.get(listener_id)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        return self._asked(listener_id)

    def _asked(self, listener_id: uuid.UUID) -> int | None:
        found = self._database.transaction(lambda session: rows.get_listener(session, listener_id))
        return self._keep(listener_id, found.token_generation if found else None)

    def _keep(self, listener_id: uuid.UUID, generation: int | None) -> int | None:
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[listener_id] = (generation, time.monotonic() + FRESH_S)
        return generation


@dataclass(frozen=True)
class Records:
    """Everything that must know when a listener comes, is brought back, or goes; ``home`` is where the logs are."""

    database: Database
    journal: Journal
    clip_store: ClipStore
    space: TasteSpace
    pictures: TasteSpace
    home: Path

    @property
    def spaces(self) -> tuple[TasteSpace, TasteSpace]:
        """Of music and of pictures."""
        return self.space, self.pictures


def delete(records: Records, listener_id: uuid.UUID) -> None:
    """Forget a listener: every row, the sound only they could hear, agents they trained, journal, their id in the logs.

    What the population learned from them goes too, and a job is left that learns it again without them.
    Files go before the rows do: who is told that they are deleted is, whatever fails meanwhile. Raises
    ``UnknownListenerError``.
    """

    files = _delete(records, listener_id)
    forget_in_logs(records.home, str(listener_id))
    log.info("listener_deleted files=%d", files)


def expire(records: Records) -> int:
    """Forget those who came a week ago or longer and left nothing: no vote, no piece, no dream or agent; how many.

    Where many come, only the newest ``MOST_VISITORS`` who left nothing stay longer than an hour: whoever asks for
    pairs without end, and without voting, fills no disk.
    """

    def due(session: Session) -> list[uuid.UUID]:
        crowd = rows.without_anything(session, CROWDED_AFTER, MOST_AT_ONCE, but_newest=MOST_VISITORS)
        old = rows.without_anything(session, EXPIRE_AFTER, MOST_AT_ONCE)
        return list(dict.fromkeys([*old, *crowd]))

    kept = (Adapters(records.home), KeptDreams(records.home))
    due_now = records.database.transaction(due)
    found = [each for each in due_now if not any(folders.keeps(each) for folders in kept)]
    if not found:
        return 0
    no_file = [each for each in found if not records.journal.segment(each).path.exists()]
    gone = records.database.transaction(lambda session: rows.delete_visitors(session, no_file))
    for listener_id in gone:
        _delete_files(records, listener_id)
    for listener_id in [each for each in found if each not in set(gone)][:SLOWLY_AT_ONCE]:
        with contextlib.suppress(UnknownListenerError):  # deleted by themselves just now
            _delete(records, listener_id)
            gone.append(listener_id)
    forget_in_logs(records.home, *map(str, gone))
    log.info("listeners_expired count=%d", len(gone))
    return len(gone)


def _delete(records: Records, listener_id: uuid.UUID) -> int:
    """The rows and files of a listener; how many sounds there were."""

    def work(session: Session) -> int:
        listener = locked_listener(session, listener_id)
        withdrawn = population.withdraw(session, records.spaces, listener)
        shared = [duet.id for duet in duets_of(session, listener_id)]
        keys = rows.delete_listener(session, listener_id) or []
        records.journal.forget_populations(withdrawn)
        for duet_id in shared:
            records.journal.forget_duet(duet_id)
        for key in keys:
            records.clip_store.delete(key)
        records.journal.forget(listener_id)
        _delete_files(records, listener_id)
        return len(keys)

    return records.database.transaction(work)


def _delete_files(records: Records, listener_id: uuid.UUID) -> None:
    """What lies in folders of their own: downloads, agents, dreams."""
    for folder in (Downloads(records.home), Adapters(records.home), KeptDreams(records.home)):
        folder.forget(listener_id)

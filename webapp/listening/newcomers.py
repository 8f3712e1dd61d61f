"""Somebody who has only looked: nothing is stored of them before they vote, or do anything else that must be kept.

Their token holds their random id, when they came, and the pairs, fours and questions that were drawn for them. So every
web process shows them the same ones, and whoever asks for pairs without end leaves no row. The first vote stores them
and the pairs that they saw, in its own transaction: a pair has its id before it has its row.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries.offers import NotForThisListenerError
from db.tables import DEFAULT_STUDY, Listener
from webapp.learning import heads
from webapp.listening.comparison import OPEN, CandidatePool, Comparison, Draw, Shown, ShownClip
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.runtime.identity import Arrival, Claim
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

DOMAIN = "pop"  # that a newcomer hears
WAITS = timedelta(days=7)  # then their token is worth nothing more: they come anew, and lose nothing
AFTER = timedelta(milliseconds=1)  # one offer after the other
Packed = list[Any]  # one that was drawn, in plain data, as it travels


class FirstDraws(Protocol):
    """What of one kind somebody new is shown first; the journal calls its rows ``journal_name``."""

    journal_name: str

    def first(self, session: Session, listener: Listener) -> list[Packed]:
        """Draw ``OPEN`` of them for somebody of whom nothing is stored; fewer where there are no more."""
        ...

    def offer_first(self, session: Session, listener: Listener, drawn: Packed, **fixed: Any) -> bool:
        """Store one with columns that are ``fixed`` beforehand; whether it is new.

        Raises ``NotForThisListenerError`` where a clip of it has gone.
        """
        ...


class Newcomers:
    """Those of whom nothing is stored yet, and what is drawn for them of each of ``kinds``."""

    def __init__(self, database: Database, journal: Journal, kinds: Sequence[FirstDraws]) -> None:
        self._database, self._journal = database, journal
        self._kinds = {kind.journal_name: kind for kind in kinds}

    def come(self) -> Claim:
        """Somebody new, with what is drawn for them; of a kind of which not enough can be drawn yet, nothing is."""
        return self.drawn_for(Claim(uuid.uuid4(), 0, Arrival(datetime.now(UTC)), new=True))

    def drawn_for(self, claim: Claim) -> Claim:
        """The claim of somebody new with what could not be drawn for them before, as far as it can be by now."""
        arrival = claim.arrival
        if arrival is None or len(arrival.drawn) == len(self._kinds):
            return claim

        def work(session: Session) -> dict[str, list[Packed]]:
            listener = Listener(id=claim.listener_id, domain=DOMAIN, study_id=DEFAULT_STUDY, condition="default")
            lacking = self._kinds.keys() - arrival.drawn.keys()
            found = {name: self._kinds[name].first(session, listener) for name in sorted(lacking)}
            return {name: drawn for name, drawn in found.items() if len(drawn) == OPEN}

        found = self._database.transaction(work)
        return replace(claim, arrival=replace(arrival, drawn={**arrival.drawn, **found})) if found else claim

    def waits(self, claim: Claim) -> bool:
        """Whether the claim is of somebody of whom nothing was ever stored, and who came lately enough."""
        if claim.arrival is None or _is_stale(claim.arrival):
            return False
        # a file without a row is of somebody whom the database has lost, and whom the operator may still bring back
        stored = self._journal.segment(claim.listener_id).path.exists()
        return not stored and not self._journal.was_deleted(claim.listener_id)

    def drawn(self, claim: Claim, kind: str) -> list[tuple[uuid.UUID, Packed]]:
        """What was drawn for somebody of whom nothing is stored, with ids; raises ``UnknownListenerError``."""
        if claim.arrival is None or not self.waits(claim):
            raise UnknownListenerError
        return [(_id_of(claim, kind, each), each) for each in claim.arrival.drawn.get(kind, ())]

    def settle(self, claim: Claim) -> None:
        """Store somebody new; raises ``UnknownListenerError`` where they come too late."""
        if claim.new:
            self._database.transaction(lambda session: self.store(session, claim))

    def keep(self, claim: Claim) -> None:
        """``settle``, with all that was drawn for them: for whoever goes on with another token than this."""

        def work(session: Session) -> None:
            for kind in self._kinds:
                self.store(session, claim, kind)

        if claim.arrival is not None:
            self._database.transaction(work)

    def store(self, session: Session, claim: Claim, kind: str | None = None) -> bool:
        """``settle`` within a transaction, with what was drawn for them of ``kind``, as far as it is not stored yet.

        Whoever else stores them at the same time is waited for. Returns whether any of it was stored now.
        """
        if claim.arrival is None:
            return False
        if rows.settle_listener(session, claim.listener_id, claim.arrival.at) is not None:
            if not self.waits(claim):  # asked only now: who was just being deleted is gone by now, and noted
                raise UnknownListenerError
            log.info("listener_new listener=%s", claim.listener_id)
        listener = rows.lock_listener(session, claim.listener_id)
        if kind is None or listener is None or _is_stale(claim.arrival):
            return False
        stored = []
        for place, drawn in enumerate(claim.arrival.drawn.get(kind, ())):
            fixed = {"id": _id_of(claim, kind, drawn), "created_at": claim.arrival.at + place * AFTER}
            try:
                stored.append(self._kinds[kind].offer_first(session, listener, drawn, **fixed))
            except NotForThisListenerError:
                log.warning("drawn_clip_gone listener=%s", listener.id)
        return any(stored)


def _is_stale(arrival: Arrival) -> bool:
    return datetime.now(UTC) - arrival.at > WAITS


def _id_of(claim: Claim, kind: str, drawn: Packed) -> uuid.UUID:
    """Which id it has, given before its row: two requests that store it store one, and no other has it."""
    return uuid.uuid5(claim.listener_id, f"{kind} {json.dumps(drawn)}")


class FirstComparisons:
    """Pairs or fours, as ``FirstDraws`` says; who is new has no repeat and no blind test."""

    def __init__(self, kind: Comparison[Any]) -> None:
        self._kind = kind
        self.journal_name = kind.journal_name

    def first(self, session: Session, listener: Listener) -> list[Packed]:
        """Draw those that are to be open first; fewer where none is left."""
        kind = self._kind
        head = heads.newcomer(session, DEFAULT_STUDY, kind.playable.space_of(DOMAIN))
        available = CandidatePool.of(session, kind.playable, listener)
        drawn: list[Draw] = []
        while len(drawn) < OPEN and (one := kind.draw(session, listener, head, len(drawn), available)):
            drawn.append(one)
            available.show(one.clips)
        return [_packed(each) for each in drawn]

    def offer_first(self, session: Session, listener: Listener, drawn: Packed, **fixed: Any) -> bool:
        """Store one; not where they have had it before."""
        return self._kind.offer(session, listener, _unpacked(drawn), **fixed) is not None


def shown_first(which: uuid.UUID, drawn: Packed) -> Shown:
    """One that is not stored, as the page sees it: newcomers hear music."""
    found = _unpacked(drawn)
    return Shown(which, tuple(ShownClip.of(clip, found.seconds) for clip in found.clips))


def _packed(drawn: Draw) -> Packed:
    clips = [clip.hex for clip in drawn.clips]
    return [clips, drawn.seconds, drawn.policy, drawn.probability, drawn.order_probability]


def _unpacked(packed: Packed) -> Draw:
    clips, *rest = packed
    return Draw(tuple(map(uuid.UUID, clips)), *rest)

"""Somebody who has only looked: nothing is stored of them before they vote, or do anything else that must be kept.

Their token holds their random id, when they came, and the pairs and fours that were drawn for them. So every web
process shows them the same ones, and whoever asks for pairs without end leaves no row. The first vote stores them and
the pairs that they saw, in its own transaction: a pair has its id before it has its row.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries.offers import NotForThisListenerError
from db.tables import DEFAULT_STUDY, Listener
from webapp.learning import heads
from webapp.listening.candidates import Repertoire
from webapp.listening.comparison import OPEN, Comparison, Draw, Shown, ShownClip
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.runtime.identity import Arrival, Claim
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

DOMAIN = "pop"  # that a newcomer hears
WAITS = timedelta(days=7)  # then their token is worth nothing more: they come anew, and lose nothing
AFTER = timedelta(milliseconds=1)  # one offer after the other


class Newcomers:
    """Those of whom nothing is stored yet, and what is drawn for them of each of ``kinds``."""

    def __init__(self, database: Database, journal: Journal, kinds: Sequence[Comparison[Any]]) -> None:
        self._database, self._journal, self._kinds = database, journal, kinds

    def come(self) -> Claim:
        """Somebody new, with what is drawn for them; of a kind of which not enough can be drawn yet, nothing is."""
        listener_id = uuid.uuid4()
        drawn = self._database.transaction(lambda session: self._drawn(session, listener_id))
        return Claim(listener_id, 0, Arrival(datetime.now(UTC), drawn), new=True)

    def waits(self, claim: Claim) -> bool:
        """Whether the claim is of somebody of whom nothing was ever stored, and who came lately enough."""
        if claim.arrival is None or _is_stale(claim.arrival):
            return False
        # a file without a row is of somebody whom the database has lost, and whom the operator may still bring back
        stored = self._journal.segment(claim.listener_id).path.exists()
        return not stored and not self._journal.tombstones.among([claim.listener_id])

    def shown(self, claim: Claim, kind: Comparison[Any]) -> tuple[Shown, ...]:
        """What was drawn for somebody of whom nothing is stored; raises ``UnknownListenerError``."""
        if claim.arrival is None or not self.waits(claim):
            raise UnknownListenerError
        return tuple(
            Shown(_id_of(claim.listener_id, kind, place), _shown_clips(drawn))
            for place, drawn in enumerate(_unpacked(claim.arrival, kind))
        )

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

    def store(self, session: Session, claim: Claim, kind: Comparison[Any] | None = None) -> bool:
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
        for place, drawn in enumerate(_unpacked(claim.arrival, kind)):
            fixed = {"id": _id_of(listener.id, kind, place), "created_at": claim.arrival.at + place * AFTER}
            try:
                stored.append(kind.offer(session, listener, drawn, **fixed) is not None)
            except NotForThisListenerError:
                log.warning("drawn_clip_gone listener=%s", listener.id)
        return any(stored)

    def _drawn(self, session: Session, listener_id: uuid.UUID) -> dict[str, list[Any]]:
        """By kind what is to be open for them first; nothing is stored."""
        listener = Listener(id=listener_id, domain=DOMAIN, study_id=DEFAULT_STUDY, condition="default")
        found = {}
        for kind in self._kinds:
            head = heads.newcomer(session, DEFAULT_STUDY, kind.playable.space_of(DOMAIN))
            repertoire = Repertoire.of(session, kind.playable, listener)
            drawn: list[Draw] = []
            while len(drawn) < OPEN and (one := kind.draw(session, listener, head, len(drawn), repertoire)):
                drawn.append(one)
                repertoire.show(one.clips)
            if len(drawn) == OPEN:
                found[kind.rows] = [_packed(each) for each in drawn]
        return found


def _is_stale(arrival: Arrival) -> bool:
    return datetime.now(UTC) - arrival.at > WAITS


def _id_of(listener_id: uuid.UUID, kind: Comparison[Any], place: int) -> uuid.UUID:
    """Which id it has, given before its row: two requests that store it store one."""
    return uuid.uuid5(listener_id, f"{kind.rows} {place}")


def _shown_clips(drawn: Draw) -> tuple[ShownClip, ...]:
    return tuple(ShownClip.of(clip, drawn.seconds) for clip in drawn.clips)


def _packed(drawn: Draw) -> list[Any]:
    """As it travels; who is new has no repeat and no blind test."""
    clips = [clip.hex for clip in drawn.clips]
    return [clips, drawn.seconds, drawn.policy, drawn.probability, drawn.order_probability]


def _unpacked(arrival: Arrival, kind: Comparison[Any]) -> list[Draw]:
    packed: Mapping[str, Sequence[Any]] = arrival.drawn
    return [Draw(tuple(map(uuid.UUID, clips)), *rest) for clips, *rest in packed.get(kind.rows, ())]

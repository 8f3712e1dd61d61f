"""What pairs and fours have in common: two of them are open, and a vote counts once, however often it is sent."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import votes as rows
from db.queries.offers import Asked
from db.queries.votes import Answer
from models.taste.head import Head
from models.taste.space import TasteSpace
from webapp.composing import wishes
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotReady, NotYours, UnknownListenerError
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)


def open_now(
    database: Database,
    journal: Journal,
    space: TasteSpace,
    playable: PlayablePool,
    listener_id: uuid.UUID,
    fill_up: Callable[..., list[Asked]],
    shown: Callable[[Asked], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The two that are open, oldest first, made where missing; raises ``NotReady`` where there is not even one."""

    def work(session: Session) -> list[dict[str, Any]]:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        return [shown(each) for each in fill_up(session, journal, space, playable, listener)]

    found = database.transaction(work)
    if not found:
        raise NotReady("the first pieces are being composed; ask again in a second")
    return found


@dataclass(frozen=True)
class Game(Generic[Asked, Answer]):
    """One way to be asked: its tables, what it is called, and which outcomes are ``picks``.

    ``learn(session, space, listener, asked, outcome=, heard_ms=)`` stores a new vote with its prediction and gives the
    head after it; ``fill_up(session, journal, space, playable, listener, head, picks, voted=)`` draws up to two and
    writes in the journal.
    """

    asked: type[Asked]
    answers: type[Answer]
    name: str
    picks: Collection[str]
    learn: Callable[..., Head]
    fill_up: Callable[..., list[Asked]]
    shown: Callable[[Asked], dict[str, Any]]

    def take(
        self,
        database: Database,
        journal: Journal,
        space: TasteSpace,
        playable: PlayablePool,
        listener_id: uuid.UUID,
        which: uuid.UUID,
        outcome: str,
        heard_ms: Sequence[int],
    ) -> dict[str, Any]:
        """Store a vote and answer ``{NAME_id, outcome, picks, open}``; the same vote again answers the same.

        Raises ``NotYours`` for what was not offered to this listener, ``Contradiction`` where it has another outcome.
        """

        def work(session: Session) -> dict[str, Any]:
            claim = rows.claim(session, self.asked, self.answers, which, listener_id=listener_id, outcome=outcome)
            listener = listener_rows.get_listener(session, listener_id)
            if claim.asked is None or listener is None:
                raise NotYours(f"you have no {self.name} {which}; GET /api/{self.name}s gives your open ones")
            if claim.status == "conflict" and claim.vote is not None:
                raise Contradiction(
                    f"this {self.name} was answered with {claim.vote.outcome!r} already; it can't become {outcome!r}"
                )
            head: Head | None = None
            new = claim.status == "new"
            if new:
                head = self.learn(session, space, listener, claim.asked, outcome=outcome, heard_ms=heard_ms)
            picks = rows.count_picks(session, listener_id, until=claim.vote.created_at if claim.vote else None)
            if new and outcome in self.picks and wishes.is_due(picks):
                wishes.enqueue(session, listener, picks)
            filled = self.fill_up(
                session, journal, space, playable, listener, head, picks if new else None, voted=which if new else None
            )
            told = {f"{self.name}_id": which, "outcome": outcome, "picks": picks, "status": claim.status}
            return told | {"open": [self.shown(each) for each in filled]}

        result = database.transaction(work)
        status = result.pop("status")
        log.info("vote %s=%s listener=%s outcome=%s status=%s", self.name, which, listener_id, outcome, status)
        return result

"""Listeners' tokens: given, read, taken back, and carried to another device by a link that works once."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from webapp.runtime.database import Database
from webapp.runtime.errors import InvalidToken, NotAllowed, UnknownListenerError
from webapp.runtime.identity import Claim, Identity
from webapp.runtime.journal import Journal

FRESH_S = 5.0  # other processes learn as late as this that somebody has signed out everywhere
MOST_KNOWN = 20_000

NOT_VALID = (
    "this token is not valid here: you signed out everywhere, or it was signed elsewhere. What you picked is not lost: "
    "open here a link from a device where you are still signed in, or start afresh"
)
USED = "this link was used already, or is older than an hour; make a new one on the other device"


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

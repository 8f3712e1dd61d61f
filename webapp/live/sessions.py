"""Who plays live at the moment: few at once, since each has bars decoded all the time, and none that is idle."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from models.music.notes import Domain
from models.style.directions import Directions
from webapp.generation.protocol import Generator, answered
from webapp.live.music import LiveBar, LiveMusic
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, Problem, TooMany
from webapp.runtime.limits import Buckets

AT_ONCE = 4  # a bar takes some tenths of a second of a core and lasts two seconds
IDLE_S = 30.0
BARS_A_SECOND, BARS_AT_ONCE = 3.0, 12  # of one session, and second halves: no bar is as short
BEGUN_A_SECOND, BEGUN_AT_ONCE = 0.1, 8  # of one listener
MOST_SEED = 999_999
FULL = f"{AT_ONCE} people play live just now, as many as can; try again in a few minutes"


@dataclass
class _Session:
    listener_id: uuid.UUID
    music: LiveMusic | None = None
    asked: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Live music of listeners by session, in memory alone: what is seen is never stored."""

    def __init__(self, generation: Generator, directions: Directions | None) -> None:
        self._generation, self._directions = generation, directions
        self._sessions: dict[uuid.UUID, _Session] = {}
        self._lock = threading.Lock()
        self._begun = Buckets(BEGUN_A_SECOND, BEGUN_AT_ONCE)
        self._bars = Buckets(BARS_A_SECOND, BARS_AT_ONCE)

    def begin(
        self,
        listener_id: uuid.UUID,
        domain: Domain = "pop",
        seed: int = 0,
        links: Sequence[Sequence[float]] | None = None,
    ) -> uuid.UUID:
        """Begin to play; ends what the listener had begun before.

        Raises ``TooMany`` where as many play as can or the listener begins without end, ``NotAllowed`` for a seed
        that there is not, and ``NotReady``.
        """
        if not 0 <= seed <= MOST_SEED:
            raise NotAllowed(f"the seed {seed} was given; 0 to {MOST_SEED} are allowed")
        if not self._begun.take(str(listener_id)):
            raise TooMany("live music was begun so often that others must come first; wait a minute")
        session_id = uuid.uuid4()
        with self._lock:
            self._sweep()
            for each in [key for key, session in self._sessions.items() if session.listener_id == listener_id]:
                del self._sessions[each]
            if len(self._sessions) >= AT_ONCE:
                raise TooMany(FULL)
            session = self._sessions[session_id] = _Session(listener_id)  # its place is taken while it is prepared
        try:
            with answered():
                session.music = LiveMusic(self._generation, self._directions, domain, seed, links)
        except Problem:
            self.end(listener_id, session_id)
            raise
        session.asked = time.monotonic()
        return session_id

    def next_bar(self, listener_id: uuid.UUID, session_id: uuid.UUID, readouts: Mapping[str, float]) -> LiveBar:
        """The next bar by what is seen.

        Raises ``NotYours`` for a session that is not the listener's or has ended, ``Contradiction`` while the bar
        before is being composed, ``TooMany``, ``NotAllowed`` and ``NotReady``.
        """
        return self._composed(listener_id, session_id, lambda music: music.next_bar(readouts))

    def second_half(self, listener_id: uuid.UUID, session_id: uuid.UUID, readouts: Mapping[str, float]) -> LiveBar:
        """The last bar, from its middle beat on by what is seen now; the music goes on from that. Raises alike."""

        def composed(music: LiveMusic) -> LiveBar:
            bar, goes_on = music.second_half(readouts)
            goes_on()
            return bar

        return self._composed(listener_id, session_id, composed)

    def _composed(
        self, listener_id: uuid.UUID, session_id: uuid.UUID, compose: Callable[[LiveMusic], LiveBar]
    ) -> LiveBar:
        with self._lock:
            self._sweep()
            session = self._sessions.get(session_id)
        if session is None or session.listener_id != listener_id or session.music is None:
            raise NotYours("this live music has ended; begin it anew")
        if not self._bars.take(str(session_id)):
            raise TooMany("bars were asked for faster than they sound; ask for one shortly before it is to sound")
        if not session.lock.acquire(blocking=False):
            raise Contradiction("the bar before is still being composed; ask for one after the other")
        try:
            with answered(refused="this music can't go on"):
                return compose(session.music)
        finally:
            session.asked = time.monotonic()
            session.lock.release()

    def end(self, listener_id: uuid.UUID, session_id: uuid.UUID) -> None:
        """Stop; what has ended already stays so."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None and session.listener_id == listener_id:
                del self._sessions[session_id]

    def __len__(self) -> int:
        with self._lock:
            self._sweep()
            return len(self._sessions)

    def _sweep(self) -> None:
        now = time.monotonic()
        for key, session in list(self._sessions.items()):
            if now - session.asked > IDLE_S and not session.lock.locked():
                del self._sessions[key]

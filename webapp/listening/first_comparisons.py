"""The comparisons that somebody new is shown: drawn before they are stored, and carried by their token."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.tables import DEFAULT_STUDY, Listener
from webapp.learning import heads
from webapp.listening.candidates import Repertoire
from webapp.listening.comparison import OPEN, Comparison, Draw, Shown, ShownClip
from webapp.listening.newcomers import DOMAIN, Packed


class FirstComparisons:
    """Pairs or fours, as ``FirstDraws`` says; who is new has no repeat and no blind test."""

    def __init__(self, kind: Comparison[Any]) -> None:
        self._kind = kind
        self.rows = kind.rows

    def first(self, session: Session, listener: Listener) -> list[Packed]:
        """Draw those that are to be open first; fewer where none is left."""
        kind = self._kind
        head = heads.newcomer(session, DEFAULT_STUDY, kind.playable.space_of(DOMAIN))
        repertoire = Repertoire.of(session, kind.playable, listener)
        drawn: list[Draw] = []
        while len(drawn) < OPEN and (one := kind.draw(session, listener, head, len(drawn), repertoire)):
            drawn.append(one)
            repertoire.show(one.clips)
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

"""What a pick turned out to be, told once it is stored: whether it was guessed, and what had been compared."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.queries import votes
from db.queries.statistics import CHANGED, CLAIM
from db.tables import FOUR_PICKS
from webapp.runtime.database import Database

SIDES = ("left", "right")


@dataclass(frozen=True)
class Answer:
    """What there is to tell of a vote; None where there is nothing.

    ``guessed``: whether the side thought likeliest was picked. ``composed``: whether what was picked had been composed
    for this listener, where anything there was. ``claim``: whether a claim that was offered as this pair was right.
    ``place``: what was picked, counted from 0; None where nothing was.
    """

    place: int | None
    guessed: bool | None
    composed: bool | None
    claim: bool | None


def of_vote(database: Database, listener_id: uuid.UUID, which: uuid.UUID) -> Answer | None:
    """What the listener's vote on this offer or four was; None where there is no such vote."""

    def work(session: Session) -> Answer | None:
        found = votes.answered(session, listener_id, which)
        return None if found is None else _answer(found)

    return database.transaction(work)


def _answer(found: votes.Answered) -> Answer:
    names: Sequence[str] = SIDES if found.outcome in SIDES else FOUR_PICKS
    place = names.index(found.outcome) if found.outcome in names else None
    if place is None:
        return Answer(None, None, None, None)
    return Answer(
        place=place,
        guessed=_guessed(found.chances, place),
        composed=place in found.own if found.own and found.policy != CLAIM else None,
        claim=found.condition == CHANGED[found.outcome] if found.policy == CLAIM else None,
    )


def _guessed(chances: Sequence[float] | None, place: int) -> bool | None:
    """Whether the likeliest was picked; None where none was likelier than the others."""
    if chances is None or max(chances) - min(chances) < 1e-9:
        return None
    return chances[place] == max(chances)

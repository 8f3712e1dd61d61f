"""Is it personal? How often a listener picked what was composed for them over its rivals, in blind pairs."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from db.queries import heads as head_rows
from db.queries import listeners as listener_rows
from db.queries import proofs as rows
from models.metrics.always_valid import win_rate
from models.taste.space import TasteSpace
from webapp.learning.heads import FEWEST_OTHERS, VOTES_OF_OTHERS
from webapp.listening.pairs import BLIND_TESTS
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError

Counts = tuple[int, int, int]


def counted(proofs: Iterable[rows.Proof]) -> dict[str, Counts]:
    """Wins, ties and losses against each rival, by the condition under which it is offered."""
    found = Counter((each.condition, each.won) for each in proofs)
    return {name: (found[name, 1.0], found[name, 0.5], found[name, 0.0]) for name in BLIND_TESTS.values()}


def of_listener(database: Database, space: TasteSpace, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{average, drawn, others, others_needed}``: the listener's own win rates, as ``kallos report listener`` says.

    Each rate is ``{won, equal, lost, value, low, high}``; ``value`` (None without votes) counts a tie half, and its
    interval holds whenever one looks. ``others``: how many there are of whom an average listener can be made.
    """

    def work(session: Session) -> dict[str, Any]:
        listener = listener_rows.get_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        found = counted(rows.proofs(session, listener_id))
        others = head_rows.count_heads(
            session, listener.study_id, space.version, votes=VOTES_OF_OTHERS, but=listener_id
        )
        rates = {rival: _rate(found[condition]) for rival, condition in BLIND_TESTS.items()}
        return {**rates, "others": others, "others_needed": FEWEST_OTHERS}

    return database.transaction(work)


def _rate(counts: Counts) -> dict[str, Any]:
    won, equal, lost = counts
    figure = win_rate(won, equal, lost)
    value = None if math.isnan(figure.value) else figure.value
    return {"won": won, "equal": equal, "lost": lost, "value": value, "low": figure.low, "high": figure.high}

"""Whether somebody has listened before they voted, as far as the server can tell.

A page counts what sounds. A program may say what it likes: so little is refused, and what can't be true is marked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from webapp.listening.comparison import Cast
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import VOTES_A_SECOND, VOTES_AT_ONCE, Buckets

LEAST_MS = 1_000
SLACK = timedelta(seconds=2)  # for two clocks
_votes = Buckets(VOTES_A_SECOND, VOTES_AT_ONCE)
Trust = Literal["heard", "suspicious", "unavailable"]


def require_heard(outcome: str, heard_ms: Sequence[float]) -> None:
    """Raises ``NotAllowed`` for a vote that compares clips of which not even two were heard; a skip compares none."""
    if outcome != "skipped" and sum(each >= LEAST_MS for each in heard_ms) < 2:
        raise NotAllowed(
            f"heard_ms tells that fewer than two clips were heard; listen to {LEAST_MS / 1000:g} second of each at "
            'least, or send the outcome "skipped"'
        )


def require_pace(listener_id: uuid.UUID) -> None:
    """Raises ``TooMany`` where votes of one listener come faster than even a program needs."""
    if not _votes.take(str(listener_id)):
        raise TooMany("votes come too fast; try again in a few seconds")


def trust_of(vote: Cast, asked_at: datetime) -> Trust:
    """Whether what is said to have been heard can be true, of clips that were offered at ``asked_at``."""
    if vote.outcome == "skipped":
        return "heard"
    passed = datetime.now(UTC) - asked_at
    if passed < -SLACK:
        return "unavailable"  # the database's clock and ours disagree
    longer = timedelta(milliseconds=sum(vote.heard_ms)) > passed + SLACK
    return "suspicious" if longer or min(vote.heard_ms) < LEAST_MS else "heard"

"""A listener's head, from and to its row."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from db.queries import heads as rows
from db.tables import StoredHead
from models.taste.bradley_terry import Head, HeadColumns, average
from models.taste.space import TasteSpace

FEWEST_OTHERS, VOTES_OF_OTHERS = 3, 6  # an average of fewer would tell one person's taste


def prior(space: TasteSpace) -> Head:
    """The head of somebody who has not voted yet."""
    return Head.of(space.prior_mean, space.prior_covariance, space.version)


def load(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head:
    """The listener's head in this taste space; the prior where they have none.

    Raises ``ValueError`` where the stored one has another size.
    """
    row = rows.load_head(session, listener_id, space.version)
    if row is None:
        return prior(space)
    head = _head(row)
    if len(head.mean) != space.size:
        raise ValueError(f"the head of {listener_id} has {len(head.mean)} weights, its taste space {space.size}")
    return head


def average_of_others(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head | None:
    """The average listener of this one's study, this one left out; None where too few others have a taste yet."""
    found = rows.heads_of_others(session, listener_id, space.version, votes=VOTES_OF_OTHERS)
    return average([_head(row) for row in found]) if len(found) >= FEWEST_OTHERS else None


def save(session: Session, listener_id: uuid.UUID, head: Head) -> None:
    """Store the head in place of the one before."""
    columns = head.to_columns()
    rows.save_head(
        session,
        listener_id,
        model_version=columns.version,
        mean=columns.mean,
        covariance=columns.covariance,
        tie=columns.tie,
        votes_seen=columns.votes_seen,
    )


def _head(row: StoredHead) -> Head:
    return Head.from_columns(HeadColumns(row.mean, row.covariance, row.tie, row.votes_seen, row.model_version))

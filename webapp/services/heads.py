"""A listener's head, from and to its row."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from db.queries import heads as rows
from models.taste.bradley_terry import Head, HeadColumns
from models.taste.space import TasteSpace


def prior(space: TasteSpace) -> Head:
    """The head of somebody who has not voted yet."""
    return Head(space.prior_mean, space.prior_covariance, space.version)


def load(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head:
    """The listener's head in this taste space; the prior where they have none.

    Raises ``ValueError`` where the stored one has another size.
    """
    row = rows.load_head(session, listener_id, space.version)
    if row is None:
        return prior(space)
    head = Head.from_columns(HeadColumns(row.mean, row.covariance, row.tie, row.votes_seen, row.model_version))
    if len(head.mean) != space.size:
        raise ValueError(f"the head of {listener_id} has {len(head.mean)} weights, its taste space {space.size}")
    return head


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

"""A listener's head, from and to its row: the Gaussian over the weights, joined with that over the tie parameter."""

from __future__ import annotations

import uuid

import numpy as np
from sqlalchemy.orm import Session

from db.queries import heads as rows
from models.taste.bradley_terry import Head
from models.taste.space import TasteSpace

NUMBERS = np.dtype("<f8")


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
    mean = np.frombuffer(row.mean, NUMBERS)
    if len(mean) != space.size:
        raise ValueError(
            f"the head of {listener_id} has {len(mean)} weights; taste space {space.version}: {space.size}"
        )
    joint = np.frombuffer(row.covariance, NUMBERS).reshape(len(mean) + 1, len(mean) + 1)
    return Head(
        mean=mean,
        covariance=joint[:-1, :-1],
        version=space.version,
        tie=row.tie,
        tie_variance=float(joint[-1, -1]),
        votes_seen=row.votes_seen,
    )


def save(session: Session, listener_id: uuid.UUID, head: Head) -> None:
    """Store the head in place of the one before."""
    size = len(head.mean)
    joint = np.zeros((size + 1, size + 1), NUMBERS)
    joint[:-1, :-1] = head.covariance
    joint[-1, -1] = head.tie_variance
    rows.save_head(
        session,
        listener_id,
        model_version=head.version,
        mean=head.mean.astype(NUMBERS).tobytes(),
        covariance=joint.tobytes(),
        tie=head.tie,
        votes_seen=head.votes_seen,
    )

"""What a listener's votes prove: blind proofs, repeats of their own pairs, and which side they lean to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from db.queries.offers import asked_about
from db.tables import GUIDED, OWN, PICKS, RIVALS, Clip, Listener, Offer, Vote

PROOF = "proof"  # the policy that draws them
TENSION = "tension"  # the policy of a clip that the tension model chose against one that came first
CLAIM = "claim"  # the policy of a changed clip against the one that it was made from
CHANGED = {"left": "changed_left", "right": "changed_right"}  # an offer's condition: where the changed clip stands


@dataclass(frozen=True)
class Proof:
    """A vote between a clip that is tested and a rival; ``condition`` tells which. ``won``: 1, 0, a tie 0.5."""

    condition: str
    won: float


@dataclass(frozen=True)
class Claim:
    """That a changed clip is liked better than the one it was made from, and what was answered; None while it is open.

    ``right``: 1, 0, a tie 0.5; None while it is open, and where the answer compared nothing.
    """

    outcome: str | None
    right: float | None


def proofs(session: Session, listener_id: UUID, *, pictures: bool) -> list[Proof]:
    """The listener's blind proofs of music, or of ``pictures``, oldest first.

    Those that they skipped or liked neither side of are left out.
    """
    return _won(session, listener_id, PROOF, OWN, RIVALS, pictures=pictures)


def guided(session: Session, listener_id: UUID, *, pictures: bool) -> list[Proof]:
    """Likewise, of clips that the tension model chose against plain ones; of pictures there are none."""
    return _won(session, listener_id, TENSION, *((kind,) for kind in GUIDED), pictures=pictures)


def _won(
    session: Session,
    listener_id: UUID,
    policy: str,
    tested: Sequence[str],
    rivals: Sequence[str],
    *,
    pictures: bool,
) -> list[Proof]:
    left, right = aliased(Clip), aliased(Clip)
    one_of_each = and_(left.kind.in_(tested), right.kind.in_(rivals)) | and_(
        left.kind.in_(rivals), right.kind.in_(tested)
    )
    query = (
        select(Offer.condition, Vote.outcome, left.kind.in_(tested))
        .join(Vote, Vote.offer_id == Offer.id)
        .join(left, left.id == Offer.left_clip)
        .join(right, right.id == Offer.right_clip)
        .where(Offer.listener_id == listener_id, Offer.policy == policy, Vote.outcome.in_(PICKS), one_of_each)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [
        Proof(condition, 0.5 if outcome == "equal" else float((outcome == "left") == tested_left))
        for condition, outcome, tested_left in session.execute(query)
    ]


def claims(session: Session, listener_id: UUID, *, pictures: bool) -> list[Claim]:
    """Every claim of the listener's about music, or ``pictures``, that was offered, in that order."""
    query = (
        select(Offer.condition, Vote.outcome)
        .outerjoin(Vote, Vote.offer_id == Offer.id)
        .where(Offer.listener_id == listener_id, Offer.policy == CLAIM, asked_about(Offer.left_clip, pictures=pictures))
        .order_by(Offer.created_at, Offer.id)
    )
    found = []
    for condition, outcome in session.execute(query):
        right = None
        if outcome in PICKS:
            right = 0.5 if outcome == "equal" else float(condition == CHANGED[outcome])
        found.append(Claim(outcome, right))
    return found


def repeats(session: Session, listener_id: UUID, *, pictures: bool) -> list[tuple[str, str]]:
    """The outcomes of each pair that was judged twice, sides swapped, oldest first."""
    again, first, second = aliased(Offer), aliased(Vote), aliased(Vote)
    query = (
        select(first.outcome, second.outcome)
        .join(again, again.repeats == first.offer_id)
        .join(second, second.offer_id == again.id)
        .where(again.listener_id == listener_id, asked_about(again.left_clip, pictures=pictures))
        .order_by(second.created_at, second.offer_id)
    )
    return [(one, two) for one, two in session.execute(query)]


def outcomes(session: Session, listener_id: UUID, *, pictures: bool) -> Counter[str]:
    """How often each button was pressed, on pairs whose order was a coin's."""
    query = (
        select(Vote.outcome, func.count())
        .join(Offer, Offer.id == Vote.offer_id)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .where(Vote.listener_id == listener_id, Offer.repeats.is_(None))
        .group_by(Vote.outcome)
    )
    return Counter({row[0]: row[1] for row in session.execute(query)})


def listeners_of(session: Session, study_id: str) -> list[UUID]:
    """Everybody who takes part in a study, in the order in which they came; not who came with a file."""
    query = select(Listener.id).where(Listener.study_id == study_id, ~Listener.brought)
    return list(session.scalars(query.order_by(Listener.created_at, Listener.id)))

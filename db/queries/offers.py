"""Offers: the pairs that a listener has before them; and which clips they have met, in pairs and in fours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Select,
    Text,
    Uuid,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, load_only

from db.tables import PICKS, Clip, Four, Listener, Offer, Vote

Asked = TypeVar("Asked", Offer, Four)
FOUR_SIDES = (Four.clip_a, Four.clip_b, Four.clip_c, Four.clip_d)


class NotForThisListenerError(ValueError):
    """A clip that doesn't exist, or that was composed for somebody else, can't be offered."""


def open_ones(session: Session, asked: type[Asked], listener_id: UUID) -> list[Asked]:
    """The listener's pairs or fours that wait for a vote, oldest first."""
    query = select(asked).where(asked.listener_id == listener_id, asked.state == "open")
    return list(session.scalars(query.order_by(asked.created_at, asked.id)))


def create_offer(
    session: Session,
    *,
    listener: Listener,
    left_clip: UUID,
    right_clip: UUID,
    seconds: float,
    policy: str,
    pair_probability: float,
    order_probability: float = 0.5,
    condition: str | None = None,
    repeats: UUID | None = None,
) -> Offer | None:
    """Offer a pair in the listener's study; None where they have had these two before, in any order.

    ``condition`` is the listener's own where none is given. A pair that ``repeats`` an earlier offer mirrors that one
    (``IntegrityError`` where it does not) and comes once more at most.
    Raises ``NotForThisListenerError`` for a clip that isn't theirs to hear, and ``IntegrityError`` for a clip against
    itself or a probability outside (0, 1].
    """
    may_hear = select(func.count()).where(
        Clip.id.in_([left_clip, right_clip]), or_(Clip.composed_for.is_(None), Clip.composed_for == listener.id)
    )
    values: dict[InstrumentedAttribute[Any], ColumnElement[Any]] = {
        Offer.listener_id: literal(listener.id, Uuid),
        Offer.study_id: literal(listener.study_id, Text),
        Offer.condition: literal(condition or listener.condition, Text),
        Offer.left_clip: literal(left_clip, Uuid),
        Offer.right_clip: literal(right_clip, Uuid),
        Offer.seconds: literal(seconds, Double),
        Offer.policy: literal(policy, Text),
        Offer.pair_probability: literal(pair_probability, Double),
        Offer.order_probability: literal(order_probability, Double),
        Offer.repeats: literal(repeats, Uuid),
    }
    both = may_hear.scalar_subquery() == len({left_clip, right_clip})
    new = insert(Offer).from_select(list(values), select(*values.values()).where(both))
    offer = session.scalars(new.on_conflict_do_nothing().returning(Offer)).one_or_none()
    if offer is None and session.scalars(may_hear).one() < 2:
        raise NotForThisListenerError(f"clips {left_clip} and {right_clip} can't both be offered to {listener.id}")
    return offer


def offered_pairs(session: Session, listener_id: UUID) -> list[tuple[UUID, UUID]]:
    """Every pair that this listener was ever offered, as (left, right), oldest first."""
    query = select(Offer.left_clip, Offer.right_clip).where(Offer.listener_id == listener_id)
    return [(left, right) for left, right in session.execute(query.order_by(Offer.created_at, Offer.id))]


def met_among(session: Session, listener_id: UUID, clips: Collection[UUID]) -> set[UUID]:
    """Those of these clips that this listener was ever offered, in a pair or a four.

    Asked clip by clip, however many offers there were.
    """
    asked = func.unnest(cast(list(clips), ARRAY(Uuid))).table_valued(column("id", Uuid), name="asked").render_derived()
    met = [
        select(side).where(side.class_.listener_id == listener_id, side == asked.c.id).exists()
        for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
    ]
    return set(session.scalars(select(asked.c.id).where(or_(*met))))


def clips_shown(listener_id: UUID, *, state: str | None = None) -> Select[tuple[UUID]]:
    """Ids of the clips in a listener's pairs and fours, of one ``state`` or of both."""
    states = ("open", "voted") if state is None else (state,)
    sides = [
        select(side.label("id")).where(side.class_.listener_id == listener_id, side.class_.state.in_(states))
        for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
    ]
    return select(union_all(*sides).subquery().c.id)


def met_clips(session: Session, listener_id: UUID, *, model_version: str) -> list[Clip]:
    """Clips of this model that the listener voted on and that wait in no open pair or four, light ones."""
    judged = Clip.id.in_(clips_shown(listener_id, state="voted"))
    query = (
        select(Clip)
        .where(judged, Clip.model_version == model_version)
        .options(load_only(Clip.id, Clip.summary, Clip.kind, Clip.domain, Clip.composed_for))
    )
    waiting = set(session.scalars(clips_shown(listener_id, state="open")))
    return [clip for clip in session.scalars(query) if clip.id not in waiting]


def pairs_among(session: Session, listener_id: UUID, clips: Sequence[UUID]) -> list[tuple[int, int]]:
    """Every pair of these clips that this listener was ever offered, as their places in ``clips`` (left, right)."""
    left, right = (
        func.unnest(cast(list(clips), ARRAY(Uuid)))
        .table_valued(column("id", Uuid), with_ordinality="place", name=name)
        .render_derived()
        for name in ("on_the_left", "on_the_right")
    )
    query = (
        select(left.c.place - 1, right.c.place - 1)
        .select_from(Offer)
        .join(left, left.c.id == Offer.left_clip)
        .join(right, right.c.id == Offer.right_clip)
        .where(Offer.listener_id == listener_id)
    )
    return [(one, two) for one, two in session.execute(query)]


def repeatable(
    session: Session,
    listener: Listener,
    *,
    model_version: str,
    kept_out: Collection[str],
    gap: int,
    window: int,
) -> list[Offer]:
    """Offers that may come again: picked on before the last ``gap`` votes and within ``window`` votes before these.

    Left out are repeats, what was repeated already, policies ``kept_out``, and pairs whose clips are retired, of
    another domain than the listener's now or of another model.
    """
    recent = (
        select(Vote.offer_id, Vote.outcome, Vote.created_at)
        .where(Vote.listener_id == listener.id)
        .order_by(Vote.created_at.desc(), Vote.offer_id.desc())
        .offset(gap)
        .limit(window)
        .subquery()
    )
    again, left, right = aliased(Offer), aliased(Clip), aliased(Clip)
    query = (
        select(Offer)
        .join(recent, recent.c.offer_id == Offer.id)
        .join(left, left.id == Offer.left_clip)
        .join(right, right.id == Offer.right_clip)
        .where(recent.c.outcome.in_(PICKS), Offer.repeats.is_(None), Offer.policy.not_in(kept_out))
        .where(~select(again.id).where(again.repeats == Offer.id).exists())
        .order_by(recent.c.created_at, Offer.id)
    )
    for clip in (left, right):
        query = query.where(~clip.retired, clip.domain == listener.domain, clip.model_version == model_version)
    return list(session.scalars(query))

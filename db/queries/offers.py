"""Offers: the pairs that a listener has before them, which clips they have met, and fits of pictures to music."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, load_only

from db.engine import built_once
from db.tables import FIT_PICKS, PICKS, PICTURES, Clip, Fit, Four, Listener, Offer, Vote

OfferRow = TypeVar("OfferRow", Offer, Four)
FOUR_SIDES = (Four.clip_a, Four.clip_b, Four.clip_c, Four.clip_d)
_WHOSE = bindparam("whose", type_=Uuid)
_CLIPS = bindparam("clips", type_=ARRAY(Uuid))


def sides_of(table: type[Offer | Four]) -> Sequence[InstrumentedAttribute[UUID]]:
    """The columns of its clips, in the order of their places."""
    return (Offer.left_clip, Offer.right_clip) if table is Offer else FOUR_SIDES


def asked_about(first: InstrumentedAttribute[UUID], *, pictures: bool) -> ColumnElement[bool]:
    """Whether a pair or a four is about pictures, or else about music, as the ``first`` of its clips is."""
    clip = aliased(Clip)
    is_picture = select(clip.id).where(clip.id == first, clip.domain == PICTURES).exists()
    return is_picture if pictures else ~is_picture


class NotForThisListenerError(ValueError):
    """A clip that doesn't exist, or that was composed for somebody else, can't be offered."""


def open_ones(session: Session, table: type[OfferRow], listener_id: UUID) -> list[OfferRow]:
    """The listener's pairs or fours that wait for a vote, oldest first."""
    query = select(table).where(table.listener_id == listener_id, table.state == "open")
    return list(session.scalars(query.order_by(table.created_at, table.id)))


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
    **fixed: Any,
) -> Offer | None:
    """Offer a pair in the listener's study; None where they have had these two before, in any order.

    ``condition`` is the listener's own where none is given. A pair that ``repeats`` an earlier offer mirrors that one
    (``IntegrityError`` where it does not) and comes once more at most.
    ``fixed`` are other columns, such as an id that was given out already.
    Raises ``NotForThisListenerError`` for a clip that isn't theirs to hear, and ``IntegrityError`` for a clip against
    itself or a probability outside (0, 1].
    """
    about = {
        "left_clip": left_clip,
        "right_clip": right_clip,
        "seconds": seconds,
        "policy": policy,
        "pair_probability": pair_probability,
        "order_probability": order_probability,
        "condition": condition or listener.condition,
        "repeats": repeats,
        **fixed,
    }
    return create(session, Offer, listener, (left_clip, right_clip), about)


def create(
    session: Session, table: type[OfferRow], listener: Listener, clips: Sequence[UUID], about: Mapping[str, Any]
) -> OfferRow | None:
    """Store a new pair or four with what is to be known ``about`` it, in one round trip, as ``create_offer`` says."""
    values = {"listener_id": listener.id, "study_id": listener.study_id, **about}
    given = {f"new_{name}": value for name, value in values.items()}
    parameters = given | {"clips": list(clips), "different": len(set(clips)), "whose": listener.id}
    new = session.scalars(_insert(table, tuple(values)), parameters).one_or_none()
    if new is None and session.scalars(select(_hearable()), parameters).one() < len(set(clips)):
        raise NotForThisListenerError(
            f"some of the clips {', '.join(map(str, clips))} can't be offered to {listener.id}"
        )
    return new


@built_once
def _insert(table: type[OfferRow], names: tuple[str, ...]) -> Select[OfferRow]:
    """Built once: a vote has no time for it."""
    columns = {name: getattr(table, name) for name in names}
    values = [bindparam(f"new_{name}", type_=column.type) for name, column in columns.items()]
    all_theirs = _hearable() == bindparam("different", type_=Integer)
    insertion = insert(table).from_select(list(columns), select(*values).where(all_theirs))
    new = insertion.on_conflict_do_nothing().returning(*table.__table__.c).cte("new")
    return select(aliased(table, new))


def _hearable() -> ScalarSelect[int]:
    """How many of ``clips`` the listener ``whose`` may hear."""
    clips = func.any(bindparam("clips", type_=ARRAY(Uuid)))
    theirs = or_(Clip.composed_for.is_(None), Clip.composed_for == bindparam("whose", type_=Uuid))
    return select(func.count()).select_from(Clip).where(Clip.id == clips, theirs).scalar_subquery()


def met_among(session: Session, listener_id: UUID, clips: Collection[UUID]) -> set[UUID]:
    """Those of these clips that this listener was ever offered, in a pair or a four.

    Looked up clip by clip, however many offers there were.
    """
    return set(session.scalars(_met_among(), {"whose": listener_id, "clips": list(clips)}))


@built_once
def _met_among() -> Select[UUID]:
    """Built once: a vote has no time for it. Whatever is known of the tables, each clip is looked up in the indexes."""
    given = func.unnest(_CLIPS).table_valued(column("id", Uuid), name="given").render_derived()
    once = [
        select(literal(1)).where(side.class_.listener_id == _WHOSE, side == given.c.id).limit(1).scalar_subquery()
        for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
    ]
    return select(given.c.id).where(func.coalesce(*once).is_not(None))


def shown_among(
    session: Session, table: type[Offer | Four], listener_id: UUID, clips: Collection[UUID]
) -> list[tuple[UUID, ...]]:
    """The clips of every pair, or four, that this listener was ever offered and that is made of these alone."""
    given = {"whose": listener_id, "clips": list(clips)}
    return [tuple(row) for row in session.execute(_shown_among(table), given)]


@built_once
def _shown_among(table: type[Offer | Four]) -> Select[*tuple[Any, ...]]:
    """Built once: a vote has no time for it."""
    sides = sides_of(table)
    return select(*sides).where(table.listener_id == _WHOSE, *(side == func.any(_CLIPS) for side in sides))


def clips_shown(listener_id: UUID, *, state: str | None = None) -> Select[tuple[UUID]]:
    """Ids of the clips in a listener's pairs and fours, of one ``state`` or of both."""
    states = ("open", "voted") if state is None else (state,)
    sides = [
        select(side.label("id")).where(side.class_.listener_id == listener_id, side.class_.state.in_(states))
        for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
    ]
    return select(union_all(*sides).subquery().c.id)


def ids_shown(session: Session, listener_id: UUID, *, state: str | None = None) -> set[UUID]:
    """``clips_shown``, asked."""
    return set(session.scalars(clips_shown(listener_id, state=state)))


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
    given = {
        "whose": listener.id,
        "domain": listener.domain,
        "version": model_version,
        "kept_out": list(kept_out),
        "gap": gap,
        "window": window,
    }
    return list(session.scalars(_repeatable(), given))


@built_once
def _repeatable() -> Select[Offer]:
    """Built once: a vote has no time for it."""
    recent = (
        select(Vote.offer_id, Vote.outcome, Vote.created_at)
        .where(Vote.listener_id == _WHOSE)
        .order_by(Vote.created_at.desc(), Vote.offer_id.desc())
        .offset(bindparam("gap", type_=Integer))
        .limit(bindparam("window", type_=Integer))
        .subquery()
    )
    again, left, right = aliased(Offer), aliased(Clip), aliased(Clip)
    # vote by vote, whatever is known of the tables
    offer = aliased(Offer, select(Offer).where(Offer.id == recent.c.offer_id).limit(1).lateral())
    query = (
        select(offer)
        .select_from(recent)
        .join(offer, literal(value=True))
        .join(left, left.id == offer.left_clip)
        .join(right, right.id == offer.right_clip)
        .where(recent.c.outcome.in_(PICKS), offer.repeats.is_(None))
        .where(offer.policy.not_in(bindparam("kept_out", expanding=True)))
        .where(~select(again.id).where(again.repeats == offer.id).exists())
        .order_by(recent.c.created_at, offer.id)
    )
    domain, version = bindparam("domain", type_=Text), bindparam("version", type_=Text)
    for clip in (left, right):
        query = query.where(~clip.retired, clip.domain == domain, clip.model_version == version)
    return query


def get_fit(session: Session, listener_id: UUID, fit_id: UUID) -> Fit | None:
    """The listener's own; None where they have none of this id."""
    return session.scalar(select(Fit).where(Fit.id == fit_id, Fit.listener_id == listener_id))


def fits_of(session: Session, listener_id: UUID) -> list[Fit]:
    """All that a listener was asked, oldest first."""
    query = select(Fit).where(Fit.listener_id == listener_id)
    return list(session.scalars(query.order_by(Fit.created_at, Fit.id)))


def answered_fits(session: Session, listener_id: UUID) -> list[Fit]:
    """What they have answered, in the order of the answers."""
    query = select(Fit).where(Fit.listener_id == listener_id, Fit.outcome.is_not(None))
    return list(session.scalars(query.order_by(Fit.answered_at, Fit.id)))


def count_fit_picks(session: Session, listener_id: UUID) -> int:
    """How many of the answers compare."""
    query = select(func.count()).where(Fit.listener_id == listener_id, Fit.outcome.in_(FIT_PICKS))
    return session.scalars(query).one()


def add_fit(session: Session, **values: Any) -> Fit:
    """Ask one more; raises ``IntegrityError`` for what can't be asked."""
    fit = Fit(**values)
    session.add(fit)
    session.flush()
    return fit


def answer_fit(
    session: Session, fit: Fit, *, outcome: str, chances: Sequence[float], votes_seen: int, heard_ms: Sequence[int]
) -> None:
    """Store the answer to a fit that has none; raises ``IntegrityError`` for one that isn't allowed."""
    fit.answered_at = session.scalars(select(func.clock_timestamp())).one()
    fit.outcome, fit.votes_seen = outcome, votes_seen
    fit.chances, fit.heard_ms = list(chances), list(heard_ms)
    session.flush()

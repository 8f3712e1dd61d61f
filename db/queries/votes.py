"""Votes on pairs and fours: taken once, however often they are sent, and never without the prediction made before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Double,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import set_committed_value

from db.engine import built_once
from db.queries.heads import HeadColumns, head_parameters, save_head_cte, voters
from db.queries.offers import FOUR_SIDES, OfferRow, create, sides_of
from db.tables import (
    FOUR_PICKS,
    OWN,
    PICKS,
    PICTURES,
    Clip,
    Four,
    FourVote,
    Listener,
    Listening,
    Offer,
    Prediction,
    StoredHead,
    Vote,
)
from db.tables.base import Floats

Answer = TypeVar("Answer", Vote, FourVote)
AnyVote = Vote | FourVote
PICKS_OF: Mapping[type[Offer | Four], Sequence[str]] = {Offer: PICKS, Four: FOUR_PICKS}
TINY = 1e-9  # a probability that rounds to 0 is stored as this


@dataclass(frozen=True)
class Expected:
    """What the head expects of a vote that isn't cast yet."""

    p_left: float
    p_equal: float
    p_right: float
    head_version: str
    votes_seen: int


@dataclass(frozen=True)
class LockedOffer(Generic[OfferRow, Answer]):
    """What a vote that has just arrived meets: ``offer`` is the pair or the four, ``vote`` what was answered before.

    ``listener``: whose vote it is, locked. ``domain``: of the clips that it compares.

    ``new``: the offer is locked and waits for its vote in this transaction. ``duplicate``: the same vote is stored
    already. ``conflict``: another outcome is. ``not_found``: this listener has no such offer.
    """

    status: Literal["new", "duplicate", "conflict", "not_found"]
    offer: OfferRow | None = None
    vote: Answer | None = None
    listener: Listener | None = None
    domain: str = ""


@dataclass(frozen=True)
class BeforeVote(Generic[OfferRow]):
    """What stands before a vote: the pairs or fours that are ``open``, oldest first, the stored head, the picks so far.

    Those of another kind of music than the listener has chosen wait until it is chosen again: of them there is only the
    one that was asked for. ``voted``: whether there is any vote on music, or on pictures, as the head is, where no head
    is stored; ``picks_alike``: the picks on these. ``summaries``: of those clips asked about that are of the head's
    model, by clip.
    """

    open: list[OfferRow]
    head: StoredHead | None
    voted: bool
    picks: int
    picks_alike: int
    summaries: Mapping[UUID, Floats]


def lock_offer(
    session: Session, table: type[OfferRow], answers: type[Answer], which: UUID, *, listener_id: UUID, outcome: str
) -> LockedOffer[OfferRow, Answer]:
    """Lock the listener and ``which`` pair or four and tell what this vote is. Nothing is stored yet.

    The listener's lock comes first, so that their votes, offers and head change in one order and never deadlock.
    """
    row = session.execute(_lock_offer(table), {"which": which, "whose": listener_id}).one_or_none()
    if row is None:
        return LockedOffer("not_found")
    offer: OfferRow = row[0]
    if offer.state == "open":
        return LockedOffer("new", offer, None, *row[1:])
    # read only now: the lock may have waited for the transaction that stored it
    vote = session.get_one(answers, which, populate_existing=True)
    return LockedOffer("duplicate" if vote.outcome == outcome else "conflict", offer, vote, *row[1:])


@built_once
def _lock_offer(table: type[OfferRow]) -> Select[OfferRow, Listener, str]:
    """Built once: a vote has no time for it."""
    return (
        select(table, Listener, Clip.domain)
        .join(Listener, Listener.id == table.listener_id)
        .join(Clip, Clip.id == sides_of(table)[0])
        .where(table.id == bindparam("which", type_=Uuid), table.listener_id == bindparam("whose", type_=Uuid))
        .with_for_update(of=[Listener, table], key_share=True)
        .execution_options(populate_existing=True)
    )


def before_vote(
    session: Session,
    table: type[OfferRow],
    listener_id: UUID,
    *,
    model_version: str,
    pictures: bool,
    which: UUID | None = None,
) -> BeforeVote[OfferRow]:
    """What stands before a vote on ``which`` pair or four (or before any), of a locked listener, in one round trip.

    ``model_version``: of the head, which is one of ``pictures`` or of music.

    Not together with the lock: what is read in the statement that waits for it would be as old as that statement.
    """
    given = {"whose": listener_id, "version": model_version, "which": which}
    rows = session.execute(_before_vote(table, pictures=pictures), given).all()
    summaries = {
        clip: summary
        for row in rows
        if row[0] is not None and row[0].id == which
        for clip, summary in zip(row[0].clips, row[5:], strict=True)
        if summary is not None
    }
    _, head, voted, music, drawn = rows[0][:5]
    alike = drawn if pictures else music
    return BeforeVote(
        [row[0] for row in rows if row[0] is not None], head, bool(voted), music + drawn, alike, summaries
    )


@built_once
def _before_vote(table: type[OfferRow], *, pictures: bool) -> Select[*tuple[Any, ...]]:
    """Built once: a vote has no time for it. There is one row at least, of the listener without anything open."""
    whose, version = bindparam("whose", type_=Uuid), bindparam("version", type_=Text)
    which, counted = bindparam("which", type_=Uuid), (Listener.music_picks, Listener.picture_picks)
    unlearned = case((StoredHead.listener_id.is_(None), _has_voted(whose, pictures=pictures)))
    clips = [(side, aliased(Clip)) for side in sides_of(table)]
    first = aliased(Clip)
    chosen = select(first.id).where(first.id == sides_of(table)[0], first.domain == Listener.domain).exists()
    open_ = and_(table.listener_id == Listener.id, table.state == "open", or_(table.id == which, chosen))
    query = (
        select(table, StoredHead, unlearned, *counted, *(clip.summary for _, clip in clips))
        .select_from(Listener)
        .outerjoin(table, open_)
        .outerjoin(StoredHead, and_(StoredHead.listener_id == Listener.id, StoredHead.model_version == version))
        .where(Listener.id == whose)
        .order_by(table.created_at, table.id)
        .execution_options(populate_existing=True)
    )
    for side, clip in clips:
        query = query.outerjoin(clip, and_(clip.id == side, table.id == which, clip.model_version == version))
    return query


def store_vote(
    session: Session,
    offer: Offer,
    *,
    outcome: str,
    expected: Expected,
    left_ms: int,
    right_ms: int,
    model_version: str,
    trust: str = "unavailable",
    learned: HeadColumns | None = None,
) -> tuple[Prediction, Vote, Listening]:
    """Store prediction, vote and listening of a claimed ``new`` vote and the head that it led to, and close the offer.

    All in one round trip. Raises ``IntegrityError`` for an outcome or a time that isn't allowed, and for a second vote.
    """
    left, equal, right = (max(p, TINY) for p in (expected.p_left, expected.p_equal, expected.p_right))
    total = left + equal + right
    session.flush()
    given = {
        "which": offer.id,
        "whose": offer.listener_id,
        "likely_left": left / total,
        "likely_equal": equal / total,
        "likely_right": right / total,
        "head": expected.head_version,
        "seen": expected.votes_seen,
        "said": outcome,
        "version": model_version,
        "trust": trust,
        "heard_left": left_ms,
        "heard_right": right_ms,
    }
    given |= head_parameters(offer.listener_id, learned)
    prediction, vote, listening = session.execute(_store(with_head=learned is not None), given).one()
    set_committed_value(offer, "state", "voted")
    return prediction, vote, listening


@built_once
def _store(*, with_head: bool) -> Select[Prediction, Vote, Listening]:
    """Built once: a vote has no time for it."""
    which = bindparam("which", type_=Uuid)
    prediction = {
        Prediction.offer_id: which,
        Prediction.p_left: bindparam("likely_left", type_=Double),
        Prediction.p_equal: bindparam("likely_equal", type_=Double),
        Prediction.p_right: bindparam("likely_right", type_=Double),
        Prediction.head_version: bindparam("head", type_=Text),
        Prediction.votes_seen: bindparam("seen", type_=Integer),
    }
    predicted = insert(Prediction).values(prediction).returning(*Prediction.__table__.c).cte("predicted")
    vote = {
        Vote.offer_id: predicted.c.offer_id,
        Vote.listener_id: bindparam("whose", type_=Uuid),
        Vote.outcome: bindparam("said", type_=Text),
        Vote.predicted_at: predicted.c.made_at,
        Vote.model_version: bindparam("version", type_=Text),
        Vote.trust: bindparam("trust", type_=Text),
        # the machine's clock may be set back in between
        Vote.created_at: func.greatest(func.clock_timestamp(), predicted.c.made_at),
    }
    voted = insert(Vote).from_select(list(vote), select(*vote.values())).returning(*Vote.__table__.c).cte("voted")
    heard = {
        Listening.offer_id: voted.c.offer_id,
        Listening.left_ms: bindparam("heard_left", type_=Integer),
        Listening.right_ms: bindparam("heard_right", type_=Integer),
    }
    hearing = insert(Listening).from_select(list(heard), select(*heard.values())).returning(*Listening.__table__.c)
    listened = hearing.cte("listened")
    closed = update(Offer).where(Offer.id == which).values(state="voted").returning(Offer.id).cte("closed")
    return (
        select(aliased(Prediction, predicted), aliased(Vote, voted), aliased(Listening, listened))
        .where(predicted.c.offer_id == voted.c.offer_id, voted.c.offer_id == listened.c.offer_id)
        .add_cte(closed, _counted(Offer, which, vote[Vote.outcome]), *([save_head_cte()] if with_head else []))
    )


def _counted(table: type[Offer | Four], which: BindParameter[UUID], said: ColumnElement[str]) -> CTE:
    """A vote that compares clips is counted in its listener's row; one of no pick changes nothing."""
    first = sides_of(table)[0]
    is_picture = select(Clip.domain == PICTURES).join(table, first == Clip.id).where(table.id == which)
    pictures = cast(is_picture.scalar_subquery(), Integer)
    return (
        update(Listener)
        .where(Listener.id == bindparam("whose", type_=Uuid), said.in_(PICKS_OF[table]))
        .values(music_picks=Listener.music_picks + 1 - pictures, picture_picks=Listener.picture_picks + pictures)
        .returning(Listener.id)
        .cte("counted_pick")
    )


@dataclass(frozen=True)
class Judged:
    """A vote with its pair, as a head is fitted from it."""

    offer_id: UUID
    left_clip: UUID
    right_clip: UUID
    outcome: str
    created_at: datetime


def votes_of(session: Session, listener_id: UUID) -> list[Judged]:
    """All votes of a listener on pairs, oldest first."""
    query = (
        select(Offer.id, Offer.left_clip, Offer.right_clip, Vote.outcome, Vote.created_at)
        .join(Vote, Vote.offer_id == Offer.id)
        .where(Vote.listener_id == listener_id)
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [Judged(*row) for row in session.execute(query)]


def has_voted(session: Session, listener_id: UUID, *, pictures: bool = False) -> bool:
    """Whether the listener has given any vote on music (or on ``pictures``), on a pair or a four."""
    return session.scalars(select(_has_voted(listener_id, pictures=pictures))).one()


def _has_voted(listener_id: UUID | BindParameter[UUID], *, pictures: bool) -> ColumnElement[bool]:
    theirs = (voters(table, pictures=pictures).where(table.listener_id == listener_id) for table in (Vote, FourVote))
    return or_(*(each.correlate(None).exists() for each in theirs))


def count_picks_of(session: Session, listener_id: UUID, *, pictures: bool, until: datetime | None = None) -> int:
    """How many votes of the listener (up to this moment) compare music, or compare ``pictures``.

    They are counted in the listener's row; what came after a moment is counted and taken off.
    """
    counted = Listener.picture_picks if pictures else Listener.music_picks
    picks = session.scalar(select(counted).where(Listener.id == listener_id)) or 0
    return (
        picks
        if until is None
        else picks - (session.scalar(select(_picks_of(listener_id, pictures=pictures, after=until))) or 0)
    )


def count_picks(session: Session, listener_id: UUID, *, until: datetime | None = None) -> int:
    """How many votes of the listener (up to this moment) compare clips: left, right or equal, or one of four."""
    return sum(count_picks_of(session, listener_id, pictures=pictures, until=until) for pictures in (False, True))


def count_picks_anew(session: Session, listener_id: UUID) -> None:
    """Write into the row of a locked listener how many picks their votes are, after votes came or went in bulk."""
    music, drawn = (_picks_of(listener_id, pictures=pictures) for pictures in (False, True))
    change = update(Listener).where(Listener.id == listener_id).values(music_picks=music, picture_picks=drawn)
    session.execute(change.execution_options(synchronize_session=False))


def _picks_of(listener_id: UUID, *, pictures: bool, after: datetime | None = None) -> ColumnElement[int]:
    counts = []
    for table, outcomes in ((Vote, PICKS), (FourVote, FOUR_PICKS)):
        query = voters(table, pictures=pictures).where(table.listener_id == listener_id, table.outcome.in_(outcomes))
        query = query if after is None else query.where(table.created_at > after)
        counts.append(select(func.count()).select_from(query.subquery()).scalar_subquery())
    return counts[0] + counts[1]


@dataclass(frozen=True)
class JudgedFour:
    """A pick with its clips in the order of their places, as a head is fitted from it."""

    four_id: UUID
    clips: tuple[UUID, UUID, UUID, UUID]
    outcome: str
    created_at: datetime


def create_four(
    session: Session,
    *,
    listener: Listener,
    clips: Sequence[UUID],
    seconds: float,
    policy: str,
    four_probability: float,
    order_probability: float,
    **fixed: Any,
) -> Four | None:
    """Offer four clips in the listener's study; None where they have had these four before, in any order.

    ``fixed`` are other columns, such as an id that was given out already. Raises ``NotForThisListenerError`` for a clip
    that isn't theirs to hear, and ``IntegrityError`` for one that is there twice or a probability outside (0, 1].
    """
    about = {
        **{f"clip_{place}": clip for place, clip in zip("abcd", clips, strict=True)},
        "seconds": seconds,
        "policy": policy,
        "four_probability": four_probability,
        "order_probability": order_probability,
        "condition": listener.condition,
        **fixed,
    }
    return create(session, Four, listener, clips, about)


def store_four_vote(
    session: Session,
    four: Four,
    *,
    outcome: str,
    chances: Sequence[float],
    head_version: str,
    votes_seen: int,
    heard_ms: Sequence[int],
    model_version: str,
    trust: str = "unavailable",
    learned: HeadColumns | None = None,
) -> FourVote:
    """Store a claimed ``new`` pick with what was expected of it and the head that it led to, and close the four.

    All in one round trip. Raises ``IntegrityError`` for an outcome, a chance or a time that isn't allowed, and for a
    second pick.
    """
    likely = [max(float(chance), TINY) for chance in chances]
    pick = {
        "four_id": four.id,
        "outcome": outcome,
        "chances": [chance / sum(likely) for chance in likely],
        "head_version": head_version,
        "votes_seen": votes_seen,
        "heard_ms": list(heard_ms),
        "model_version": model_version,
        "trust": trust,
    }
    session.flush()
    given = {f"its_{name}": value for name, value in pick.items()} | {"whose": four.listener_id}
    given |= head_parameters(four.listener_id, learned)
    stored = session.scalars(_store_four(with_head=learned is not None), given).one()
    set_committed_value(four, "state", "voted")
    return stored


@built_once
def _store_four(*, with_head: bool) -> Select[FourVote]:
    names = ("four_id", "outcome", "chances", "head_version", "votes_seen", "heard_ms")
    columns = {name: getattr(FourVote, name) for name in (*names, "model_version", "trust")}
    values = {name: bindparam(f"its_{name}", type_=column.type) for name, column in columns.items()}
    values["listener_id"] = bindparam("whose", type_=Uuid)
    picked = insert(FourVote).values(values).returning(*FourVote.__table__.c).cte("picked")
    closed = update(Four).where(Four.id == values["four_id"]).values(state="voted").returning(Four.id).cte("closed")
    counted = _counted(Four, values["four_id"], values["outcome"])
    return select(aliased(FourVote, picked)).add_cte(closed, counted, *([save_head_cte()] if with_head else []))


def four_votes_of(session: Session, listener_id: UUID) -> list[JudgedFour]:
    """All picks among four of a listener, oldest first."""
    query = (
        select(Four.id, *FOUR_SIDES, FourVote.outcome, FourVote.created_at)
        .join(FourVote, FourVote.four_id == Four.id)
        .where(FourVote.listener_id == listener_id)
        .order_by(FourVote.created_at, FourVote.four_id)
    )
    return [JudgedFour(four_id, (a, b, c, d), said, at) for four_id, a, b, c, d, said, at in session.execute(query)]


@dataclass(frozen=True)
class Answered:
    """A vote with how its clips were drawn and foreseen; ``own`` are the places of clips composed for this listener.

    ``chances`` of the sides, in their order; None where nothing was to be guessed, in a pair that came back.
    """

    outcome: str
    policy: str
    condition: str
    chances: Sequence[float] | None
    own: Sequence[int]


def answered(session: Session, listener_id: UUID, which: UUID) -> Answered | None:
    """The listener's vote on this offer or four; None where there is none."""
    pair = session.execute(
        select(Offer, Vote.outcome, Prediction.p_left, Prediction.p_right)
        .join(Vote, Vote.offer_id == Offer.id)
        .join(Prediction, Prediction.offer_id == Offer.id)
        .where(Offer.id == which, Offer.listener_id == listener_id)
    ).one_or_none()
    if pair is not None:
        offer, outcome, left, right = pair
        chances = None if offer.repeats else (left, right)
        return Answered(outcome, offer.policy, offer.condition, chances, _own(session, offer.clips))
    found = session.execute(
        select(Four, FourVote)
        .join(FourVote, FourVote.four_id == Four.id)
        .where(Four.id == which, Four.listener_id == listener_id)
    ).one_or_none()
    if found is None:
        return None
    four, vote = found
    return Answered(vote.outcome, four.policy, four.condition, vote.chances, _own(session, four.clips))


def _own(session: Session, clips: Sequence[UUID]) -> list[int]:
    made = set(session.scalars(select(Clip.id).where(Clip.id.in_(clips), Clip.kind.in_(OWN))))
    return [place for place, clip in enumerate(clips) if clip in made]

"""Bad rows are impossible in Postgres itself, whoever writes them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries.heads import save_head
from db.queries.jobs import enqueue
from db.queries.listeners import create_listener
from db.queries.votes import Expected, store_vote
from db.tables import (
    DOMAINS,
    OUTCOMES,
    Base,
    Clip,
    ClipAudio,
    Job,
    Listener,
    Offer,
    Prediction,
    StoredPopulation,
    Vote,
)
from models.music.notes import DOMAINS as MUSIC_DOMAINS

EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


def vote(session: Session, offer: Offer, outcome: str = "left", left_ms: int = 3000, right_ms: int = 3000) -> Vote:
    store_vote(
        session, offer, outcome=outcome, expected=EXPECTED, left_ms=left_ms, right_ms=right_ms, model_version="v1"
    )
    return session.scalars(select(Vote).where(Vote.offer_id == offer.id)).one()


def refuses(session: Session, constraint: str, statement: object) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        session.execute(statement)  # type: ignore[call-overload]


def test_the_database_knows_the_same_domains_as_the_music() -> None:
    assert DOMAINS == MUSIC_DOMAINS


def test_every_time_has_a_zone() -> None:
    kinds = [column.type for table in Base.metadata.tables.values() for column in table.columns]
    assert all(getattr(kind, "timezone", True) for kind in kinds)


@pytest.mark.slow
def test_an_offer_has_one_vote(session: Session, offer: Offer) -> None:
    first = vote(session, offer)
    again = insert(Vote).values(
        offer_id=offer.id,
        listener_id=offer.listener_id,
        outcome="right",
        predicted_at=first.predicted_at,
        model_version="v1",
    )
    refuses(session, "pk_votes", again)


def test_nobody_else_votes_on_an_offer(session: Session, offer: Offer) -> None:
    other = create_listener(session)
    session.add(
        prediction := Prediction(
            offer_id=offer.id, p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0
        )
    )
    session.flush()
    foreign = insert(Vote).values(
        offer_id=offer.id,
        listener_id=other.id,
        outcome="left",
        predicted_at=prediction.made_at,
        model_version="v1",
    )
    refuses(session, "fk_votes_offer_id_listener_id_offers", foreign)


def test_a_vote_needs_its_prediction_first(session: Session, offer: Offer) -> None:
    early = insert(Vote).values(
        offer_id=offer.id,
        listener_id=offer.listener_id,
        outcome="left",
        predicted_at=func.clock_timestamp(),
        model_version="v1",
    )
    refuses(session, "fk_votes_offer_id_predicted_at_predictions", early)


def test_a_vote_is_never_older_than_its_prediction(session: Session, offer: Offer) -> None:
    vote(session, offer)
    earlier = update(Vote).values(created_at=Vote.predicted_at - text("interval '1 second'"))
    refuses(session, "ck_votes_predicted_before", earlier.where(Vote.offer_id == offer.id))


def test_a_prediction_is_not_redated_under_its_vote(session: Session, offer: Offer) -> None:
    vote(session, offer)
    redated = update(Prediction).where(Prediction.offer_id == offer.id).values(made_at=func.clock_timestamp())
    refuses(session, "fk_votes_offer_id_predicted_at_predictions", redated)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_five_outcomes_are_stored(session: Session, offer: Offer, outcome: str) -> None:
    assert vote(session, offer, outcome).outcome == outcome


@pytest.mark.parametrize("outcome", ["", "LEFT", "both", "draw"])
def test_any_other_outcome_is_refused(session: Session, offer: Offer, outcome: str) -> None:
    with pytest.raises(IntegrityError, match="ck_votes_outcome_is_known"):
        vote(session, offer, outcome)


@pytest.mark.parametrize(("left_ms", "right_ms"), [(-1, 0), (0, -1)])
def test_nothing_is_heard_for_less_than_no_time(session: Session, offer: Offer, left_ms: int, right_ms: int) -> None:
    with pytest.raises(IntegrityError, match="ck_listening_"):
        vote(session, offer, left_ms=left_ms, right_ms=right_ms)


def test_a_clip_is_never_offered_against_itself(
    session: Session, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    clip = make_clip()
    with pytest.raises(IntegrityError, match="ck_offers_two_different_clips"):
        make_offer(left_clip=clip, right_clip=clip)


@pytest.mark.parametrize("name", ["pair_probability", "order_probability"])
@pytest.mark.parametrize("probability", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_an_offers_probability_lies_above_0_and_not_above_1(
    make_offer: Callable[..., Offer], name: str, probability: float
) -> None:
    with pytest.raises(IntegrityError, match=f"ck_offers_{name}_in_0_1"):
        make_offer(**{name: probability})


def test_a_listener_is_offered_an_unordered_pair_once(session: Session, offer: Offer) -> None:
    for left, right in [(offer.left_clip, offer.right_clip), (offer.right_clip, offer.left_clip)]:
        again = insert(Offer).values(
            listener_id=offer.listener_id,
            left_clip=left,
            right_clip=right,
            seconds=7.0,
            policy="control",
            pair_probability=0.5,
        )
        with pytest.raises(IntegrityError, match="uq_offers_unordered_pair"), session.begin_nested():
            session.execute(again)


@pytest.mark.parametrize(
    "bad",
    [
        {"p_left": 0.0, "p_equal": 0.5, "p_right": 0.5},
        {"p_left": 1.2, "p_equal": -0.1, "p_right": -0.1},
        {"p_left": 0.5, "p_equal": 0.5, "p_right": 0.5},
        {"p_left": float("nan"), "p_equal": 0.5, "p_right": 0.5},
    ],
)
def test_a_prediction_is_a_distribution(session: Session, offer: Offer, bad: dict[str, float]) -> None:
    refuses(
        session,
        "ck_predictions_",
        insert(Prediction).values(offer_id=offer.id, head_version="v1", votes_seen=0, **bad),
    )


def test_a_composed_clip_belongs_to_a_listener_and_a_prior_clip_to_nobody(
    session: Session, listener: Listener, make_clip: Callable[..., UUID]
) -> None:
    for kind, whose in [("composed", None), ("prior", listener.id)]:
        with pytest.raises(IntegrityError, match="ck_clips_composed_for_one_listener"), session.begin_nested():
            session.execute(update(Clip).where(Clip.id == make_clip()).values(kind=kind, composed_for=whose))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"seconds": 0.0}, "seconds_positive"),
        ({"sha256": "XYZ"}, "sha256_is_hex"),
        ({"bytes": 0}, "bytes_positive"),
    ],
)
def test_sound_has_a_length_a_size_and_a_hash(
    session: Session, make_clip: Callable[..., UUID], values: dict[str, object], constraint: str
) -> None:
    refuses(session, constraint, update(ClipAudio).where(ClipAudio.clip_id == make_clip()).values(**values))


HEAD = {"model_version": "v1", "lapses": 1.0, "attentive": 19.0, "votes_seen": 1}


def test_a_head_is_a_mean_and_a_square_covariance(session: Session, listener: Listener) -> None:
    save_head(session, listener.id, mean=bytes(8 * 3), covariance=bytes(8 * 9), **HEAD)
    with pytest.raises(IntegrityError, match="ck_heads_covariance_is_square"):
        save_head(session, listener.id, mean=bytes(24), covariance=bytes(8 * 16), **HEAD)


def test_a_share_of_lapses_is_no_negative_one(session: Session, listener: Listener) -> None:
    with pytest.raises(IntegrityError, match="ck_heads_lapses_are_a_share"):
        save_head(session, listener.id, mean=bytes(8), covariance=bytes(8), **(HEAD | {"lapses": -1.0}))


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("ck_populations_mean_is_float64", {"mean": b"", "diagonal": b""}),
        ("ck_populations_diagonal_is_like_the_mean", {"diagonal": bytes(8)}),
        ("ck_populations_factors_are_columns", {"factors": bytes(24)}),
        ("ck_populations_learned_from_somebody", {"listeners": 0}),
        ("fk_populations_study_id_studies", {"study_id": "none"}),
    ],
)
def test_a_population_is_a_mean_columns_and_a_diagonal(session: Session, constraint: str, change: dict) -> None:
    good = {
        "study_id": "default", "model_version": "v1", "mean": bytes(16), "factors": bytes(48), "diagonal": bytes(16),
        "listeners": 5, "votes": 30,
    }  # fmt: skip
    session.execute(insert(StoredPopulation).values(good))
    refuses(session, constraint, insert(StoredPopulation).values(good | change))


def test_a_running_job_has_a_lease_and_no_other_has(session: Session) -> None:
    job_id = enqueue(session, "render", {})
    refuses(session, "ck_jobs_leased_while_running", update(Job).where(Job.id == job_id).values(state="running"))


@pytest.mark.parametrize("domain", ["", "jazz"])
def test_a_listener_hears_a_known_domain(session: Session, domain: str) -> None:
    with pytest.raises(IntegrityError, match="ck_listeners_domain_is_known"):
        create_listener(session, domain=domain)


def test_a_summary_that_is_not_finite_is_refused(make_clip: Callable[..., UUID]) -> None:
    with pytest.raises(Exception, match="must be finite"):
        make_clip(summary=[1.0, float("nan")])


def test_deleting_a_listener_deletes_everything_that_is_theirs_and_nothing_else(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    gone = listener.id
    own = make_clip(composed_for=gone)
    shared = make_clip()
    vote(session, make_offer(left_clip=own, right_clip=shared))
    save_head(session, listener.id, mean=bytes(8), covariance=bytes(8), **HEAD)
    enqueue(session, "compose", {}, listener_id=listener.id)

    other = create_listener(session)
    kept = make_offer(listener=other, left_clip=shared)
    vote(session, kept)

    session.execute(text("DELETE FROM listeners WHERE id = :id"), {"id": gone})
    session.expire_all()
    for table in Base.metadata.sorted_tables:
        for column in ("listener_id", "composed_for"):
            if column in table.columns:
                assert session.scalars(select(table.c[column]).where(table.c[column] == gone)).all() == []
    left = {
        table.name: session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables
    }
    assert left["votes"] == left["predictions"] == left["listening"] == left["offers"] == left["listeners"] == 1
    assert left["heads"] == left["jobs"] == 0
    assert session.get(Clip, own) is None
    assert session.get(Clip, shared) is not None


def test_a_clip_that_was_offered_is_not_deleted_under_its_vote(session: Session, offer: Offer) -> None:
    refuses(session, "fk_offers_left_clip_clips", text(f"DELETE FROM clips WHERE id = '{offer.left_clip}'"))


def test_an_offer_needs_real_clips(session: Session, listener: Listener) -> None:
    made_up = insert(Offer).values(
        listener_id=listener.id,
        left_clip=uuid4(),
        right_clip=uuid4(),
        seconds=7.0,
        policy="control",
        pair_probability=0.5,
    )
    refuses(session, "fk_offers_", made_up)

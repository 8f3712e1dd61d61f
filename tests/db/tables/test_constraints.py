"""Bad rows are impossible in Postgres itself, whoever writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def vote_row(offer: Offer, **changes: object) -> object:
    """The statement that inserts a vote on an offer, past the functions that would make a good one."""
    values = {"offer_id": offer.id, "listener_id": offer.listener_id, "outcome": "left", "model_version": "v1"}
    return insert(Vote).values(values | {"predicted_at": func.clock_timestamp()} | changes)


def offer_row(listener_id: UUID, left: UUID, right: UUID) -> object:
    values = {"left_clip": left, "right_clip": right, "seconds": 7.0, "policy": "control", "pair_probability": 0.5}
    return insert(Offer).values(values | {"listener_id": listener_id})


@contextmanager
def refused(session: Session, constraint: str) -> Iterator[None]:
    """What is done in the block is refused by the constraint, and the transaction goes on."""
    with pytest.raises(IntegrityError, match=constraint), session.begin_nested():
        yield


def refuses(session: Session, constraint: str, statement: object) -> None:
    with refused(session, constraint):
        session.execute(statement)  # type: ignore[call-overload]


def test_the_database_knows_the_same_domains_as_the_music() -> None:
    assert DOMAINS == MUSIC_DOMAINS


def test_every_time_has_a_zone() -> None:
    kinds = [column.type for table in Base.metadata.tables.values() for column in table.columns]
    assert all(getattr(kind, "timezone", True) for kind in kinds)


def test_an_offer_has_one_vote_of_its_listener_after_its_prediction(session: Session, offer: Offer) -> None:
    refuses(session, "fk_votes_offer_id_predicted_at_predictions", vote_row(offer))
    first = vote(session, offer)
    again = vote_row(offer, outcome="right", predicted_at=first.predicted_at)
    refuses(session, "pk_votes", again)


def test_nobody_else_votes_on_an_offer(session: Session, offer: Offer) -> None:
    prediction = Prediction(offer_id=offer.id, p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)
    session.add(prediction)
    session.flush()
    foreign = vote_row(offer, listener_id=create_listener(session).id, predicted_at=prediction.made_at)
    refuses(session, "fk_votes_offer_id_listener_id_offers", foreign)


def test_a_vote_is_never_older_than_its_prediction(session: Session, offer: Offer) -> None:
    vote(session, offer)
    earlier = update(Vote).values(created_at=Vote.predicted_at - text("interval '1 second'"))
    refuses(session, "ck_votes_predicted_before", earlier.where(Vote.offer_id == offer.id))


def test_a_prediction_is_not_redated_under_its_vote(session: Session, offer: Offer) -> None:
    vote(session, offer)
    redated = update(Prediction).where(Prediction.offer_id == offer.id).values(made_at=func.clock_timestamp())
    refuses(session, "fk_votes_offer_id_predicted_at_predictions", redated)


def test_the_five_outcomes_are_stored_and_nothing_else(session: Session, make_offer: Callable[..., Offer]) -> None:
    for outcome in OUTCOMES:
        assert vote(session, make_offer(), outcome).outcome == outcome
    offer = make_offer()
    for outcome in ("", "LEFT", "both", "draw"):
        with refused(session, "ck_votes_outcome_is_known"):
            vote(session, offer, outcome)
    for left_ms, right_ms in ((-1, 0), (0, -1)):
        with refused(session, "ck_listening_"):
            vote(session, offer, left_ms=left_ms, right_ms=right_ms)


def test_an_offer_is_of_two_real_clips_with_probabilities_above_0_and_not_above_1(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    clip = make_clip()
    with refused(session, "ck_offers_two_different_clips"):
        make_offer(left_clip=clip, right_clip=clip)
    refuses(session, "fk_offers_", offer_row(listener.id, uuid4(), uuid4()))
    for name in ("pair_probability", "order_probability"):
        for probability in (0.0, -0.1, 1.0001, float("nan"), float("inf")):
            with refused(session, f"ck_offers_{name}_in_0_1"):
                make_offer(**{name: probability})


def test_a_listener_is_offered_an_unordered_pair_once(session: Session, offer: Offer) -> None:
    for left, right in ((offer.left_clip, offer.right_clip), (offer.right_clip, offer.left_clip)):
        refuses(session, "uq_offers_unordered_pair", offer_row(offer.listener_id, left, right))


def test_a_prediction_is_a_distribution(session: Session, offer: Offer) -> None:
    for left, equal, right in ((0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5, 0.5), (float("nan"), 0.5, 0.5)):
        bad = {"p_left": left, "p_equal": equal, "p_right": right}
        row = insert(Prediction).values(offer_id=offer.id, head_version="v1", votes_seen=0, **bad)
        refuses(session, "ck_predictions_", row)


def test_a_composed_clip_belongs_to_a_listener_and_a_prior_clip_to_nobody(
    session: Session, listener: Listener, make_clip: Callable[..., UUID]
) -> None:
    for kind, whose in [("composed", None), ("prior", listener.id)]:
        changed = update(Clip).where(Clip.id == make_clip()).values(kind=kind, composed_for=whose)
        refuses(session, "ck_clips_composed_for_one_listener", changed)


def test_sound_has_a_length_a_size_and_a_hash(session: Session, make_clip: Callable[..., UUID]) -> None:
    sound = update(ClipAudio).where(ClipAudio.clip_id == make_clip())
    refuses(session, "seconds_positive", sound.values(seconds=0.0))
    refuses(session, "sha256_is_hex", sound.values(sha256="XYZ"))
    refuses(session, "bytes_positive", sound.values(bytes=0))


HEAD = {"model_version": "v1", "lapses": 1.0, "attentive": 19.0, "votes_seen": 1}


def test_a_head_is_a_mean_and_a_square_covariance_with_a_share_of_lapses(session: Session, listener: Listener) -> None:
    save_head(session, listener.id, mean=bytes(8 * 3), covariance=bytes(8 * 9), **HEAD)
    with refused(session, "ck_heads_covariance_is_square"):
        save_head(session, listener.id, mean=bytes(24), covariance=bytes(8 * 16), **HEAD)
    with refused(session, "ck_heads_lapses_are_a_share"):
        save_head(session, listener.id, mean=bytes(8), covariance=bytes(8), **(HEAD | {"lapses": -1.0}))


def test_a_population_is_a_mean_columns_and_a_diagonal(session: Session) -> None:
    good = {
        "study_id": "default", "model_version": "v1", "mean": bytes(16), "factors": bytes(48), "diagonal": bytes(16),
        "listeners": 5, "votes": 30,
    }  # fmt: skip
    session.execute(insert(StoredPopulation).values(good))
    for constraint, change in (
        ("ck_populations_mean_is_float64", {"mean": b"", "diagonal": b""}),
        ("ck_populations_diagonal_is_like_the_mean", {"diagonal": bytes(8)}),
        ("ck_populations_factors_are_columns", {"factors": bytes(24)}),
        ("ck_populations_learned_from_somebody", {"listeners": 0}),
        ("fk_populations_study_id_studies", {"study_id": "none"}),
    ):
        refuses(session, constraint, insert(StoredPopulation).values(good | change))


def test_a_running_job_has_a_lease_and_no_other_has(session: Session) -> None:
    job_id = enqueue(session, "render", {})
    refuses(session, "ck_jobs_leased_while_running", update(Job).where(Job.id == job_id).values(state="running"))


def test_a_listener_hears_a_known_domain(session: Session) -> None:
    for domain in ("", "jazz"):
        with refused(session, "ck_listeners_domain_is_known"):
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

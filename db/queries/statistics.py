"""What votes prove and add up to: predictions made before them, blind proofs, repeats, a study's votes as a dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.queries.offers import asked_about
from db.tables import (
    FOUR_PICKS,
    OWN,
    PICKS,
    PICTURES,
    RIVALS,
    Clip,
    ClipAudio,
    Four,
    FourVote,
    Job,
    Listener,
    Listening,
    Offer,
    Prediction,
    Study,
    Vote,
)

PROOF = "proof"  # the policy that draws them
TENSION = "tension"  # the policy of clips of ``BY_TENSION`` against one another; the condition names both kinds
CLAIM = "claim"  # the policy of a changed clip against the one that it was made from
TOLD = (PROOF, CLAIM)  # whoever answered such a pair was told what it was: the answer stays
CHANGED = {"left": "changed_left", "right": "changed_right"}  # an offer's condition: where the changed clip stands


@dataclass(frozen=True)
class PredictedVote:
    """A vote with the prediction made before it and how its pair was drawn; ``repeated`` where it mirrors another.

    ``suspicious``: more is said to be heard than can have been.
    """

    listener_id: UUID
    outcome: str
    p_left: float
    p_equal: float
    p_right: float
    votes_seen: int
    policy: str
    pair_probability: float
    repeated: bool
    suspicious: bool


@dataclass(frozen=True)
class PredictedPick:
    """A pick of four, or none of them, with the ``chances`` of the four that it was given before."""

    outcome: str
    chances: tuple[float, float, float, float]


def predicted_votes(
    session: Session, *, listener_id: UUID | None = None, study_id: str | None = None, pictures: bool = False
) -> list[PredictedVote]:
    """Every vote on music, or on ``pictures`` (of a listener; of a study but imported ones).

    In the order of listeners and times.
    """
    query = (
        select(
            Vote.listener_id,
            Vote.outcome,
            Prediction.p_left,
            Prediction.p_equal,
            Prediction.p_right,
            Prediction.votes_seen,
            Offer.policy,
            Offer.pair_probability,
            Offer.repeats.is_not(None),
            Vote.trust == "suspicious",
        )
        .join(Offer, Offer.id == Vote.offer_id)
        .join(Prediction, Prediction.offer_id == Vote.offer_id)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .order_by(Vote.listener_id, Vote.created_at, Vote.offer_id)
    )
    if listener_id is not None:
        query = query.where(Vote.listener_id == listener_id)
    if study_id is not None:
        query = query.where(Offer.study_id == study_id, Vote.trust != "imported")
    return [PredictedVote(*tuple(row)) for row in session.execute(query)]


def foreseen_votes(session: Session, listener_id: UUID, *, pictures: bool = False) -> list[PredictedVote]:
    """The listener's votes for left, right or equal that could be foreseen, on music or on ``pictures``, oldest first.

    Mirrored repeats are left out: the head has seen the answer to them. So is the first vote, before which nothing was
    known of the listener.
    """
    votes = predicted_votes(session, listener_id=listener_id, pictures=pictures)
    return [vote for vote in votes if vote.outcome in PICKS and not vote.repeated and vote.votes_seen]


def predicted_picks(session: Session, listener_id: UUID, *, pictures: bool = False) -> list[PredictedPick]:
    """The listener's picks of four and their "none", of music or of ``pictures``, oldest first.

    What was skipped is left out, and what came before the first vote.
    """
    query = (
        select(FourVote.outcome, FourVote.chances)
        .join(Four, Four.id == FourVote.four_id)
        .where(asked_about(Four.clip_a, pictures=pictures))
        .where(
            FourVote.listener_id == listener_id, FourVote.outcome.in_((*FOUR_PICKS, "none")), FourVote.votes_seen > 0
        )
        .order_by(FourVote.created_at, FourVote.four_id)
    )
    return [PredictedPick(outcome, (a, b, c, d)) for outcome, (a, b, c, d) in session.execute(query)]


def counts(session: Session) -> dict[str, Any]:
    """``{"pool": {domain: playable clips}, "jobs": {state: …}}`` for ``/healthz``, however many votes there are."""
    playable = select(ClipAudio).where(ClipAudio.clip_id == Clip.id).exists()
    pool = (
        select(Clip.domain, func.count())
        .where(~Clip.retired, Clip.composed_for.is_(None), playable)
        .group_by(Clip.domain)
    )
    jobs = select(Job.state, func.count()).group_by(Job.state)
    return {
        "pool": {str(domain): int(count) for domain, count in session.execute(pool)},
        "jobs": {str(state): int(count) for state, count in session.execute(jobs)},
    }


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
    return _won(
        session, listener_id, PROOF, lambda one, rival: one.kind.in_(OWN) & rival.kind.in_(RIVALS), pictures=pictures
    )


def by_tension(session: Session, listener_id: UUID, *, pictures: bool) -> list[Proof]:
    """Likewise, of clips of ``BY_TENSION`` against one another; of pictures there are none."""
    return _won(
        session, listener_id, TENSION, lambda one, rival: Offer.condition == one.kind + "_vs_" + rival.kind,
        pictures=pictures,
    )  # fmt: skip


def _won(
    session: Session,
    listener_id: UUID,
    policy: str,
    tests: Callable[[type[Clip], type[Clip]], ColumnElement[bool]],
    *,
    pictures: bool,
) -> list[Proof]:
    """``tests`` says of two clips whether the one is tested and the other its rival."""
    left, right = aliased(Clip), aliased(Clip)
    tested_left = tests(left, right)
    query = (
        select(Offer.condition, Vote.outcome, tested_left)
        .join(Vote, Vote.offer_id == Offer.id)
        .join(left, left.id == Offer.left_clip)
        .join(right, right.id == Offer.right_clip)
        .where(Offer.listener_id == listener_id, Offer.policy == policy, Vote.outcome.in_(PICKS))
        .where(tested_left | tests(right, left))
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


@dataclass(frozen=True)
class JudgedPair:
    """A pair with its vote, the prediction made before it, and what was heard (None where nobody noted that)."""

    offer: Offer
    vote: Vote
    prediction: Prediction
    listening: Listening | None


@dataclass(frozen=True)
class JudgedFour:
    """Four clips with the pick among them."""

    four: Four
    vote: FourVote


def judged_pairs(
    session: Session, study_id: str, *, pictures: bool = False, but: Collection[str] = ()
) -> list[JudgedPair]:
    """Every vote of a study on a pair of clips, or of ``pictures``, oldest first.

    But imported ones and those of pairs drawn by policies ``but``.
    """
    query = (
        select(Offer, Vote, Prediction, Listening)
        .join(Vote, Vote.offer_id == Offer.id)
        .join(Prediction, Prediction.offer_id == Offer.id)
        .outerjoin(Listening, Listening.offer_id == Offer.id)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .where(Offer.study_id == study_id, Offer.policy.not_in(but), Vote.trust != "imported")
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [JudgedPair(*row) for row in session.execute(query)]


def judged_fours(session: Session, study_id: str, *, pictures: bool = False) -> list[JudgedFour]:
    """Every pick of four of a study, of music or of ``pictures``, but imported ones, oldest first."""
    query = select(Four, FourVote).join(FourVote, FourVote.four_id == Four.id)
    query = query.where(asked_about(Four.clip_a, pictures=pictures))
    query = query.where(Four.study_id == study_id, FourVote.trust != "imported")
    return [JudgedFour(*row) for row in session.execute(query.order_by(FourVote.created_at, Four.id))]


def pictures_of(session: Session, clip_ids: Collection[UUID]) -> dict[UUID, str]:
    """Under which key of the store the PNG of each of these clips lies, of those that are pictures."""
    query = select(ClipAudio.clip_id, ClipAudio.uri).join(Clip, Clip.id == ClipAudio.clip_id)
    query = query.where(Clip.id.in_(clip_ids), Clip.domain == PICTURES)
    return {row.clip_id: row.uri for row in session.execute(query)}


def clips_named(session: Session, clip_ids: Collection[UUID]) -> list[Clip]:
    """These clips, whole."""
    return list(session.scalars(select(Clip).where(Clip.id.in_(clip_ids)).order_by(Clip.id)))


@dataclass(frozen=True)
class StudySize:
    """A study with the number of listeners who have voted in it, and of their votes."""

    study_id: str
    listeners: int
    votes: int


@dataclass(frozen=True)
class PlayedClip:
    """A clip of the pool and in how many pairs of the study it was judged."""

    clip_id: UUID
    plays: int


def studies(session: Session, *, pictures: bool) -> list[StudySize]:
    """Every study with its votes on music, or on ``pictures``, the largest first."""
    votes = (
        select(Offer.study_id, Offer.listener_id)
        .join(Vote, (Vote.offer_id == Offer.id) & (Vote.trust != "imported"))
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .subquery()
    )
    query = (
        select(Study.id, func.count(votes.c.listener_id.distinct()), func.count(votes.c.listener_id))
        .outerjoin(votes, votes.c.study_id == Study.id)
        .group_by(Study.id)
    )
    found = [StudySize(*row) for row in session.execute(query)]
    return sorted(found, key=lambda each: (-each.votes, each.study_id))


def study_ids(session: Session) -> set[str]:
    """The names of all studies."""
    return set(session.scalars(select(Study.id)))


def repeated_outcomes(session: Session, study_id: str, *, pictures: bool) -> dict[UUID, list[tuple[str, str]]]:
    """By listener the outcomes of each pair of music, or of ``pictures``, that was judged twice, sides swapped."""
    again, first, second = aliased(Offer), aliased(Vote), aliased(Vote)
    query = (
        select(again.listener_id, first.outcome, second.outcome)
        .join(first, again.repeats == first.offer_id)
        .join(second, second.offer_id == again.id)
        .where(asked_about(again.left_clip, pictures=pictures))
        .where(again.study_id == study_id, first.trust != "imported", second.trust != "imported")
        .order_by(again.listener_id, second.created_at, second.offer_id)
    )
    found: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    for listener_id, one, two in session.execute(query):
        found[listener_id].append((one, two))
    return dict(found)


def played_clips(session: Session, study_id: str, model_version: str) -> list[PlayedClip]:
    """The pool's clips that were judged in the study, the most played first."""
    query = (
        select(Clip.id, func.count())
        .join(Offer, or_(Offer.left_clip == Clip.id, Offer.right_clip == Clip.id))
        .join(Vote, Vote.offer_id == Offer.id)
        .where(Offer.study_id == study_id, Vote.trust != "imported")
        .where(Clip.composed_for.is_(None), Clip.model_version == model_version)
        .group_by(Clip.id)
        .order_by(func.count().desc(), Clip.id)
    )
    return [PlayedClip(*row) for row in session.execute(query)]

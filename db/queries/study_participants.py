"""Participants of listening studies and their trials: joined, answered, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.tables import ListeningStudy, Participant, StudyTrial


@dataclass(frozen=True)
class TakenPart:
    """A participant with all of their trials, in order."""

    participant: Participant
    trials: list[StudyTrial]


def add_participant(session: Session, study_id: UUID, **about: Any) -> Participant:
    """Somebody who has just agreed to take part."""
    participant = Participant(study_id=study_id, **about)
    session.add(participant)
    session.flush()
    return participant


def add_trials(session: Session, participant_id: UUID, trials: Sequence[Mapping[str, Any]]) -> None:
    """The participant's trials, in the order in which they will be heard."""
    session.add_all(StudyTrial(participant_id=participant_id, place=place, **each) for place, each in enumerate(trials))
    session.flush()


def participant_by(session: Session, digest: str, *, lock: bool = False) -> Participant | None:
    """Whose token has this digest; ``lock``: until the transaction ends nobody else answers for them."""
    query = select(Participant).where(Participant.token_hash == digest)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def lock_participant(session: Session, participant_id: UUID) -> Participant | None:
    """The participant with this id, for whom nobody else answers meanwhile; None where they have gone."""
    return session.scalars(select(Participant).where(Participant.id == participant_id).with_for_update()).one_or_none()


def panel_id_taken(session: Session, study_id: UUID, panel_id: str) -> bool:
    """Whether somebody of the panel with this id has begun."""
    query = select(Participant.id).where(
        Participant.study_id == study_id, Participant.panel_id == panel_id, ~Participant.preview
    )
    return session.scalars(query.limit(1)).one_or_none() is not None


def count_by_condition(session: Session, study_id: UUID, *, gone_after: timedelta) -> dict[str, int]:
    """How many have completed or are taking part, by condition; who was not seen for ``gone_after`` has gone."""
    here = or_(Participant.completed_at.is_not(None), Participant.last_seen_at > func.clock_timestamp() - gone_after)
    query = (
        select(Participant.condition, func.count())
        .where(Participant.study_id == study_id, ~Participant.preview, here)
        .group_by(Participant.condition)
    )
    found: list[tuple[str, int]] = [(each[0], each[1]) for each in session.execute(query)]
    return dict(found)


def trials_of(session: Session, participant_id: UUID) -> list[StudyTrial]:
    """A participant's trials in order."""
    query = select(StudyTrial).where(StudyTrial.participant_id == participant_id)
    return list(session.scalars(query.order_by(StudyTrial.place)))


def seen(session: Session, participant: Participant) -> None:
    """Note that the participant is there."""
    participant.last_seen_at = session.scalars(select(func.clock_timestamp())).one()
    session.flush()


def shown(session: Session, trial_id: UUID) -> None:
    """Note when a trial was shown first."""
    now = update(StudyTrial).where(StudyTrial.id == trial_id, StudyTrial.shown_at.is_(None))
    session.execute(now.values(shown_at=func.clock_timestamp()), execution_options={"synchronize_session": False})


def answer(
    session: Session,
    trial: StudyTrial,
    *,
    outcome: str,
    left_ms: int,
    right_ms: int,
    mood: tuple[float, float] | None = None,
) -> None:
    """Store the answer to a trial that has none; ``mood``: the valence and arousal of a clip that is rated."""
    now = session.scalars(select(func.clock_timestamp())).one()
    trial.outcome, trial.left_ms, trial.right_ms, trial.answered_at = outcome, left_ms, right_ms, now
    trial.valence, trial.arousal = mood or (None, None)
    session.flush()


def complete(session: Session, participant: Participant) -> None:
    """The participant has answered everything."""
    now = session.scalars(select(func.clock_timestamp())).one()
    participant.state, participant.completed_at = "completed", now
    session.flush()


def withdraw(session: Session, participant: Participant) -> None:
    """Delete all of a participant; the study keeps how many withdrew."""
    session.execute(delete(Participant).where(Participant.id == participant.id))
    if not participant.preview:
        one_more = update(ListeningStudy).where(ListeningStudy.id == participant.study_id)
        session.execute(one_more.values(withdrawn=ListeningStudy.withdrawn + 1))
    session.flush()


def all_of(session: Session, study_id: UUID) -> list[TakenPart]:
    """Everybody who has begun and not withdrawn, in order; no previews."""
    people = select(Participant).where(Participant.study_id == study_id, ~Participant.preview)
    found = list(session.scalars(people.order_by(Participant.created_at, Participant.id)))
    trials: dict[UUID, list[StudyTrial]] = {each.id: [] for each in found}
    query = select(StudyTrial).where(StudyTrial.participant_id.in_(trials)).order_by(StudyTrial.place)
    for trial in session.scalars(query):
        trials[trial.participant_id].append(trial)
    return [TakenPart(each, trials[each.id]) for each in found]


def all_ids(session: Session) -> list[UUID]:
    """Everybody in every study."""
    return list(session.scalars(select(Participant.id)))


def delete_all(session: Session, ids: Sequence[UUID]) -> None:
    """Delete those of these participants that there are."""
    session.execute(delete(Participant).where(Participant.id.in_(ids)))

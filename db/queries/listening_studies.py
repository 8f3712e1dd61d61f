"""Listening studies, clips, participants and trials: made, opened, answered, ended; and as JSON for the journal."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, delete, func, inspect, or_, select, update
from sqlalchemy.orm import Session

from db.tables import Base, ListeningStudy, Participant, StudyClip, StudyConsent, StudyTrial

FRESH = {"populate_existing": True}


@dataclass(frozen=True)
class Counts:
    """How far a study is; previews are in none of these.

    ``begun``: all who agreed to take part, who are ``going`` on, have ``completed``, ``withdrawn`` or ``stopped``.
    """

    begun: int
    completed: int
    going: int
    answers: int
    withdrawn: int

    @property
    def stopped(self) -> int:
        """How many left before the end, and left their answers here."""
        return self.begun - self.completed - self.going - self.withdrawn


def create_study(session: Session, design: dict[str, Any], hashes: Mapping[str, str]) -> ListeningStudy:
    """A draft; ``hashes``: of the keys, by ``researcher``, ``participant`` and ``preview``."""
    study = ListeningStudy(design=design, **{f"{name}_key_hash": value for name, value in hashes.items()})
    session.add(study)
    session.flush()
    _set_consent(session, study)
    return study


def count_studies(session: Session) -> int:
    """How many there are in all."""
    return session.scalars(select(func.count()).select_from(ListeningStudy)).one()


def study_by(session: Session, who: str, digest: str, *, lock: bool = False) -> ListeningStudy | None:
    """The study that a key opens; ``who``: researcher, participant or preview. ``lock``: nobody else changes it."""
    column = {
        "researcher": ListeningStudy.researcher_key_hash,
        "participant": ListeningStudy.participant_key_hash,
        "preview": ListeningStudy.preview_key_hash,
    }[who]
    query = select(ListeningStudy).where(column == digest)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def get_study(session: Session, study_id: UUID) -> ListeningStudy:
    """The study with this id, which must exist."""
    return session.get_one(ListeningStudy, study_id)


def lock_study(session: Session, study_id: UUID) -> ListeningStudy | None:
    """The study with this id, which nobody else changes until the transaction ends; None where it has gone."""
    return session.scalars(select(ListeningStudy).where(ListeningStudy.id == study_id).with_for_update()).one_or_none()


def set_design(session: Session, study: ListeningStudy, design: dict[str, Any]) -> None:
    """Change a draft's design; its first consent text with it."""
    study.design = design
    session.flush()
    _set_consent(session, study)


def new_consent(session: Session, study: ListeningStudy, information: str, consent: str) -> int:
    """Have those who come from now on read and agree to another text; its version."""
    study.consent_version += 1
    study.design = {**study.design, "information": information, "consent": consent}
    session.flush()
    _set_consent(session, study)
    return study.consent_version


def set_state(session: Session, study: ListeningStudy, state: str) -> None:
    """Open, pause or end it; the clock is the database's."""
    now = session.scalars(select(func.clock_timestamp())).one()
    study.state = state
    if state == "open" and study.opened_at is None:
        study.opened_at = now
    if state == "ended":
        study.ended_at = now
    session.flush()


def replace_clips(
    session: Session, study: ListeningStudy, clips: Sequence[Mapping[str, Any]], told: dict[str, Any]
) -> list[str]:
    """Give a draft its clips, in place of those that it had; previews of these go. Keys of sound that nothing uses."""
    forget_previews(session, study.id)
    before = {each.uri for each in clips_of(session, study.id)}
    session.execute(delete(StudyClip).where(StudyClip.study_id == study.id))
    session.add_all(StudyClip(study_id=study.id, **each) for each in clips)
    study.clips_told = told
    session.flush()
    return _unused(session, before)


def clips_of(session: Session, study_id: UUID) -> list[StudyClip]:
    """A study's clips by name."""
    return list(session.scalars(select(StudyClip).where(StudyClip.study_id == study_id).order_by(StudyClip.name)))


def get_clip(session: Session, clip_id: UUID) -> StudyClip | None:
    """A clip of any study: its id is random and known to whoever hears it."""
    return session.get(StudyClip, clip_id)


def counts(session: Session, study: ListeningStudy, *, gone_after: timedelta) -> Counts:
    """How far the study is; who was not seen for ``gone_after`` has stopped, and so has everybody once it has ended."""
    there = Participant.last_seen_at > func.clock_timestamp() - gone_after
    real = select(
        func.count(),
        func.count(Participant.completed_at),
        func.count().filter(Participant.completed_at.is_(None), there),
    ).where(Participant.study_id == study.id, ~Participant.preview)
    here, completed, going = session.execute(real).one()
    going = 0 if study.state == "ended" else going
    answered = (
        select(func.count())
        .select_from(StudyTrial)
        .join(Participant, Participant.id == StudyTrial.participant_id)
        .where(Participant.study_id == study.id, ~Participant.preview, StudyTrial.outcome.is_not(None))
    )
    answers = session.scalars(answered).one()
    return Counts(here + study.withdrawn, completed, going, answers, study.withdrawn)


def forget_previews(session: Session, study_id: UUID) -> None:
    """Delete what its researcher answered while trying the study."""
    session.execute(delete(Participant).where(Participant.study_id == study_id, Participant.preview))


def now(session: Session) -> datetime:
    """The database's time, in UTC."""
    at: datetime = session.scalars(select(func.clock_timestamp())).one()
    return at.astimezone(UTC)


def all_ids(session: Session) -> list[UUID]:
    """Every study."""
    return list(session.scalars(select(ListeningStudy.id)))


def delete_all(session: Session, ids: Sequence[UUID]) -> list[str]:
    """Delete these studies with their participants and clips; the keys of sound that no other study uses."""
    uris = set(session.scalars(select(StudyClip.uri).where(StudyClip.study_id.in_(ids))))
    session.execute(delete(ListeningStudy).where(ListeningStudy.id.in_(ids)))
    return _unused(session, uris)


def sounds(session: Session) -> list[tuple[UUID, str]]:
    """Every study's clips, each with where its sound lies in the clip store."""
    return [(each.id, each.uri) for each in session.execute(select(StudyClip.id, StudyClip.uri))]


def sound_keys(session: Session) -> list[str]:
    """Where the sound of every study's clips lies, in the clip store."""
    return sorted(set(session.scalars(select(StudyClip.uri))))


def _unused(session: Session, uris: set[str]) -> list[str]:
    return sorted(uris - set(session.scalars(select(StudyClip.uri).where(StudyClip.uri.in_(uris)))))


def _set_consent(session: Session, study: ListeningStudy) -> None:
    text = {"information": study.design["information"], "consent": study.design["consent"]}
    session.merge(StudyConsent(study_id=study.id, version=study.consent_version, **text))
    session.flush()


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


def all_participants(session: Session) -> list[UUID]:
    """Everybody in every study."""
    return list(session.scalars(select(Participant.id)))


def delete_participants(session: Session, ids: Sequence[UUID]) -> None:
    """Delete those of these participants that there are."""
    session.execute(delete(Participant).where(Participant.id.in_(ids)))


def study_row(session: Session, study: ListeningStudy) -> dict[str, Any]:
    """``{study, consents, clips}`` as this transaction leaves them; of clips the ids alone."""
    session.flush()
    session.refresh(study)
    clips = select(StudyClip.id).where(StudyClip.study_id == study.id).order_by(StudyClip.name)
    consents = select(StudyConsent).where(StudyConsent.study_id == study.id).order_by(StudyConsent.version)
    return {
        "study": _plain(study),
        "consents": [_plain(each) for each in session.scalars(consents, execution_options=FRESH)],
        "clips": [str(each) for each in session.scalars(clips)],
    }


def clip_row(clip: StudyClip) -> dict[str, Any]:
    """One clip, without its sound."""
    return _plain(clip)


def participant_row(session: Session, participant: Participant) -> dict[str, Any]:
    """``{participant, trials}`` as this transaction leaves them."""
    session.flush()
    session.refresh(participant)
    trials = select(StudyTrial).where(StudyTrial.participant_id == participant.id).order_by(StudyTrial.place)
    return {
        "participant": _plain(participant),
        "trials": [_plain(each) for each in session.scalars(trials, execution_options=FRESH)],
    }


def participant_ids(session: Session, study_id: UUID) -> list[UUID]:
    """Everybody who has a file: all who take part, but no previews."""
    query = select(Participant.id).where(Participant.study_id == study_id, ~Participant.preview)
    return list(session.scalars(query))


def restore_study(session: Session, row: Mapping[str, Any], clips: list[dict[str, Any]]) -> bool:
    """Bring a study back with its texts and ``clips``; whether it was not here. Raises ``KeyError``, ``ValueError``."""
    if session.get(ListeningStudy, UUID(row["study"]["id"])) is not None:
        return False
    session.add(ListeningStudy(**_values(ListeningStudy, row["study"])))
    session.flush()
    session.add_all(StudyConsent(**_values(StudyConsent, each)) for each in row["consents"])
    session.add_all(StudyClip(**_values(StudyClip, each)) for each in clips)
    session.flush()
    return True


def restore_participant(session: Session, row: Mapping[str, Any]) -> bool:
    """Bring a participant back, where their study is here and they are not; whether they were brought.

    Raises ``KeyError`` or ``ValueError`` where this is no participant.
    """
    about = row["participant"]
    study_is_here = session.get(ListeningStudy, UUID(about["study_id"])) is not None
    if not study_is_here or session.get(Participant, UUID(about["id"])) is not None:
        return False
    session.add(Participant(**_values(Participant, about)))
    session.flush()
    session.add_all(StudyTrial(**_values(StudyTrial, each)) for each in row["trials"])
    session.flush()
    return True


def _plain(row: Base) -> dict[str, Any]:
    values = {each.key: getattr(row, each.key) for each in inspect(type(row)).column_attrs}
    return {name: _as_json(value) for name, value in values.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _values(table: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of ``row`` as the table takes them; those of a newer or older version are left to their defaults."""
    values: dict[str, Any] = {}
    for attribute in inspect(table).column_attrs:
        value, (column,) = row.get(attribute.key), attribute.columns
        if value is None:  # said aloud it would be JSON's null in a column of JSON
            continue
        if isinstance(column.type, Uuid):
            value = UUID(value)
        elif isinstance(column.type, LargeBinary):
            value = base64.b64decode(value)
        elif column.type.python_type is datetime:
            value = datetime.fromisoformat(value)
        values[attribute.key] = value
    return values

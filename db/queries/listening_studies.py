"""Listening studies and their clips: made, opened, paused, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.tables import ListeningStudy, Participant, StudyClip, StudyConsent, StudyTrial


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


def consents_of(session: Session, study_id: UUID) -> list[StudyConsent]:
    """Every version of the text, the first one first."""
    query = select(StudyConsent).where(StudyConsent.study_id == study_id)
    return list(session.scalars(query.order_by(StudyConsent.version)))


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


def delete_study(session: Session, study: ListeningStudy) -> list[str]:
    """Delete a study with its participants and clips; the keys of sound that no other study uses."""
    uris = {each.uri for each in clips_of(session, study.id)}
    session.delete(study)
    session.flush()
    return _unused(session, uris)


def now(session: Session) -> datetime:
    """The database's time, in UTC."""
    at: datetime = session.scalars(select(func.clock_timestamp())).one()
    return at.astimezone(UTC)


def all_ids(session: Session) -> list[UUID]:
    """Every study."""
    return list(session.scalars(select(ListeningStudy.id)))


def delete_all(session: Session, ids: Sequence[UUID]) -> None:
    """Delete those of these studies that there are."""
    session.execute(delete(ListeningStudy).where(ListeningStudy.id.in_(ids)))


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

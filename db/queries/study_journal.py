"""Listening studies as JSON, for the journal: a study, a clip, a participant with their trials; and back again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, inspect, select
from sqlalchemy.orm import Session

from db.tables import Base, ListeningStudy, Participant, StudyClip, StudyConsent, StudyTrial

FRESH = {"populate_existing": True}


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

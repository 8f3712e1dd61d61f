"""Studies in the vote journal, from which they are rebuilt where a database was lost, answer by answer.

``studies/ID.json`` is a study with its texts and the hashes of its keys, ``study_clips/ID.json`` a clip with its sound,
``participants/ID.json`` somebody who takes part, with all that they answered. Each is written whole before the
transaction is committed, and deleted with what it tells. Previews stand in none.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.tables import ListeningStudy, Participant, StudyClip
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

STUDIES, CLIPS, PARTICIPANTS = "studies", "study_clips", "participants"
SUFFIX = ".study.mp3"  # of sound, so that no listener's deletion takes a study's along


@dataclass
class BroughtBack:
    """How many studies and participants came back, and one line for each thing that did not."""

    studies: int = 0
    participants: int = 0
    problems: list[str] = field(default_factory=list)


def keep_study(session: Session, journal: Journal, study: ListeningStudy) -> None:
    """Write a study down; the transaction must have it locked, or have made it."""
    journal.keep(STUDIES, study.id, study_rows.study_row(session, study))


def keep_clips(session: Session, journal: Journal, clip_store: ClipStore, study_id: UUID) -> None:
    """Write down those clips of a study that have no file yet, with their sound."""
    for clip in study_rows.clips_of(session, study_id):
        if not journal.file_of(CLIPS, clip.id).exists():
            _keep_clip(journal, clip_store, clip)


def keep_participant(session: Session, journal: Journal, participant: Participant) -> None:
    """Write down somebody who takes part, whom the transaction has locked or made; nothing of a preview."""
    if not participant.preview:
        journal.keep(PARTICIPANTS, participant.id, study_rows.participant_row(session, participant))


def drop_study(session: Session, journal: Journal, study: ListeningStudy) -> None:
    """Delete all files of a study, before its rows go: without its own file nothing of it can come back."""
    journal.drop(STUDIES, [study.id])
    journal.drop(CLIPS, [clip.id for clip in study_rows.clips_of(session, study.id)])
    journal.drop(PARTICIPANTS, study_rows.participant_ids(session, study.id))


def write_missing(database: Database, journal: Journal, clip_store: ClipStore) -> int:
    """Write down what has no file yet, such as studies of an older version or of a backup; how many files."""
    written = 0
    for study_id in database.transaction(study_rows.all_ids):
        written += database.transaction(partial(_write, journal=journal, clip_store=clip_store, study_id=study_id))
    return written


def unknown_studies(database: Database, journal: Journal) -> int:
    """How many studies the journal knows and the database does not."""
    return len(_missing(journal, STUDIES, database.transaction(study_rows.all_ids)))


def bring_back(database: Database, journal: Journal, clip_store: ClipStore) -> BroughtBack:
    """Bring back studies, sound and participants that are not here, but nobody who withdrew and nothing deleted.

    Where it is killed on the way, the next call goes on.
    """
    result = BroughtBack()
    for study_id in _missing(journal, STUDIES, database.transaction(study_rows.all_ids)):
        try:
            _bring_study(database, journal, clip_store, study_id)
            result.studies += 1
        except (ValueError, KeyError, TypeError, IntegrityError, DataError, OSError) as error:
            result.problems.append(f"study {study_id} stays away: {_line(error)}")
    for participant_id in _missing(journal, PARTICIPANTS, database.transaction(study_rows.all_participants)):
        try:
            row = _read(journal, PARTICIPANTS, participant_id)
            brought = database.transaction(partial(study_rows.restore_participant, row=row))
            result.participants += brought
            if not brought:
                result.problems.append(f"participant {participant_id} stays away: their study is not here")
        except (ValueError, KeyError, TypeError, IntegrityError, DataError) as error:
            result.problems.append(f"participant {participant_id} stays away: {_line(error)}")
    _bring_sound(database, journal, clip_store)
    if result.studies or result.participants:
        log.info("studies_rebuilt studies=%d participants=%d", result.studies, result.participants)
    return result


def _bring_study(database: Database, journal: Journal, clip_store: ClipStore, study_id: UUID) -> None:
    row = _read(journal, STUDIES, study_id)
    clips = [_read(journal, CLIPS, UUID(each)) for each in row["clips"]]
    for clip in clips:
        if clip_store.put(base64.b64decode(clip.pop("sound")), SUFFIX).key != clip["uri"]:
            raise ValueError(f"the sound of {clip['name']} is damaged")
    database.transaction(lambda session: study_rows.restore_study(session, row, clips))


def _bring_sound(database: Database, journal: Journal, clip_store: ClipStore) -> None:
    """Put back sound that the clip store has lost, as where rows lie elsewhere and the disk forgets."""
    written = set(journal.ids_of(CLIPS))
    for clip_id, uri in database.transaction(study_rows.sounds):
        if clip_id in written and clip_store.size(uri) is None:
            clip_store.put(base64.b64decode(_read(journal, CLIPS, clip_id)["sound"]), SUFFIX)


def _write(session: Session, *, journal: Journal, clip_store: ClipStore, study_id: UUID) -> int:
    study = study_rows.lock_study(session, study_id)
    if study is None:
        return 0
    written = 0
    if not journal.file_of(STUDIES, study_id).exists():
        keep_study(session, journal, study)
        written += 1
    try:
        keep_clips(session, journal, clip_store, study_id)
    except ClipMissingError as error:
        log.warning("study_lacks_sound study=%s key=%s", study_id, error)
    for participant_id in set(study_rows.participant_ids(session, study_id)).difference(journal.ids_of(PARTICIPANTS)):
        participant = study_rows.lock_participant(session, participant_id)
        if participant is not None:
            keep_participant(session, journal, participant)
            written += 1
    return written


def _keep_clip(journal: Journal, clip_store: ClipStore, clip: StudyClip) -> None:
    sound = base64.b64encode(clip_store.get(clip.uri)).decode()
    journal.keep(CLIPS, clip.id, {**study_rows.clip_row(clip), "sound": sound})


def _missing(journal: Journal, kind: str, here: Collection[UUID]) -> list[UUID]:
    """What the journal has beyond what is ``here``, but for what was deleted."""
    lacking = sorted(set(journal.ids_of(kind)).difference(here))
    gone = set(journal.tombstones.among(lacking))
    return [each for each in lacking if each not in gone]


def _read(journal: Journal, kind: str, row_id: UUID) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(journal.file_of(kind, row_id).read_bytes())
    return row


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

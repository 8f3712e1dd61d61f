"""What was deleted stays deleted: who withdrew, and studies that their researcher deleted, come back with no backup."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal
from webapp.studies import clips, participation, studies
from webapp.studies import journal as written

log = logging.getLogger(__name__)


def withdraw(database: Database, journal: Journal, token: str) -> None:
    """Delete everything of a participant, at any time; raises ``NotYours`` where there is nothing (any more)."""

    def work(session: Session) -> None:
        participant = participation.require(session, token, lock=True)
        study_id, who, preview = participant.study_id, participant.id, participant.preview
        study_rows.withdraw(session, participant)
        if not preview:
            journal.tombstones.add(who)
            written.keep_study(session, journal, study_rows.get_study(session, study_id))
            journal.drop(written.PARTICIPANTS, [who])

    database.transaction(work)
    log.info("study_withdrawn")


def delete_study(database: Database, clip_store: ClipStore, journal: Journal, key: str) -> None:
    """Delete a study with everything that was answered and brought; raises ``NotYours``."""

    def work(session: Session) -> list[str]:
        study = studies.require(session, key, lock=True)
        clips.TASK.stop_in(session, study.id)
        journal.tombstones.add(study.id)
        written.drop_study(session, journal, study)
        return study_rows.delete_all(session, [study.id])

    for uri in database.transaction(work):
        clip_store.delete(uri)


def delete_again(database: Database, clip_store: ClipStore, journal: Journal) -> int:
    """Delete what a backup has brought back of those who had left; how many participants and studies that were."""

    def work(session: Session) -> tuple[int, list[str]]:
        gone = journal.deleted_among([*study_rows.all_participants(session), *study_rows.all_ids(session)])
        study_rows.delete_participants(session, gone)
        return len(gone), study_rows.delete_all(session, gone)

    count, uris = database.transaction(work)
    for uri in uris:
        clip_store.delete(uri)
    return count

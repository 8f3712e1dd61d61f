"""What was deleted stays deleted: who withdrew, and studies that their researcher deleted, come back with no backup."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.queries import study_participants as rows
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.tombstones import Tombstones
from webapp.studies import participation, studies

log = logging.getLogger(__name__)


def withdraw(database: Database, tombstones: Tombstones, token: str) -> None:
    """Delete everything of a participant, at any time; raises ``NotYours`` where there is nothing (any more)."""

    def work(session: Session) -> None:
        participant = participation.require(session, token, lock=True)
        if not participant.preview:
            tombstones.add(participant.id)
        rows.withdraw(session, participant)

    database.transaction(work)
    log.info("study_withdrawn")


def delete_study(database: Database, clip_store: ClipStore, tombstones: Tombstones, key: str) -> None:
    """Delete a study with everything that was answered and brought; raises ``NotYours``."""

    def work(session: Session) -> list[str]:
        study = studies.require(session, key, lock=True)
        tombstones.add(study.id)
        return study_rows.delete_study(session, study)

    for uri in database.transaction(work):
        clip_store.delete(uri)


def delete_again(database: Database, tombstones: Tombstones) -> int:
    """Delete what a backup has brought back of those who had left; how many participants and studies that were."""

    def work(session: Session) -> int:
        gone = tombstones.among([*rows.all_ids(session), *study_rows.all_ids(session)])
        rows.delete_all(session, gone)
        study_rows.delete_all(session, gone)
        return len(gone)

    return database.transaction(work)

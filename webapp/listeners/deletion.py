"""A listener deleted whole: rows, sound, agents, journal, and the id in the logs."""

from __future__ import annotations

import contextlib
import logging
import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from db.queries import listeners as rows
from db.queries.listeners import duets_of
from webapp.learning import population
from webapp.listeners.accounts import Records
from webapp.runtime.database import locked_listener
from webapp.runtime.errors import UnknownListenerError
from webapp.runtime.listener_files import Adapters, Downloads, KeptDreams
from webapp.runtime.logs import forget_in_logs

log = logging.getLogger(__name__)
EXPIRE_AFTER = timedelta(days=7)
CROWDED_AFTER = timedelta(hours=1)  # where more than MOST_VISITORS have looked and left nothing, the older ones go
MOST_VISITORS = 2_000
MOST_AT_ONCE = 10_000
SLOWLY_AT_ONCE = 200  # those who have files or clips, each in a transaction of their own


def delete(records: Records, listener_id: uuid.UUID) -> None:
    """Forget a listener: every row, the sound only they could hear, agents they trained, journal, their id in the logs.

    What the population learned from them goes too, and a job is left that learns it again without them.
    Files go before the rows do: who is told that they are deleted is, whatever fails meanwhile. Raises
    ``UnknownListenerError``.
    """

    files = _delete(records, listener_id)
    forget_in_logs(records.home, str(listener_id))
    log.info("listener_deleted files=%d", files)


def expire(records: Records) -> int:
    """Forget those who came a week ago or longer and left nothing behind: no vote, no piece; how many.

    Where many come, only the newest ``MOST_VISITORS`` who left nothing stay longer than an hour: whoever asks for
    pairs without end, and without voting, fills no disk.
    """

    def due(session: Session) -> list[uuid.UUID]:
        crowd = rows.without_anything(session, CROWDED_AFTER, MOST_AT_ONCE, but_newest=MOST_VISITORS)
        old = rows.without_anything(session, EXPIRE_AFTER, MOST_AT_ONCE)
        return list(dict.fromkeys([*old, *crowd]))

    found = records.database.transaction(due)
    if not found:
        return 0
    no_file = [each for each in found if not records.journal.segment(each).path.exists()]
    gone = records.database.transaction(lambda session: rows.delete_visitors(session, no_file))
    for listener_id in gone:
        _delete_files(records, listener_id)
    for listener_id in [each for each in found if each not in set(gone)][:SLOWLY_AT_ONCE]:
        with contextlib.suppress(UnknownListenerError):  # deleted by themselves just now
            _delete(records, listener_id)
            gone.append(listener_id)
    forget_in_logs(records.home, *map(str, gone))
    log.info("listeners_expired count=%d", len(gone))
    return len(gone)


def _delete(records: Records, listener_id: uuid.UUID) -> int:
    """The rows and files of a listener; how many sounds there were."""

    def work(session: Session) -> int:
        listener = locked_listener(session, listener_id)
        withdrawn = population.withdraw(session, records.spaces, listener)
        shared = [duet.id for duet in duets_of(session, listener_id)]
        keys = rows.delete_listener(session, listener_id) or []
        records.journal.forget_populations(withdrawn)
        for duet_id in shared:
            records.journal.forget_duet(duet_id)
        for key in keys:
            records.clip_store.delete(key)
        records.journal.forget(listener_id)
        _delete_files(records, listener_id)
        return len(keys)

    return records.database.transaction(work)


def _delete_files(records: Records, listener_id: uuid.UUID) -> None:
    """What lies in folders of their own: downloads, agents, dreams."""
    for folder in (Downloads(records.home), Adapters(records.home), KeptDreams(records.home)):
        folder.forget(listener_id)

"""``kallos journal rebuild``: an empty database filled from the vote journal, head by head as it was."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from db import migrate
from db.queries import listeners as listener_rows
from db.queries.restore import NotAnExportError, restore_clips, restore_duet, restore_populations, restore_rows
from models.taste.space import TasteSpace
from webapp.learning import refits
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal
from webapp.runtime.journal_segment import DamagedSegmentError, Segment

log = logging.getLogger(__name__)


class NotEmptyError(ValueError):
    """There are listeners already, whom a rebuild would mix with those of the journal."""


@dataclass
class Rebuilt:
    """What came back, and one line for each thing that did not."""

    listeners: int = 0
    votes: int = 0
    clips: int = 0
    problems: list[str] = field(default_factory=list)


def rebuild(database: Database, journal: Journal, spaces: Sequence[TasteSpace]) -> Rebuilt:
    """Fill the database, bringing its schema up to date first; a damaged segment is told and left out.

    Raises ``NotEmptyError`` where there are listeners, and ``ValueError`` for a damaged clip.
    """
    migrate.upgrade(database.open())
    if database.transaction(listener_rows.anybody):
        raise NotEmptyError(
            "there are listeners in this database, and the journal fills an empty one only: name a new database in "
            "KALLOS_DATABASE_URL. `kallos db downgrade base --lose` would empty this one, but it erases everything "
            "in it for good: listeners, votes, clips, studies and maps"
        )
    return bring_back_missing(database, journal, spaces)


def bring_back_missing(database: Database, journal: Journal, spaces: Sequence[TasteSpace]) -> Rebuilt:
    """Bring back every listener of the journal whom the database does not know, with what they were offered.

    Where it is killed on the way, the next call goes on. Raises ``ValueError`` for a damaged clip.
    """
    result = Rebuilt()
    segments = {UUID(segment.path.stem): segment for segment in journal.segments()}
    here = database.transaction(lambda session: listener_rows.known_among(session, list(segments)))
    missing = [segment for listener_id, segment in segments.items() if listener_id not in here]
    if not missing:
        return result

    def clips(session: Session) -> int:
        restore_populations(session, journal.populations())
        return len(restore_clips(session, journal.pool_clips()))

    result.clips = database.transaction(clips)
    for segment in missing:
        try:
            _bring_back(database, spaces, segment, result)
        except (DamagedSegmentError, NotAnExportError) as error:
            result.problems.append(f"{segment.path.name}: {error}")
    for duet in journal.duets():
        if not database.transaction(partial(restore_duet, row=duet)):
            result.problems.append(f"duet {duet['duet']['id']} stays away: one of the two listeners did not come back")
    log.info("journal_rebuilt listeners=%d votes=%d problems=%d", result.listeners, result.votes, len(result.problems))
    for problem in result.problems:
        log.warning("journal_not_whole problem=%s", problem)
    return result


def unknown_segments(database: Database, journal: Journal) -> int:
    """How many listeners the journal knows while the database knows none: it was lost, and can be rebuilt."""
    return 0 if database.transaction(listener_rows.anybody) else len(journal.segments())


def _bring_back(database: Database, spaces: Sequence[TasteSpace], segment: Segment, result: Rebuilt) -> None:
    number, data = segment.state(with_gaps=True)
    gaps = segment.gaps()

    def work(session: Session) -> tuple[int, int]:
        restored = restore_rows(session, data)
        who = restored.listener_id
        # a file with a gap is written anew with the next entry, which then does not follow
        listener_rows.set_journal_entries(session, who, number + 2 if gaps else number)
        if restored.votes:
            refits.refit(session, spaces, who)
        return restored.votes, restored.missing

    votes, missing = database.transaction(work)
    result.listeners += 1
    if gaps:
        result.problems.append(f"{segment.path.name} lacks {', '.join(gaps)}; all else of this listener is back")
    result.votes += votes
    if missing:
        result.problems.append(f"{segment.path.name}: {missing} offers stay away, their clips are not in the journal")

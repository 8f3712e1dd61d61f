"""Listeners brought back: one from an export, or all from the vote journal, head by head as they were.

The operator brings an export back as it is; a visitor's file is not trusted. ``kallos journal rebuild`` fills an empty
database from the journal.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from db import migrate
from db.queries import clips as clip_rows
from db.queries import export
from db.queries import listeners as listener_rows
from db.queries.restore import (
    NotAnExportError,
    Restored,
    restore_clips,
    restore_duet,
    restore_listener,
    restore_populations,
    restore_rows,
)
from db.queries.statistics import study_ids
from db.tables import PICTURES, Duet
from models.music.notes import MusicError, Piece
from models.taste.space import TasteSpace
from webapp.composing import media
from webapp.learning import refits
from webapp.listeners import accounts, untrusted_archive
from webapp.listeners.accounts import Records, delete
from webapp.runtime import limits
from webapp.runtime.clip_store import key_of
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, TooMany
from webapp.runtime.journal import DUETS, Journal
from webapp.runtime.journal_segment import DamagedSegmentError, Segment
from webapp.runtime.limits import IMPORTS_A_SECOND, IMPORTS_AT_ONCE, Buckets
from webapp.runtime.waiting import slot

log = logging.getLogger(__name__)
LEAST_KEY, MOST_KEY = 16, 64  # letters, that a request is repeated by
FARTHEST = 30.0  # standard deviations from the middle of the clips that any feature of a piece may lie
_imports = Buckets(IMPORTS_A_SECOND, IMPORTS_AT_ONCE)
_readers = threading.BoundedSemaphore(2)  # each may take all of its memory


def restore(database: Database, journal: Journal, data: Any, *, trusted: bool = True) -> Restored:
    """Bring an exported listener back; sound that is not in the store is rendered when it is first asked for.

    Votes that are not ``trusted`` are marked as imported. Raises ``NotAnExportError``.
    """

    def work(session: Session) -> Restored:
        restored = restore_listener(session, data, untrusted=not trusted)
        journal.append(session, restored.listener_id)
        return restored

    _check_sound(data)
    restored = database.transaction(work)
    log.info(
        "listener_restored listener=%s offers=%d missing=%d", restored.listener_id, restored.offers, restored.missing
    )
    return restored


def bring(records: Records, current: uuid.UUID | None, file: bytes, *, replace: bool, key: str = "") -> uuid.UUID:
    """Bring back whom a visitor's file is about, in place of the ``current`` listener, who is forgotten; their id.

    Nothing that a visitor may have made up counts for others: the study must be one of this installation, clips lie
    where clips can lie, and the head is learned again from the votes. Whoever has made up a ``key`` and got no answer
    asks again with the same key and file, and is told the same. Raises ``NotAllowed`` with what is wrong with the
    file, ``Contradiction`` where the current listener has votes and is not to be replaced, and ``TooMany``.
    """
    if key and len(key) < LEAST_KEY:
        raise NotAllowed(f"the key of a request has {LEAST_KEY} letters or more, so that nobody guesses it")
    if not _imports.take(limits.asking_network() or str(current)):
        raise TooMany("you have brought several files just now; try again in a minute")
    here = current if current is not None and accounts.exists(records.database, current) else None
    try:
        with slot(_readers, TooMany("several files are being read just now; try again in a few seconds")):
            data = untrusted_archive.read(file)
            _check_sound(data)
    except untrusted_archive.AbsurdFileError as error:
        raise NotAllowed(f"this file can't be brought: {error}") from error
    except (untrusted_archive.BrokenFileError, NotAnExportError) as error:
        raise NotAllowed(
            "this is not the data of a listener; choose the file that “Download my data” gave, kallos-listener.zip"
        ) from error
    link_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{key} {hashlib.sha256(file).hexdigest()}") if key else None
    if link_id and (known := _brought_before(records, data, link_id)):
        return known
    if here is not None and _named_in(data) == str(here):
        raise NotAllowed("this file is about you, and what it holds is here already")
    if here is not None and not replace and (picks := accounts.account(records.database, here).picks):
        raise Contradiction(f"{picks} picks were given here already; they would be deleted for what is in the file")
    try:
        restored = records.database.transaction(lambda session: _brought(session, records, data, link_id))
    except NotAnExportError as error:
        raise NotAllowed(str(error)) from error
    if here is not None:
        delete(records, here)
    log.info("listener_brought listener=%s votes=%d", restored.listener_id, restored.votes)
    return restored.listener_id


def _end_older_tokens(session: Session, listener_id: uuid.UUID) -> None:
    """Only the token that is given now is theirs: those from before they left here were perhaps taken back.

    The file doesn't say which generation was the last here, nor would it be believed; seconds have passed since any.
    """
    began = int((datetime.now(UTC) - untrusted_archive.FIRST_DAY).total_seconds())
    listener_rows.begin_generation(session, listener_id, began)


def _named_in(data: Any) -> str | None:
    """The id of the listener of an export; None where there is none."""
    listener = data.get("listener") if isinstance(data, dict) else None
    return listener.get("id") if isinstance(listener, dict) else None


def _brought_before(records: Records, data: Any, link_id: uuid.UUID) -> uuid.UUID | None:
    """Whom a request with this key and file has brought; None where none has, or they have made a link since."""
    try:
        named = uuid.UUID(_named_in(data))
    except (ValueError, TypeError, AttributeError):
        return None
    there = records.database.transaction(lambda session: listener_rows.has_link(session, named, link_id))
    return named if there else None


def _brought(session: Session, records: Records, data: Any, link_id: uuid.UUID | None) -> Restored:
    if _named_in(data) is not None:
        data = {**data, "heads": [], "population": None, "picture_population": None}
    here = study_ids(session)
    _check_music(data)
    restored = restore_listener(session, data, untrusted=True)
    _end_older_tokens(session, restored.listener_id)
    strange = study_ids(session) - here
    if strange:
        raise NotAnExportError(
            f"this file belongs to the study {', '.join(sorted(strange))[:80]}, which is not here; whoever runs this "
            "installation can bring it back with `kallos listener import`"
        )
    for each in records.spaces:
        for summary in clip_rows.summaries_around(session, restored.listener_id, model_version=each.version):
            if len(summary) != each.dims or not np.abs(each.features(summary)).max() < FARTHEST:
                raise NotAnExportError("this export of a listener is damaged: a piece lies where no piece can lie")
    if restored.votes:
        refits.refit(session, records.spaces, restored.listener_id)
    if link_id:
        listener_rows.set_link(session, restored.listener_id, link_id)
    records.journal.append(session, restored.listener_id)
    return restored


def _check_music(data: Any) -> None:
    """Every piece must be one that can be played: its notes lie within its bars."""
    try:
        for row in (*data["clips"], *data.get("studio", [])):
            if row["domain"] != PICTURES:
                Piece.from_json(row["notes"])
    except (KeyError, TypeError, AttributeError):
        return  # no export at all, which is told better elsewhere
    except MusicError as error:
        raise NotAnExportError(
            f"this export of a listener is damaged: a piece in it can't be played ({error})"
        ) from None


def _check_sound(data: Any) -> None:
    """An export names sound by its content alone: nothing else in the store may be read, or deleted, through it."""
    try:
        sounds = [
            (sound["sha256"], sound["uri"], tuple(media.MEDIA) if clip["domain"] == PICTURES else (".mp3",))
            for clip in data["clips"]
            for sound in clip["audio"]
        ]
        named = ((uri, {key_of(sha256, each) for each in endings}) for sha256, uri, endings in sounds)
        wrong = next((uri for uri, keys in named if uri not in keys), None)
    except (KeyError, TypeError):
        return  # no export at all, which is told better elsewhere
    if wrong is not None:
        raise NotAnExportError(f"this export of a listener is damaged: it names the sound {str(wrong)[:80]!r}")


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

    Likewise whoever is behind their journal: their rows are replaced. Where it is killed on the way, the next call
    goes on. Raises ``ValueError`` for a damaged clip.
    """
    result = Rebuilt()
    missing = [segment for some in _lacking(database, journal) for segment in some]

    def clips(session: Session) -> int:
        restore_populations(session, journal.populations())
        return len(restore_clips(session, journal.pool_clips()))

    if missing:
        result.clips = database.transaction(clips)
    for segment in missing:
        try:
            _bring_back(database, journal, spaces, segment, result)
        except (DamagedSegmentError, NotAnExportError) as error:
            result.problems.append(f"{segment.path.name}: {error}")
    duets = _bring_duets(database, journal, result)
    if missing or duets:
        counts = (result.listeners, result.votes, duets, len(result.problems))
        log.info("journal_rebuilt listeners=%d votes=%d duets=%d problems=%d", *counts)
    return result


def _bring_duets(database: Database, journal: Journal, result: Rebuilt) -> int:
    """Bring back what two listeners share and the database does not know; how many duets that were."""
    here, brought = database.transaction(listener_rows.all_duets), 0
    for duet_id in (each for each in journal.ids_of(DUETS) if each not in here):
        try:
            row = journal.duet(duet_id)
        except ValueError as error:
            result.problems.append(str(error))
            continue
        if row is None:  # ended just now
            continue
        if database.transaction(partial(restore_duet, row=row)):
            brought += 1
        else:
            result.problems.append(f"duet {duet_id} stays away: one of the two did not come back, or they have another")
    return brought


def unknown_segments(database: Database, journal: Journal) -> int:
    """How many listeners the journal knows while the database knows none: it was lost, and can be rebuilt."""
    return 0 if database.transaction(listener_rows.anybody) else len(journal.segments())


def behind(database: Database, journal: Journal) -> int:
    """How many listeners the database knows, but not what they did last: it was restored from a backup."""
    return len(_lacking(database, journal)[1])


def _lacking(database: Database, journal: Journal) -> tuple[list[Segment], list[Segment]]:
    """The files of those whom the database does not know, and of those who are behind their file."""
    segments = {UUID(segment.path.stem): segment for segment in journal.segments()}
    here = database.transaction(lambda session: listener_rows.journal_entries(session, list(segments)))
    unknown = [segment for listener_id, segment in segments.items() if listener_id not in here]
    return unknown, [segments[each] for each, entries in here.items() if _is_behind(entries, segments[each])]


def _is_behind(entries: int, segment: Segment) -> bool:
    """Whether the file has more than one entry beyond these; one may be of a transaction that never was."""
    return (segment.last_number() or 0) > entries + 1


def _bring_back(
    database: Database, journal: Journal, spaces: Sequence[TasteSpace], segment: Segment, result: Rebuilt
) -> None:
    def work(session: Session) -> tuple[Restored, list[str]] | None:
        who = UUID(segment.path.stem)
        duets: list[dict[str, Any] | None] = []
        listener = listener_rows.lock_listener(session, who)
        if listener is not None:
            if not _is_behind(listener.journal_entries, segment):
                return None
            duets = [_newest(session, journal, duet) for duet in listener_rows.duets_of(session, who)]
            listener_rows.delete_listener(session, who)
        number, data = segment.state(with_gaps=True)
        gaps = segment.gaps()
        restored = restore_rows(session, data)
        # a file with a gap is written anew with the next entry, which then does not follow
        listener_rows.set_journal_entries(session, who, number + 2 if gaps else number)
        if restored.votes:
            refits.refit(session, spaces, who)
        for duet in filter(None, duets):
            restore_duet(session, duet)
        return restored, gaps

    done = database.transaction(work)
    if done is None:
        return
    restored, gaps = done
    result.listeners += 1
    if gaps:
        result.problems.append(f"{segment.path.name} lacks {', '.join(gaps)}; all else of this listener is back")
    result.votes += restored.votes
    if restored.missing:
        result.problems.append(
            f"{segment.path.name}: {restored.missing} offers stay away, their clips are not in the journal"
        )


def _newest(session: Session, journal: Journal, duet: Duet) -> dict[str, Any] | None:
    """What two share, as the journal tells it where it does: that is never behind."""
    with suppress(ValueError):
        if row := journal.duet(duet.id):
            return row
    return export.whole_duet(session, duet.id)

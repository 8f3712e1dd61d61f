"""The vote journal: beside the database, in ``KALLOS_HOME/journal``, enough to rebuild it exactly.

``ID.jsonl`` is one listener's segment, deleted with them; ``clips/ID.json`` is one clip of everybody's pool, written
before an offer of it is; ``populations/ID.json`` is where heads began, written before a vote of such a head is;
``duets/ID.json`` is what two listeners share, deleted with either of them. ``studies``, ``study_clips`` and
``participants`` hold listening studies (``webapp.studies.journal``).
Whatever changes a listener's rows adds an entry in the same transaction, before the commit: the journal is never
behind, and ahead by one transaction at most, which the next entry replaces; farther only of a backup's database, where
``restore.bring_back_missing`` brings the listener back from here. Where the segment does not go as far as the
database (it was deleted, or its disk was lost) the next entry tells the listener's whole story again.
Which listeners, participants and studies were deleted is known by hashes of their random ids, a line each, so that no
backup brings them back.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import export
from db.queries import listeners as listener_rows
from models.music.files import replacing, sync
from webapp.runtime.errors import NoRoom, NotWritten, Problem
from webapp.runtime.journal_copy import TOGETHER, JournalCopy
from webapp.runtime.journal_segment import Entry, Segment

log = logging.getLogger(__name__)
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
DUETS = "duets"  # a folder
BURIED = {"participants", "studies"}  # folders: whoever is deleted there stays deleted, as listeners do
SIDES = ("left_clip", "right_clip", "clip_a", "clip_b", "clip_c", "clip_d")


class Journal:
    """The journal in ``folder``, which every process that serves pages must share; ``copy_url`` as ``JournalCopy``."""

    def __init__(self, folder: Path, copy_url: str = "") -> None:
        self.folder = folder
        self.copy = JournalCopy(copy_url, folder) if copy_url else None
        self.tombstones = Tombstones(folder / "deleted")
        self._clips = folder / "clips"
        self._populations = folder / "populations"
        self._of_one_listener: set[uuid.UUID] = set()  # clips that have no file of their own; one never becomes another

    def bring_home(self) -> int:
        """Write what this disk lacks of the copy, and note who was deleted there; how many files came."""
        if self.copy is None:
            return 0
        brought = self.copy.bring_home()
        there = _whose(self.copy.known_gone())
        for each in there.difference(self.tombstones.among(there)):
            self.tombstones.add(each)
        return brought

    def append(
        self,
        session: Session,
        listener_id: uuid.UUID,
        *,
        offers: Collection[uuid.UUID] = (),
        fours: Collection[uuid.UUID] = (),
        clips: Collection[uuid.UUID] = (),
        pieces: Collection[uuid.UUID] = (),
        gone: Collection[uuid.UUID] = (),
        plays: Collection[uuid.UUID] = (),
        fits: Collection[uuid.UUID] = (),
        known: Mapping[str, Collection[dict[str, Any]]] = MappingProxyType({}),
        cards: bool = False,
        whole: bool = False,
        visit: bool = False,
    ) -> None:
        """Write down the listener, these pairs, fours and clips of theirs as this transaction leaves them.

        And ``pieces`` of their studio, those ``gone`` from it, ``plays`` of whole pieces, ``fits``, and with ``cards``
        all that they share. ``known`` are ``offers`` and ``fours`` that need not be read again, as
        ``export.offer_row`` and ``export.four_row`` give them.
        What a ``visit`` alone leaves is not written of somebody of whom nothing was ever written: whoever only looks
        costs no file, and their first vote tells their whole story.

        Commit right after it: the listener is locked. Nothing happens where there is no such listener. Raises
        ``NotWritten`` where the disk does not take it, ``NoRoom`` where it is full.
        """
        try:
            named = _Named(offers, fours, clips, pieces, gone, plays, fits, cards, known)
            self._append(session, listener_id, named, whole=whole, visit=visit)
        except OSError as error:
            raise _not_written(error) from error

    def begin(self, session: Session, listener_id: uuid.UUID) -> None:
        """Write down a listener of whom nothing was written yet: what is made for them belongs into their file.

        Raises ``NotWritten``.
        """
        if not listener_rows.was_written(session, listener_id):
            self.append(session, listener_id)

    def _append(self, session: Session, listener_id: uuid.UUID, named: _Named, *, whole: bool, visit: bool) -> None:
        if visit and not listener_rows.was_written(session, listener_id):
            return
        listener = listener_rows.next_entry(session, listener_id)
        if listener is None:
            return
        segment, number = self.segment(listener_id), listener.journal_entries
        if not segment.path.exists():
            self.tombstones.lift(listener_id)
        follows = number > 1 and segment.last_number() in {number - 1, number}
        if whole or not follows:
            rows = export.listener_rows(session, listener_id) or {}
            if not whole and number > 1:
                log.warning("journal_written_anew entry=%d", number)
        else:
            rows = {"listener": export.plain(listener), **named.rows(session, listener_id)}
        self._keep_pool_clips(session, [*rows["offers"], *rows["fours"], *rows.get("fits", ())])
        for began in filter(None, (listener.population_id, listener.picture_population_id)):
            if not self._population_path(began).exists():
                self.keep_population(session, began)
        segment.append(Entry(number, whole or not follows, rows))

    def keep_clip(self, session: Session, clip_id: uuid.UUID) -> None:
        """Write down a clip that is new or was encoded again: in its listener's segment, or in a file of its own.

        For a clip of the pool this may be done any time after; one of a listener's belongs in the same transaction.
        """
        known, owner = clip_rows.owner_of(session, clip_id)
        if owner is not None:
            self.tell(session, owner, clips=[clip_id])
        elif known:
            self._write_clip(session, clip_id)

    def tell(self, session: Session, listener_id: uuid.UUID, *, clips: Collection[uuid.UUID] = ()) -> None:
        """``append`` as a worker does, which may be elsewhere: where the segment is not here, nothing is written.

        The entry is counted then, so that the web, which has the segment, sees that it lacks something.
        """
        if self.segment(listener_id).path.exists():
            self.append(session, listener_id, clips=clips)
        else:
            listener_rows.next_entry(session, listener_id)

    def keep_population(self, session: Session, population_id: uuid.UUID) -> None:
        """Write down where heads begin, with its study."""
        row = export.whole_population(session, population_id)
        if row is not None:
            self._write(self._population_path(population_id), row)

    def forget_populations(self, population_ids: Collection[uuid.UUID]) -> None:
        """Delete them from the journal."""
        self._unlink(*map(self._population_path, population_ids))

    def keep_duet(self, session: Session, duet_id: uuid.UUID, *, new: bool = False) -> None:
        """Write down a duet as this transaction leaves it; one that is not ``new`` only where it was written before.

        A worker that has no journal of its own writes nothing so.
        """
        row = export.whole_duet(session, duet_id)
        if row is not None and (new or self._duet_path(duet_id).exists()):
            self._write(self._duet_path(duet_id), row)

    def forget_duet(self, duet_id: uuid.UUID) -> None:
        """Delete a duet from the journal."""
        self._unlink(self._duet_path(duet_id))

    def duet(self, duet_id: uuid.UUID) -> dict[str, Any] | None:
        """What two listeners share, as ``{duet, pieces}``; None where no file tells it, or none any more.

        Raises ``ValueError`` for a file that is damaged.
        """
        with contextlib.suppress(FileNotFoundError):
            return _whole(self._duet_path(duet_id), "delete it, and what these two share stays away")
        return None

    def keep(self, kind: str, row_id: uuid.UUID, row: dict[str, Any]) -> None:
        """Write a row of ``kind`` whole, as this transaction leaves it. Raises ``NotWritten``."""
        try:
            self._write(self.file_of(kind, row_id), row)
        except OSError as error:
            raise _not_written(error) from error

    def drop(self, kind: str, row_ids: Collection[uuid.UUID]) -> None:
        """Delete rows of ``kind`` here and in the copy, for good; raises ``NotWritten``."""
        self._unlink(*(self.file_of(kind, each) for each in row_ids))

    def ids_of(self, kind: str) -> list[uuid.UUID]:
        """Of which rows of ``kind`` there are files."""
        return [uuid.UUID(path.stem) for path in sorted((self.folder / kind).glob("*.json"))]

    def file_of(self, kind: str, row_id: uuid.UUID) -> Path:
        """Where a row of ``kind`` is written, if it is."""
        return self.folder / kind / f"{row_id}.json"

    def segment(self, listener_id: uuid.UUID) -> Segment:
        """The listener's own file."""
        return Segment(self.folder / f"{listener_id}.jsonl", self.copy)

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete the listener's story, everywhere and for good: no backup brings them back. Raises ``NotWritten``."""
        self.tombstones.add(listener_id)
        self.segment(listener_id).remove()

    def was_deleted(self, listener_id: uuid.UUID) -> bool:
        """Whether they were deleted; known from the copy as well, where the disk that says so was lost meanwhile."""
        by_copy = self.copy is not None and self.copy.knows_gone(self.segment(listener_id).path)
        return by_copy or bool(self.tombstones.among([listener_id]))

    def deleted_among(self, ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
        """Those of these listeners, participants and studies who were deleted here, or in the copy."""
        by_copy = _whose(self.copy.gone()).intersection(ids) if self.copy else set()
        return [*by_copy.union(self.tombstones.among(ids))]

    def kept(self, listener_id: uuid.UUID) -> bool | None:
        """Whether the copy has all that the listener's file has; None where no copy is made."""
        return self.copy.kept(self.segment(listener_id).path) if self.copy else None

    def kept_row(self, kind: str, row_id: uuid.UUID) -> bool | None:
        """Likewise of a row of ``kind``."""
        return self.copy.kept(self.file_of(kind, row_id)) if self.copy else None

    def close(self) -> None:
        """Let the copy be whole, where there is one."""
        if self.copy:
            self.copy.close()

    def segments(self) -> list[Segment]:
        """Every listener's file."""
        return [Segment(path) for path in sorted(self.folder.glob("*.jsonl"))]

    def pool_clips(self) -> Iterator[dict[str, Any]]:
        """Every clip of the pool that was written down; raises ``ValueError`` for a file that is damaged."""
        yield from _read(self._clips, "delete it, and offers of this clip stay away")

    def populations(self) -> Iterator[dict[str, Any]]:
        """Where heads began, as ``{population, study}``; raises ``ValueError`` for a file that is damaged."""
        yield from _read(self._populations, "delete it, and heads that began there are learned from the fixed prior")

    def _keep_pool_clips(self, session: Session, asked: list[dict[str, Any]]) -> None:
        named = {uuid.UUID(row[side]) for row in asked for side in SIDES if row.get(side)}
        lacking = {each for each in named - self._of_one_listener if not self._clip_path(each).exists()}
        of_all = clip_rows.of_everybody(session, lacking) if lacking else []
        for clip_id in of_all:
            self._write_clip(session, clip_id)
        self._of_one_listener |= lacking.difference(of_all)

    def _write_clip(self, session: Session, clip_id: uuid.UUID) -> None:
        (row,) = export.rows_named(session, "clips", [clip_id])
        self._write(self._clip_path(clip_id), row)

    def _write(self, path: Path, row: dict[str, Any]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with replacing(path, lasting=True) as part:
            part.write_bytes(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
        if self.copy:
            self.copy.mark(path)

    def _unlink(self, *paths: Path) -> None:
        if self.copy:
            with ThreadPoolExecutor(TOGETHER) as threads:
                list(threads.map(self.copy.bury, paths))
        there = [path for path in paths if path.exists()]
        for path in there:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in there}:
            sync(folder)

    def _clip_path(self, clip_id: uuid.UUID) -> Path:
        return self._clips / f"{clip_id}.json"

    def _population_path(self, population_id: uuid.UUID) -> Path:
        return self._populations / f"{population_id}.json"

    def _duet_path(self, duet_id: uuid.UUID) -> Path:
        return self.file_of(DUETS, duet_id)


@dataclass(frozen=True)
class _Named:
    """What an entry tells beside the listener."""

    offers: Collection[uuid.UUID]
    fours: Collection[uuid.UUID]
    clips: Collection[uuid.UUID]
    pieces: Collection[uuid.UUID]
    gone: Collection[uuid.UUID]
    plays: Collection[uuid.UUID]
    fits: Collection[uuid.UUID]
    cards: bool
    known: Mapping[str, Collection[dict[str, Any]]]

    def rows(self, session: Session, listener_id: uuid.UUID) -> dict[str, Any]:
        """As it is written; what is rare stands there only where there is some."""
        rows: dict[str, Any] = {
            "offers": [*self.known.get("offers", ()), *export.rows_named(session, "offers", self.offers)],
            "fours": [*self.known.get("fours", ()), *export.rows_named(session, "fours", self.fours)],
            "clips": export.rows_named(session, "clips", self.clips),
        }
        if self.pieces:
            rows["studio"] = export.rows_named(session, "studio", self.pieces)
        if self.gone:
            rows["gone"] = [str(each) for each in self.gone]
        if self.plays:
            rows["plays"] = export.rows_named(session, "plays", self.plays)
        if self.fits:
            rows["fits"] = export.rows_named(session, "fits", self.fits)
        if self.cards:
            rows["cards"] = export.cards_of(session, listener_id)
        return rows


def _whose(names: Iterable[str]) -> set[uuid.UUID]:
    """The listeners, participants and studies among these files of the journal."""
    paths = map(Path, names)
    return {uuid.UUID(each.stem) for each in paths if each.suffix == ".jsonl" or each.parent.name in BURIED}


def _not_written(error: OSError) -> Problem:
    if error.errno in NO_SPACE:
        log.error("journal_not_written error=%s", error.strerror)
        return NoRoom()
    log.error("journal_not_written", exc_info=error)
    return NotWritten("this could not be written down, so it is not stored; try again in a moment")


def _read(folder: Path, help_: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield _whole(path, help_)


def _whole(path: Path, help_: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); {help_}") from None
    return row


class Tombstones:
    """The file at ``path``, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, listener_id: uuid.UUID) -> None:
        """Note that this listener was deleted; it is on the disk when this returns."""
        self.add_all([_mark(listener_id)])

    def add_all(self, marks: Iterable[str]) -> None:
        """Note what another file of this kind has."""
        with self._alone():
            self._append(marks)

    def _append(self, marks: Iterable[str]) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="ascii") as file:
            file.writelines(f"{mark}\n" for mark in marks)
            file.flush()
            os.fsync(file.fileno())

    def lift(self, listener_id: uuid.UUID) -> None:
        """Forget that they were deleted: they brought their own export back."""
        if _mark(listener_id) not in self.read():
            return
        with self._alone():
            draft = Tombstones(self.path.with_suffix(".part"))
            draft.path.unlink(missing_ok=True)
            draft._append(sorted(self.read() - {_mark(listener_id)}))
            draft.path.replace(self.path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile, in no process: what is added while the file is written anew would be lost."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> set[str]:
        """Every mark."""
        try:
            return set(self.path.read_text(encoding="ascii").split())
        except FileNotFoundError:
            return set()

    def among(self, listener_ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        """Those of them who were deleted."""
        marks = self.read()
        return [each for each in listener_ids if _mark(each) in marks]


def _mark(listener_id: uuid.UUID) -> str:
    return hashlib.sha256(listener_id.bytes).hexdigest()

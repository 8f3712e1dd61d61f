"""The vote journal: beside the database, in ``KALLOS_HOME/journal``, enough to rebuild it exactly.

``ID.jsonl`` is one listener's segment, deleted with them; ``clips/ID.json`` is one clip of everybody's pool, written
before an offer of it is. Whatever changes a listener's rows adds an entry in the same transaction, before the commit:
the journal is never behind, and ahead by one entry at most, which the next one replaces. Where the segment does not go
as far as the database (it was deleted, or its disk was lost) the next entry tells the listener's whole story again.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries import export
from db.queries import listeners as listener_rows
from db.tables import Clip
from webapp.services.problems import NotWritten
from webapp.services.segment import Entry, Segment, sync_folder

log = logging.getLogger(__name__)


class Journal:
    """The journal in ``folder``, which every process that serves pages must share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clips = folder / "clips"

    def append(
        self,
        session: Session,
        listener_id: uuid.UUID,
        *,
        offers: Collection[uuid.UUID] = (),
        clips: Collection[uuid.UUID] = (),
        whole: bool = False,
    ) -> None:
        """Write down the listener, these offers and these clips of theirs as this transaction leaves them.

        Commit right after it: the listener is locked. Nothing happens where there is no such listener. Raises
        ``NotWritten`` where the disk does not take it.
        """
        try:
            self._append(session, listener_id, offers, clips, whole=whole)
        except OSError as error:
            log.exception("journal_not_written")
            raise NotWritten("this could not be written down, so it is not stored; try again in a moment") from error

    def _append(
        self,
        session: Session,
        listener_id: uuid.UUID,
        offers: Collection[uuid.UUID],
        clips: Collection[uuid.UUID],
        *,
        whole: bool,
    ) -> None:
        listener = listener_rows.next_entry(session, listener_id)
        if listener is None:
            return
        segment, number = self.segment(listener_id), listener.journal_entries
        follows = number > 1 and segment.last_number() in {number - 1, number}
        if whole or not follows:
            rows = export.listener_rows(session, listener_id) or {}
            if not whole and number > 1:
                log.warning("journal_written_anew entry=%d", number)
        else:
            rows = {
                "listener": export.plain(listener),
                "offers": export.offers_named(session, offers),
                "clips": export.clips_named(session, clips),
            }
        self._keep_pool_clips(session, rows["offers"])
        segment.append(Entry(number, whole or not follows, rows))

    def keep_clip(self, session: Session, clip_id: uuid.UUID) -> None:
        """Write down a clip that is new or was encoded again: in its listener's segment, or in a file of its own.

        For a clip of the pool this may be done any time after; one of a listener's belongs in the same transaction.
        """
        owner = session.execute(select(Clip.composed_for).where(Clip.id == clip_id)).one_or_none()
        if owner is None:
            return
        if owner.composed_for is None:
            self._write_clip(session, clip_id)
        elif self.segment(owner.composed_for).path.exists():
            self.append(session, owner.composed_for, clips=[clip_id])
        else:  # a worker elsewhere: counted, so that the web, which has the segment, sees that it lacks something
            listener_rows.next_entry(session, owner.composed_for)

    def segment(self, listener_id: uuid.UUID) -> Segment:
        """The listener's own file."""
        return Segment(self.folder / f"{listener_id}.jsonl")

    def segments(self) -> list[Segment]:
        """Every listener's file."""
        return [Segment(path) for path in sorted(self.folder.glob("*.jsonl"))]

    def pool_clips(self) -> Iterator[dict[str, Any]]:
        """Every clip of the pool that was written down; raises ``ValueError`` for a file that is damaged."""
        for path in sorted(self._clips.glob("*.json")):
            try:
                yield json.loads(path.read_bytes())
            except ValueError as error:
                raise ValueError(f"{path} is damaged ({error}); delete it, and offers of this clip stay away") from None

    def _keep_pool_clips(self, session: Session, offers: list[dict[str, Any]]) -> None:
        named = {uuid.UUID(row[side]) for row in offers for side in ("left_clip", "right_clip")}
        lacking = {clip_id for clip_id in named if not self._clip_path(clip_id).exists()}
        of_all = select(Clip.id).where(Clip.id.in_(lacking), Clip.composed_for.is_(None))
        for clip_id in session.scalars(of_all) if lacking else ():
            self._write_clip(session, clip_id)

    def _write_clip(self, session: Session, clip_id: uuid.UUID) -> None:
        (row,) = export.clips_named(session, [clip_id])
        path = self._clip_path(clip_id)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clips.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            with draft.open("wb") as file:
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)

    def _clip_path(self, clip_id: uuid.UUID) -> Path:
        return self._clips / f"{clip_id}.json"

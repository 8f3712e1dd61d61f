"""``kallos backup FILE`` and ``kallos restore FILE``: the rows, the sound of studies, the secret, who was deleted.

Taken while Kallos runs, at one moment; brought back into an empty database, by this version or a newer one. A study's
clips are kept as they sound, since some were brought; other sound is rendered again from the notes, and the journal is
told again by each listener's next vote.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from db import migrate
from db.queries import copying, listening_studies
from models.music.files import OWNER, replacing
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.clip_store import ClipMissingError
from webapp.runtime.commands import VERSION, commit
from webapp.runtime.errors import UnknownListenerError
from webapp.studies import deletion as study_deletion

log = logging.getLogger(__name__)

FORM = 1
ABOUT, SECRET, DELETED, TABLE, SOUNDS = "backup.json", "secret", "deleted", "tables/{}", "sounds/"
STUDY_CLIPS = "study_clips"
PIECE = 1 << 20


class NotABackupError(ValueError):
    """The file can't be restored, or not here."""


@dataclass(frozen=True)
class BackedUp:
    """How many rows there were, and how many listeners were deleted again."""

    rows: int
    listeners: int
    deleted: int = 0


def backup(context: Context, path: Path) -> BackedUp:
    """Write everything to ``path``, a zip that only its owner can read; raises ``OSError``."""
    engine = context.database.open()
    revision = migrate.current_revision(engine)
    if revision is None:
        raise NotABackupError("the database is empty: there is nothing to back up")
    counts: dict[str, int] = {}
    with (
        replacing(path, mode=OWNER) as draft,
        draft.open("wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
        copying.snapshot(engine) as now,
    ):
        for table in now.tables:
            with packed.open(TABLE.format(table), "w", force_zip64=True) as part:
                counts[table] = 0
                for some in now.rows(table):
                    part.write(some)
                    counts[table] += some.count(b"\n")
        sounds = _pack_sounds(context, packed) if STUDY_CLIPS in now.tables else 0  # there were no studies once
        packed.writestr(SECRET, "\n".join(context.settings.signing_secrets))
        packed.writestr(DELETED, "\n".join(sorted(context.journal.tombstones.read())))
        about = {
            "kallos_backup": FORM,
            "revision": revision,
            "tables": now.tables,
            "rows": counts,
            "sounds": sounds,
            "version": VERSION,
            "commit": commit(),
            "made_at": datetime.now(UTC).isoformat(),
        }
        packed.writestr(ABOUT, json.dumps(about, indent=1))
    return BackedUp(sum(counts.values()), counts.get("listeners", 0))


def restore(context: Context, path: Path) -> BackedUp:
    """Fill the empty database from ``path``, and delete again whoever was deleted since, as far as is known here.

    Raises ``NotABackupError`` for another file, a newer one, one that is damaged, or a database that holds something.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            about = _about(packed)
            engine = context.database.open()
            _require_empty(engine)
            migrate.upgrade(engine)
            migrate.downgrade(engine, "base")
            migrate.upgrade(engine, about["revision"])
            counts = copying.fill(engine, about["tables"], _parts(packed, about["tables"]))
            _require_all(counts, about["rows"])
            _unpack_sounds(context, packed, about.get("sounds", 0))
            migrate.upgrade(engine)
            _keep_secrets(context, packed.read(SECRET).decode("ascii").split())
            context.journal.tombstones.add_all(packed.read(DELETED).decode("ascii").split())
    except NotABackupError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, DatabaseError) as error:
        raise NotABackupError(f"{path} is no backup, or a damaged one ({str(error).splitlines()[0]})") from error
    study_deletion.delete_again(context.database, context.clip_store, context.journal)
    gone = context.journal.deleted_among(copying.all_listeners(engine))
    for listener_id in gone:
        with suppress(UnknownListenerError):
            accounts.delete(context.records, listener_id)
    return BackedUp(sum(counts.values()), counts.get("listeners", 0) - len(gone), len(gone))


def _require_empty(engine: Engine) -> None:
    if copying.anything_in(engine):
        raise NotABackupError(
            "this database holds listeners, clips or studies; stop Kallos and name a new one in KALLOS_DATABASE_URL, "
            "or move KALLOS_HOME/pg away"
        )


def _require_all(counts: dict[str, int], told: dict[str, int]) -> None:
    if counts != told:
        raise NotABackupError("the backup has not all the rows that it tells of")


def _pack_sounds(context: Context, packed: zipfile.ZipFile) -> int:
    """Write the sound of all studies' clips; how many files. What the store has lost is said in the log."""
    there = 0
    for key in context.database.transaction(listening_studies.sound_keys):
        try:
            data = context.clip_store.get(key)
        except ClipMissingError:
            log.warning("backup_lacks_sound key=%s", key)
            continue
        packed.writestr(f"{SOUNDS}{key}", data, zipfile.ZIP_STORED)
        there += 1
    return there


def _unpack_sounds(context: Context, packed: zipfile.ZipFile, told: int) -> None:
    names = [name for name in packed.namelist() if name.startswith(SOUNDS)]
    for name in names:
        key = name.removeprefix(SOUNDS)
        suffix = key.rpartition("/")[2].lstrip("0123456789abcdef")  # behind the hash
        if context.clip_store.put(packed.read(name), suffix).key != key:
            raise NotABackupError(f"the sound {key} of the backup is damaged")
    if len(names) != told:
        raise NotABackupError("the backup has not all the sound that it tells of")


def _about(packed: zipfile.ZipFile) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(packed.read(ABOUT))
    if about["kallos_backup"] != FORM or not migrate.is_known(about["revision"]):
        raise NotABackupError(
            f"this backup was made by a newer Kallos ({about.get('version')}); restore it with that one"
        )
    return about


def _parts(packed: zipfile.ZipFile, tables: dict[str, list[str]]) -> Iterator[tuple[str, Iterator[bytes]]]:
    for table in tables:
        with packed.open(TABLE.format(table)) as part:
            yield table, iter(lambda part=part: part.read(PIECE), b"")  # type: ignore[misc]


def _keep_secrets(context: Context, given: list[str]) -> None:
    """Let tokens of the backup be read here: its secrets stand behind this installation's own."""
    settings = context.settings
    path = settings.home / "secret"
    if not settings.secret:
        own = path.read_text(encoding="ascii").split() if path.exists() else []
        with replacing(path, mode=OWNER) as part:
            part.write_text("\n".join(dict.fromkeys([*own, *given])), encoding="ascii")

"""Listeners' data: one listener's, and everybody's from the journal."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from contextlib import closing
from pathlib import Path

from webapp.commands import Commands
from webapp.runtime.settings import Settings


def add_listener(commands: Commands) -> None:
    """Add ``kallos listener export|import|delete``."""
    listener = commands.add_parser("listener", help="export, import or delete one listener's data")
    actions = listener.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="everything about a listener, as JSON, or as a zip with CSV and MIDI")
    export.add_argument("id", type=uuid.UUID)
    export.add_argument("--out", type=Path, help="a file, .json or .zip; JSON on standard output where none is given")
    restore = actions.add_parser("import", help="bring an exported listener back, from either form")
    restore.add_argument("file", type=Path)
    restore.add_argument(
        "--trusted", action="store_true", help="let votes count in studies though this installation did not write them"
    )
    delete = actions.add_parser("delete", help="forget all of a listener, with the clips composed only for them")
    delete.add_argument("id", type=uuid.UUID)
    listener.set_defaults(run=_listener)


def _listener(given: argparse.Namespace, settings: Settings) -> int:
    from db.queries.restore import NotAnExportError
    from webapp.context import Context
    from webapp.listeners import accounts, archive, restore
    from webapp.runtime.errors import UnknownListenerError

    try:
        with closing(Context(settings)) as context:
            if given.action == "import":
                file = given.file.read_bytes()
                data = archive.unpack(file)
                trusted = given.trusted or archive.is_ours(data, context.identity)
                back = restore.restore(context.database, context.journal, data, trusted=trusted)
                archive.put_pictures(file, data, context.clip_store)
                print(f"listener {back.listener_id}: {back.offers} offers with {back.votes} votes")
                if not trusted:
                    print("this installation did not write this file: its votes stand in no study (see --trusted)")
                if back.missing:
                    print(f"{back.missing} offers stay away: their clips are not in this installation", file=sys.stderr)
            elif given.action == "delete":
                accounts.delete(context.records, given.id)
                print(f"forgotten: {given.id}")
            else:
                data = archive.signed(archive.export(context.database, given.id), context.identity)
                if given.out and given.out.suffix == ".zip":
                    given.out.write_bytes(
                        archive.pack(data, context.clip_store, archive.kept_by(settings.home, given.id))
                    )
                elif given.out:
                    given.out.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
                else:
                    print(json.dumps(data, ensure_ascii=False, indent=1))
    except UnknownListenerError:
        print(f"there is no listener {given.id}, or no longer", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        return 1
    except NotAnExportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def add_journal(commands: Commands) -> None:
    """Add ``kallos journal rebuild``."""
    journal = commands.add_parser("journal", help="fill an empty database from the journal of votes")
    journal.add_argument("action", choices=["rebuild"], help="fill an empty database from it")
    journal.set_defaults(run=_journal)


def _journal(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 (there is one action)
    from webapp.context import Context
    from webapp.listeners.restore import rebuild
    from webapp.studies import journal as study_journal

    try:
        with closing(Context(settings)) as context:
            result = rebuild(context.database, context.journal, context.spaces)
            studies = study_journal.bring_back(context.database, context.journal, context.clip_store)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{result.listeners} listeners with {result.votes} votes, {result.clips} clips of the pool")
    print(f"{studies.studies} studies with {studies.participants} participants")
    problems = [*result.problems, *studies.problems]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0

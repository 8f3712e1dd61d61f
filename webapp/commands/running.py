"""Kallos itself: the page with all that it needs, or one of its processes alone; its schema, a Space, a backup."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from webapp.commands import Commands
from webapp.runtime.logs import set_up_logging
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import WRONG_SETTING


def add_serve(commands: Commands) -> None:
    """Add ``kallos serve``."""
    serve = commands.add_parser("serve", help="run the page with everything that it needs")
    serve.add_argument("--host", help="where the page listens (KALLOS_HOST)")
    serve.add_argument("--port", type=int, help="0 takes any free port (KALLOS_PORT)")
    serve.add_argument("--open", action="store_true", help="open the page in a browser")
    serve.set_defaults(run=_serve)


def _serve(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.app import serve

    settings.prepare_home()
    set_up_logging(settings.home, "web")
    return serve(settings, open_browser=given.open)


def add_generator(commands: Commands) -> None:
    """Add ``kallos generator``."""
    generator = commands.add_parser("generator", help="run only the generation server")
    generator.add_argument("--host", default="127.0.0.1")
    generator.add_argument("--port", type=int, default=7861)
    generator.add_argument("--device", help="cpu, cuda or auto (KALLOS_DEVICE)")
    generator.add_argument("--ray", action="store_true", help="as replicas of a Ray Serve deployment (kallos[scale])")
    generator.add_argument("--replicas", type=int, metavar="N", help="with --ray: at most so many (one a GPU or core)")
    generator.set_defaults(run=_generator)


def _generator(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.generation.server import serve

    if wrong := _wrong_replicas(given):
        print(wrong, file=sys.stderr)
        return WRONG_SETTING
    settings.prepare_home()
    set_up_logging(settings.home, "generator")
    model, secret = str(settings.style_folder), settings.generator_secret
    if given.ray:
        from webapp.generation.ray_serve import serve_replicas

        return serve_replicas(given.host, given.port, settings.device, model=model, secret=secret, most=given.replicas)
    return serve(given.host, given.port, settings.device, model=model, secret=secret)


def _wrong_replicas(given: argparse.Namespace) -> str:
    """Why there can be no such replicas, in a line; empty where there can."""
    if given.ray and find_spec("ray") is None:
        return "--ray was given, but Ray is not installed: install it with `pip install 'kallos[scale]'`"
    if given.replicas is not None and not given.ray:
        return "--replicas was given without --ray; give both"
    if given.replicas is not None and given.replicas < 1:
        return f"--replicas {given.replicas}: at least one is needed"
    return ""


def add_worker(commands: Commands) -> None:
    """Add ``kallos worker``."""
    worker = commands.add_parser("worker", help="run only the worker, which fills the pool, composes and fits")
    worker.set_defaults(run=_worker)


def _worker(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.worker import run_worker

    settings.prepare_home()
    set_up_logging(settings.home, "worker")
    return run_worker(settings)


def add_db(commands: Commands) -> None:
    """Add ``kallos db upgrade|downgrade|check``."""
    database = commands.add_parser("db", help="upgrade, downgrade or check the database's schema")
    database.add_argument("action", choices=["upgrade", "downgrade", "check"])
    database.add_argument("revision", nargs="?", help="to which; without one, to the newest or one step back")
    database.add_argument("--lose", action="store_true", help="with downgrade: even where it deletes what people gave")
    database.set_defaults(run=_database)


def _database(given: argparse.Namespace, settings: Settings) -> int:
    from alembic.util import CommandError

    from db import migrate
    from webapp.runtime.database import Database

    database = Database(settings)
    try:
        engine = database.open()
        if given.action == "check":
            problems = migrate.check(engine)
            print(*(problems or ["the database has the schema of this version"]), sep="\n")
            return 1 if problems else 0
        if given.action == "upgrade":
            migrate.upgrade(engine, given.revision or "head")
        else:
            if not given.lose and (lost := migrate.losses(engine, given.revision or "-1")):
                named = ", ".join(f"{count} of {name}" for name, count in lost.items())
                print(f"this would delete {named}. Keep a copy (kallos backup FILE), then add --lose", file=sys.stderr)
                return 1
            migrate.downgrade(engine, given.revision or "-1")
        print(f"the database is at {migrate.current_revision(engine) or 'nothing'}")
    except CommandError as error:
        print(f"{given.action} {given.revision}: {error}", file=sys.stderr)
        return 1
    finally:
        database.close()
    return 0


def add_space(commands: Commands) -> None:
    """Add ``kallos space``."""
    space = commands.add_parser("space", help="write a repository that a Hugging Face Space runs as it is")
    space.add_argument("out", type=Path, metavar="DIR", help="a new folder, or one that this command wrote before")
    space.set_defaults(run=_space)


def _space(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.hosting import space

    try:
        size = space.write_space(given.out)
    except (space.NotEmptyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: a Space of {size / 1e6:.0f} MB; see its README.md for what to set")
    return 0


def add_backup_and_restore(commands: Commands) -> None:
    """Add ``kallos backup`` and ``kallos restore``."""
    for name, does in (
        ("backup", "write the database to one file, while Kallos runs"),
        ("restore", "and bring it back"),
    ):
        command = commands.add_parser(name, help=does)
        command.add_argument("file", type=Path)
        command.set_defaults(run=_backup)


def _backup(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.context import Context
    from webapp.hosting import backup

    try:
        with closing(Context(settings)) as context:
            made = (backup.backup if given.command == "backup" else backup.restore)(context, given.file)
    except (backup.NotABackupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    again = f"; {made.deleted} who were deleted since are deleted again" if made.deleted else ""
    print(f"{given.file}: {made.rows} rows of {made.listeners} listeners{again}")
    return 0

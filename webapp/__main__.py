"""The command ``kallos``: serve the page, run one of its parts alone, look after the database and a listener's data.

The commands and what they do are in ``webapp.commands``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from webapp.commands import listeners, music, running, studies
from webapp.runtime import settings as known_settings
from webapp.runtime.settings import SettingError, Settings
from webapp.runtime.supervised_process import WRONG_SETTING, supervised

USES_DATABASE = {"backup", "restore", "serve", "worker", "db", "listener", "study", "journal", "atlas", "report"}


class _Version(argparse.Action):
    """Says which Kallos this is and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from webapp.runtime.commands import VERSION, commit

        at = commit()
        print(f"kallos {VERSION}{f' ({at[:12]})' if at else ''}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    top = argparse.ArgumentParser(prog="kallos", description="Music that learns what a person finds beautiful.")
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and commit")
    commands = top.add_subparsers(dest="command", required=True)
    for add in (
        running.add_serve, running.add_generator, running.add_worker,
        music.add_corpus, listeners.add_listener, music.add_compose, music.add_film, music.add_live, studies.add_study,
        running.add_db, running.add_space, running.add_backup_and_restore, listeners.add_journal,
        music.add_atlas, studies.add_report,
    ):  # fmt: skip
        add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, 2 where a setting can't be used."""
    given = parser().parse_args(arguments)
    changed = {name: getattr(given, name, None) for name in ("host", "port", "device")}
    try:
        settings = known_settings.read({name: value for name, value in changed.items() if value is not None})
        if not supervised():
            for line in known_settings.misspelt(os.environ):
                print(line, file=sys.stderr)
        _check(given.command, settings)
        status: int = given.run(given, settings)
        sys.stdout.flush()
    except SettingError as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    except BrokenPipeError:  # whoever read what is printed, such as ``head``, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _check(command: str, settings: Settings) -> None:
    """Raises ``SettingError`` for a database or a model that can't be used."""
    if settings.database_url and command in USES_DATABASE and not supervised():  # a child waits for it instead
        from webapp.runtime.database import unreachable

        if reason := unreachable(settings.database_url):
            raise SettingError(f"KALLOS_DATABASE_URL: the database does not answer ({reason})")
    if settings.device.startswith("cuda") and command == "serve" and not settings.generator_url:
        _require_cuda(settings.device)
    if settings.model and command not in {"db", "corpus"} and (wrong := _wrong_model(settings)):
        raise SettingError(wrong)


def _require_cuda(device: str) -> None:
    """Raises ``SettingError`` where there is no such device; torch, which the web process does without, is asked."""
    number = int(device.partition(":")[2] or 0)
    asked = f"import sys, torch; sys.exit(torch.cuda.device_count() <= {number})"
    if subprocess.run([sys.executable, "-c", asked], check=False).returncode:  # noqa: S603 (our own program, no shell)
        raise SettingError(f"KALLOS_DEVICE={device}: there is no such device here; leave it out, or set it to cpu")


def _wrong_model(settings: Settings) -> str:
    from webapp.context import Context

    return Context(settings).wrong_model()


if __name__ == "__main__":
    sys.exit(main())

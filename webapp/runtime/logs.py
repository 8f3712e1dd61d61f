"""Logs: one line an event on stderr and in ``KALLOS_HOME/logs``, with ids and never with secrets."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LINE = "%(asctime)s.%(msecs)03d %(levelname)s %(process)d %(name)s %(message)s"
SECRETS = re.compile(
    r"""((?:token|secret|password|authorization)["']?\s*[=:]\s*["']?(?:Bearer\s+)?)[^\s&,"']+"""
    r"""|(?<=://)([^/\s:@]*):[^@/\s]+(?=@)""",
    re.IGNORECASE,
)

AN_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Redacted(logging.Formatter):
    """Formats a line and takes tokens and passwords out of it, whoever wrote them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with every secret replaced."""
        return SECRETS.sub(lambda found: f"{found[1]}…" if found[1] else f"{found[2]}:…", super().format(record))


class PrivateFile(RotatingFileHandler):
    """A log that only its owner can read: it names listeners. Several processes may write to it and rotate it."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT, 0o600))
        return super()._open()

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 (logging's name)
        """Whether the line would make the file too long, the one that is written to now."""
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802 (logging's name)
        """Begin another file, unless somebody else has done so meanwhile."""
        with Path(self.baseFilename).with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._follow():
                super().doRollover()

    def _follow(self) -> bool:
        """Write to the file of this name where another process has put ours aside; whether one had."""
        if self.stream is None:
            return False
        try:
            there = Path(self.baseFilename).stat()
        except FileNotFoundError:
            there = None
        ours = os.fstat(self.stream.fileno())
        if there is not None and os.path.samestat(there, ours):
            return False
        self.stream.close()
        self.stream = self._open()
        return True


def forget_in_logs(home: Path, *ids: str) -> None:
    """Write over these ``ids``, UUIDs, in the log files, the database's too, in place: others go on writing.

    With them go the other ids of their lines, such as that of an offer which was voted on.
    """
    sought = {each.encode() for each in ids}
    for path in [*(home / "logs").glob("*.log*"), *(home / "pg").glob("log*")]:
        try:
            with path.open("r+b") as file:
                begin = 0
                for line in file.read().splitlines(keepends=True):
                    named = list(AN_ID.finditer(line))
                    for found in named if any(each[0] in sought for each in named) else ():
                        file.seek(begin + found.start())
                        file.write(b"-" * len(found[0]))
                    begin += len(line)
        except OSError as error:
            logging.getLogger(__name__).warning("log_not_cleared file=%s error=%s", path.name, error)


def set_up_logging(home: Path, process: str) -> None:
    """Send the log of this process (``web``, ``worker``, ``generator``) to stderr and to its file."""
    folder = home / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for older in folder.glob("*.log*"):
        older.chmod(0o600)
    file = PrivateFile(folder / f"{process}.log", maxBytes=5_000_000, backupCount=3, encoding="utf-8")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), file]
    for handler in handlers:
        handler.setFormatter(Redacted(LINE, datefmt="%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    for chatty in ("httpx", "httpcore", "alembic", "uvicorn.access"):  # an access line would carry link tokens
        logging.getLogger(chatty).setLevel(logging.WARNING)

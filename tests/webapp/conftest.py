"""A whole Kallos in one process: a real Postgres, a real generator with a tiny model, a clip store in a folder."""

from __future__ import annotations

import itertools
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from httpx import Response
from sqlalchemy import text, update
from starlette.testclient import TestClient

from db.queries.clips import add_audio, add_clip, count_pool
from db.tables import Clip
from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import Piece
from models.taste.space import TasteSpace, summary
from webapp.app import create_app
from webapp.backstage import Backstage
from webapp.limits import IMPORTS_A_SECOND, IMPORTS_AT_ONCE, TokenBucket
from webapp.services import composing, listeners, offers, pool, rendering, votes
from webapp.services.composing import content_hash
from webapp.services.house import House
from webapp.settings import Settings

Stock = Callable[..., list[uuid.UUID]]
SETTINGS = "HOME RUNS DATABASE_URL STORE_URL GENERATOR_URL HOST PORT SECRET SOUNDFONT MODEL"


@pytest.fixture(autouse=True)
def no_imports_of_other_tests(monkeypatch) -> None:
    """Files that other tests have brought don't count against the few that may be brought at once."""
    monkeypatch.setattr(listeners, "_imports", TokenBucket(IMPORTS_A_SECOND, IMPORTS_AT_ONCE))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS.split():
        monkeypatch.delenv(f"KALLOS_{name}", raising=False)


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short sound alone, a small search, and seeds whose clips are all playable: other tests look at the rest."""
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (7.0,))
    monkeypatch.setattr(composing, "SEARCHED", 24)
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
    summaries = np.stack([summary(each) for each in tiny_composer.sample_latents("pop", 200, seed=0)])
    attributes = summaries @ random.standard_normal((summaries.shape[1], len(ATTRIBUTES)))
    return TasteSpace.fit(summaries, attributes, tuple(ATTRIBUTES), tiny_composer.version)


@pytest.fixture(scope="session")
def generator_url(tiny_composer) -> Iterator[str]:
    from webapp.generation.engine import Engine
    from webapp.generation.server import create_app as generator_app

    engine = Engine(tiny_composer, slots=4, queue=64)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(generator_app(engine), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    engine.close()


@pytest.fixture
def settings(fresh_database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=fresh_database_url, secret="a secret of the tests")


@pytest.fixture
def alone(settings: Settings) -> Iterator[House]:
    """A house without a generator."""
    house = House(settings)
    yield house
    house.close()


@pytest.fixture
def house(
    settings: Settings, generator_url: str, space: TasteSpace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    monkeypatch.setattr(listeners, "_arrivals", listeners.TokenBucket(1e6, 1e6))
    house = House(settings, generator_url=generator_url, space=space)
    yield house
    house.close()


def scale(number: int) -> Piece:
    """Some notes that no other number has."""
    return Piece(
        notes=np.array([[t * 24, 24, 40 + (number * 7 + t) % 48, 60 + number % 40] for t in range(16)]),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(8)]),
        tempo_bpm=np.full(8, 60.0 + number / 100),
    )


@pytest.fixture
def stock(house: House, tiny_composer) -> Stock:
    """``stock(domain, clips)``: clips that are in the pool as if composed and rendered, without the wait."""
    counter = iter(range(1_000_000))

    def fill(
        domain: str = "pop", clips: int = 16, lengths: tuple[float, ...] = (7.0, 14.0), composed_for=None
    ) -> list[uuid.UUID]:
        latents = tiny_composer.sample_latents(domain, clips, seed=next(counter))
        numbers = [next(counter) for _ in latents]
        sounds = [house.store.put(f"sound {number}".encode(), ".mp3") for number in numbers]

        def add(session) -> list[uuid.UUID]:
            made = []
            for each, number, sound in zip(latents, numbers, sounds, strict=True):
                piece = scale(number)
                clip_id, _ = add_clip(
                    session,
                    domain=domain,
                    notes=piece.to_json(),
                    recipe={},
                    latents=each.to_json(),
                    summary=summary(each),
                    model_version=house.space.version,
                    content_hash=content_hash(piece),
                    composed_for=composed_for,
                )
                for seconds in lengths:
                    add_audio(
                        session, clip_id, seconds=seconds, sha256=sound.sha256, uri=sound.key,
                        size_bytes=sound.size, lufs=-18.0, true_peak_db=-1.5,
                    )  # fmt: skip
                made.append(clip_id)
            return made

        return house.database.transaction(add)

    return fill


@pytest.fixture
def retire(house: House) -> Callable[[uuid.UUID], None]:
    def change(clip_id: uuid.UUID) -> None:
        house.database.transaction(
            lambda session: session.execute(update(Clip).where(Clip.id == clip_id).values(retired=True))
        )

    return change


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(create_app(backstage=Backstage(house, children=False), pages=False)) as client:
        assert client.app.state.backstage.ready.wait(60)
        yield client


@pytest.fixture
def visitor(client: TestClient) -> Callable[[], TestClient]:
    """``visitor()``: one more browser that nobody knows yet."""
    return lambda: TestClient(client.app)


@pytest.fixture
def tables() -> Callable[[House], dict[str, list[str]]]:
    """``tables(house)``: every row of every table but the queue as text, in order; not when a head was saved."""

    def rows(house: House) -> dict[str, list[str]]:
        def read(session):
            names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
            columns = {"heads": "updated_at", "studies": "created_at"}  # the default study is the migration's
            return {
                name: session.scalars(
                    text(f"""SELECT (to_jsonb(t) - '{columns.get(name, "")}')::text FROM "{name}" t ORDER BY 1""")
                ).all()
                for name in sorted({*names} - {"jobs"})
            }

        return house.database.transaction(read)

    return rows


@pytest.fixture
def live(house: House, stock: Stock) -> Callable[..., uuid.UUID]:
    """``live(picks)``: a listener with votes of every kind, a head, and clips composed for them among the pairs."""

    def make(picks: int = 5, outcomes: Sequence[str] = ("left", "right", "equal", "neither", "skipped")) -> uuid.UUID:
        if house.database.transaction(lambda s: count_pool(s, domain="pop")) < 12:
            stock("pop", 16)
        listener = listeners.create(house)

        def vote(outcome: str) -> None:
            votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], outcome, (2000, 2100))

        for number in range(picks):
            vote(outcomes[number % len(outcomes)])
        own = stock("pop", 3, composed_for=listener)
        house.database.transaction(lambda session: house.journal.append(session, listener, clips=own))
        vote("right")
        return listener

    return make


@pytest.fixture
def another_house(
    make_database, migrated_template: str, generator_url: str, space: TasteSpace, tmp_path_factory
) -> Iterator[Callable[..., House]]:
    """``another_house(home=…)``: another installation, with an empty database of its own."""
    made: list[House] = []

    def make(home: Path | None = None, *, migrated: bool = True) -> House:
        url = make_database(template=migrated_template) if migrated else make_database()
        settings = Settings(home=home or tmp_path_factory.mktemp("elsewhere"), database_url=url, secret="another")
        made.append(House(settings, generator_url=generator_url, space=space))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
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

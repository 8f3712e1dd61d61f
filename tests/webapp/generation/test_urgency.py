from __future__ import annotations

import asyncio

import pytest

from webapp.generation import server
from webapp.generation.remote import BACKGROUND
from webapp.generation.server import ByUrgency
from webapp.runtime.supervised_process import LOWEST, SESSION_NICENESS

HEADERS = [(name.lower().encode(), value.encode()) for name, value in BACKGROUND.items()]


@pytest.fixture
def given(monkeypatch) -> list[int]:
    """The nice values that the session was given."""
    values: list[int] = []
    monkeypatch.setattr(server, "lower_session", lambda _, value: values.append(value) or True)
    return values


def request(app: ByUrgency, headers=(), path="/v1/drafts"):
    return app({"type": "http", "path": path, "headers": list(headers)}, None, None)


def test_what_nobody_waits_for_has_the_lowest_priority_until_something_else_is_asked_for(given):
    async def story():
        ends = {name: asyncio.Event() for name in ("drafts", "clip")}

        async def answer(scope, *_):
            await ends["drafts" if scope["headers"] else "clip"].wait()

        app = ByUrgency(answer)
        drafts = asyncio.ensure_future(request(app, HEADERS))
        await asyncio.sleep(0)
        assert given == [LOWEST]
        clip = asyncio.ensure_future(request(app, path="/v1/generate"))
        await asyncio.sleep(0)
        assert given == [LOWEST, SESSION_NICENESS]
        ends["clip"].set()
        await clip
        assert given == [LOWEST, SESSION_NICENESS, LOWEST]
        ends["drafts"].set()
        await drafts
        assert given == [LOWEST, SESSION_NICENESS, LOWEST, SESSION_NICENESS]

    asyncio.run(story())


def test_a_look_at_its_health_leaves_the_priority_as_it_is(given):
    async def answer(*_):
        pass

    asyncio.run(request(ByUrgency(answer), path="/healthz"))
    assert given == []


def test_a_change_that_is_refused_is_made_a_little_later(monkeypatch):
    answers, values = iter([True, False, True]), []
    monkeypatch.setattr(server, "lower_session", lambda _, value: values.append(value) or next(answers))
    monkeypatch.setattr(server, "AGAIN_SECONDS", 0.0)

    async def answer(*_):
        pass

    async def story():
        await request(ByUrgency(answer), HEADERS)
        while len(values) < 3:
            await asyncio.sleep(0)

    asyncio.run(story())
    assert values == [LOWEST, SESSION_NICENESS, SESSION_NICENESS]

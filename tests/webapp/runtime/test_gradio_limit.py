from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webapp.runtime import limits
from webapp.runtime.limits import BODY_BYTES, PREFIX, Buckets, GradioLimit

UPLOADS = "/home/cache"
FILE = {"meta": {"_type": "gradio.FileData"}}


async def answer(request: Request) -> JSONResponse:
    return JSONResponse({"size": len(await request.body())})


@pytest.fixture
def client() -> Callable[..., TestClient]:
    """``client(waiting)``: a browser of an address, of which so many events wait."""

    def make(waiting: int = 0) -> TestClient:
        app = Starlette(routes=[Route(PREFIX + "{rest:path}", answer, methods=["GET", "POST"])])
        app.add_middleware(GradioLimit, folder=Path(UPLOADS))
        event = SimpleNamespace(request=SimpleNamespace(client=SimpleNamespace(host="203.0.113.7")))
        lanes = {"one": SimpleNamespace(queue=[event] * waiting)}
        queue = SimpleNamespace(pending_messages_per_session={"known": None}, event_queue_per_concurrency_id=lanes)
        app.state.site = SimpleNamespace(_queue=queue)
        return TestClient(app, client=("203.0.113.7", 1))

    return make


@pytest.mark.parametrize("where", ["queue/join", "call/import", "call/v2/import", "run/predict", "api/film"])
def test_a_file_of_another_site_or_place_is_refused_wherever_it_stands(client, where):
    for path in ("http://127.0.0.1:9/x", " HTTPS://example.org/x", "//example.org/x", "ftp://example.org/x"):
        for data in ([{"path": path, **FILE}], {"a": [[{"path": path, "url": None}]]}):
            refused = client().post(PREFIX + where, json={"data": data, "session_hash": "known"})
            assert (refused.status_code, "upload the file" in refused.json()["error"]) == (422, True)
    for path in ("/etc/passwd", f"{UPLOADS}/../secret", f"{UPLOADS}2/a.mid"):
        assert client().post(PREFIX + where, json={"data": [{"path": path, **FILE}]}).status_code == 422
    own = {"path": f"{UPLOADS}/a.mid", "url": f"http://here/gradio_api/file={UPLOADS}/a.mid", **FILE}
    assert client().post(PREFIX + where, json={"data": [own, path]}).status_code == 200


def test_an_argument_of_a_tool_is_no_address(client):
    def ask(value):
        return client().post(PREFIX + "mcp/", json={"params": {"arguments": {"file": value}, "from": "http://client"}})

    assert [ask(each).status_code for each in ("http://x", {"url": "http://x"}, ["http://x"], "a tune")] == [
        *([422] * 3),
        200,
    ]


def test_calls_are_small_and_large_events_come_slowly(client, monkeypatch):
    monkeypatch.setattr(limits, "Buckets", lambda *_: Buckets(0.001, 3))
    large, page = b'"' + b"x" * BODY_BYTES + b'"', client()
    assert page.post(PREFIX + "call/vote", content=large).status_code == 413
    assert [page.post(PREFIX + "queue/join", content=large).status_code for _ in range(3)] == [200, 200, 429]


def test_one_address_has_only_so_much_in_the_queue(client):
    assert client(limits.MOST_EVENTS_OF_ONE - 1).post(PREFIX + "queue/join", json={}).status_code == 200
    full = client(limits.MOST_EVENTS_OF_ONE)
    assert full.post(PREFIX + "queue/join", json={}).status_code == 429
    other = TestClient(full.app, client=("198.51.100.1", 1))
    assert other.post(PREFIX + "queue/join", json={}).status_code == 200


def test_what_no_page_uses_is_closed(client):
    for name in ("process_recording", "vibe-edit/", "proxy=http://x", "component_server", "dev/reload"):
        assert client().post(PREFIX + name).status_code == 404


def test_a_session_that_nobody_opened_is_told_so_in_a_line(client):
    told = client().get(PREFIX + "queue/data?session_hash=x")
    assert (told.status_code, '"session_not_found": true' in told.text) == (200, True)
    assert client().get(PREFIX + "queue/data?session_hash=known").json() == {"size": 0}

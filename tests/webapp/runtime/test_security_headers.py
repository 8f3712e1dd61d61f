from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webapp.runtime.identity import SecurityHeaders

OWN = {"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer"}


async def answer(request: Request) -> PlainTextResponse:
    headers = {"/card/key": OWN, "/clip": {"Cache-Control": "private, immutable"}}.get(request.url.path, {})
    if request.url.path == "/api/offers":
        headers = {"Set-Cookie": "kallos_listener=token", "Cache-Control": "private"}
    return PlainTextResponse("", headers=headers)


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    app.add_middleware(SecurityHeaders, frame_ancestors="'self' https://studies.example")
    return TestClient(app)


def test_every_answer_names_what_may_run_and_who_may_frame_it(client):
    for path in ("/", "/api/listener", "/gradio_api/queue/join", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "object-src 'none'" in policy
        assert policy.endswith("frame-ancestors 'self' https://studies.example")
        assert "http:" not in policy


def test_what_an_answer_says_itself_stays(client):
    headers = client.get("/card/key").headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors")


def test_what_carries_a_token_is_never_stored(client):
    for path in ("/api/listener", "/api/listener/link", "/api/offers", "/gradio_api/queue/data"):
        assert client.get(path).headers["cache-control"] == "no-store", path
    assert client.get("/clip").headers["cache-control"] == "private, immutable"

"""The browser hears that its stream was closed before it hears that its next event was taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.context import LocalContext

from webapp.runtime.waiting import somebody_waits
from webapp.ui import site, waits
from webapp.ui.site import JOIN, STREAM, StreamOrder

CLOSING = b'data: {"msg":"close_stream"}\n\n'


async def gradio(scope, receive, send):
    """Closes every stream at once, and takes every event."""
    if scope["path"].endswith(JOIN):
        await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": CLOSING if scope["path"].endswith(STREAM) else b"{}"})


async def ask(app, path: str, query: bytes = b"", body: bytes = b"") -> bytes:
    answered = bytearray()

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        answered.extend(message.get("body", b""))

    await app({"type": "http", "path": path, "query_string": query}, receive, send)
    return bytes(answered)


@pytest.fixture
def waited(monkeypatch) -> Callable[[bytes], list[float]]:
    """``waited(body)``: a stream of "mine" is closed, and this joins; the seconds that it is let wait, if it is."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    async def join(body: bytes) -> None:
        app = StreamOrder(gradio)
        assert await ask(app, STREAM, b"session_hash=mine") == CLOSING
        assert await ask(app, JOIN, body=body) == b"{}"

    def wait(body: bytes) -> list[float]:
        asyncio.run(join(body))
        return found

    monkeypatch.setattr(site, "APART_S", 1000.0)
    # its own alone: other threads of these tests sleep as well
    monkeypatch.setattr(site, "asyncio", SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop))
    return wait


def test_an_event_that_comes_as_the_stream_closes_is_taken_a_moment_later(waited):
    assert waited(json.dumps({"session_hash": "mine"}).encode()) == [pytest.approx(1000, abs=100)]


@pytest.mark.parametrize("body", [json.dumps({"session_hash": "another"}).encode(), b"[]", b"no json", b"\xff"])
def test_nobody_else_waits(waited, body) -> None:
    assert waited(body) == []


def test_who_called_an_endpoint_and_leaves_is_waited_for_no_more():
    left = []

    async def leaves(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"
        left.append(not somebody_waits())

    async def gone():
        return {"type": "http.disconnect"}

    async def call():
        scope = {"type": "http", "method": "GET", "path": "/gradio_api/call/swap/an-event", "query_string": b""}
        await StreamOrder(leaves)(scope, gone, None)

    request = LocalContext.request.set(gr.Request(client=None, session_hash="an-event"))
    try:
        with waits.heeded():
            asyncio.run(call())
    finally:
        LocalContext.request.reset(request)
    assert left == [True]

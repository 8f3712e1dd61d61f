"""The browser hears that its stream was closed before it hears that its next event was taken."""

from __future__ import annotations

import asyncio
import json
import time

import gradio as gr
from gradio.context import LocalContext

from webapp.runtime.waiting import somebody_waits
from webapp.ui import waits
from webapp.ui.site import APART_S, JOIN, STREAM, StreamOrder

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


async def seconds_to_join(closed: str, joined: bytes) -> float:
    app = StreamOrder(gradio)
    assert await ask(app, STREAM, f"session_hash={closed}".encode()) == CLOSING
    begun = time.perf_counter()
    assert await ask(app, JOIN, body=joined) == b"{}"
    return time.perf_counter() - begun


def test_an_event_that_comes_as_the_stream_closes_is_taken_a_moment_later():
    assert asyncio.run(seconds_to_join("mine", json.dumps({"session_hash": "mine"}).encode())) > 0.8 * APART_S


def test_nobody_else_waits() -> None:
    for body in (json.dumps({"session_hash": "another"}).encode(), b"[]", b"no json", b"\xff"):
        assert asyncio.run(seconds_to_join("mine", body)) < 0.8 * APART_S


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

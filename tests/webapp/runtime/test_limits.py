from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webapp.runtime import limits
from webapp.runtime.limits import BODY_BYTES, EVENT_BYTES, BodyLimit, Buckets, TokenBucket, network_of


async def size(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def client() -> TestClient:
    paths = ("/api/size", "/gradio_api/queue/join")
    app = Starlette(routes=[Route(path, size, methods=["POST"]) for path in paths])
    app.add_middleware(BodyLimit)
    return TestClient(app, raise_server_exceptions=False)


def test_a_body_up_to_the_limit_arrives_whole(client):
    assert client.post("/api/size", content=b"x" * BODY_BYTES).text == str(BODY_BYTES)


def test_a_larger_body_is_refused_with_what_is_allowed(client):
    refused = client.post("/api/size", content=b"x" * (BODY_BYTES + 1))
    assert refused.status_code == 413
    assert str(BODY_BYTES) in refused.json()["error"]


def test_a_stream_that_does_not_say_its_size_is_cut_off(client):
    assert client.post("/api/size", content=iter([b"x" * BODY_BYTES, b"x"])).status_code >= 400


def test_the_events_of_pages_have_a_limit_of_their_own(client):
    assert client.post("/gradio_api/queue/join", content=b"x" * EVENT_BYTES).status_code == 200
    assert client.post("/gradio_api/queue/join", content=b"x" * (EVENT_BYTES + 1)).status_code == 413


def test_a_bucket_lets_a_burst_through_and_then_the_long_run(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    bucket = TokenBucket(a_second=2.0, at_once=3.0)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_every_address_has_a_bucket_of_its_own_and_ipv6_counts_by_customer(monkeypatch):
    buckets = Buckets(0.001, 2, most=3)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")
    for other in "cde":  # which push the oldest out
        buckets.take(other)
    assert buckets.take("a")


def test_what_limits_are_counted_by() -> None:
    for address, network in (
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, "nobody"),
    ):
        assert network_of(address) == network

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from webapp.api import health
from webapp.app import create_app
from webapp.supervision import Supervision

KEY = "a key of the tests"


@pytest.fixture
def operated(context, stock, monkeypatch):
    """A client of an application with a key for its metrics."""
    monkeypatch.setattr(health, "PATIENCE_S", 60.0)  # a busy machine is no database that hangs
    stock(clips=8)
    context.settings = context.settings.model_copy(update={"metrics_key": KEY})
    app = create_app(supervision=Supervision(context, children=False), pages=False)
    with TestClient(app, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert app.state.supervision.ready.wait(60)
        yield client


def metrics(client, key=KEY):
    return client.get("/metrics", headers={"Authorization": f"Bearer {key}"})


@pytest.mark.slow
def test_requests_are_counted_by_their_route_and_nobody_is_named(operated, vote):
    listener = operated.get("/api/listener").json()
    offer = operated.get("/api/offers").json()[0]["offer_id"]
    vote(operated, offer)
    vote(operated, offer, "right")
    operated.get(f"/nowhere/{offer}")
    text = metrics(operated).text
    route = 'method="POST",route="/api/offers/{offer_id}/vote"'
    assert f'kallos_http_requests_total{{{route},status="200"}} 1.0' in text
    assert f'kallos_http_requests_total{{{route},status="409"}} 1.0' in text
    assert f"kallos_http_seconds_count{{{route}}} 2.0" in text
    assert re.search(r'kallos_pool_clips{domain="pop"} 8', text)
    assert offer not in text
    assert listener["listener_token"] not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_a_stranger_finds_no_metrics(operated):
    for key in ["", "another", KEY + "x", "ü"]:
        headers = {"Authorization": f"Bearer {key}".encode()}
        assert operated.get("/metrics", headers=headers).status_code == 404


@pytest.mark.slow
def test_without_a_key_there_are_no_metrics_for_anybody(client):
    assert metrics(client, "").status_code == 404
    assert client.get("/metrics").status_code == 404


@pytest.mark.slow
def test_the_status_page_says_how_each_part_is_and_tells_no_secret(operated, context):
    page = operated.get("/status", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "8 pop" in page.text
    for secret in (KEY, context.generation.url, context.settings.secret, context.settings.database_url):
        assert secret not in page.text


def test_a_full_disk_is_said_and_nothing_is_said_to_work(operated, monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE", 2**60)
    page = operated.get("/status")
    assert page.status_code == 503
    assert "There is no room left" in page.text
    assert "is full" in page.text
    assert operated.get("/healthz").json()["status"] == "full"


def test_a_model_of_which_no_clip_can_be_used_is_said_to_be_the_cause():
    report = {
        "status": "starting", "database": "ok", "generator": {"status": "ok"}, "pool": {"pop": 0}, "version": "1",
        "commit": None, "thrown_away": {"composed": 92, "thrown": 92, "share": 1.0, "reasons": {"silent": 92}},
    }  # fmt: skip
    assert "All 92 clips that were composed so far could not be used: silent." in health.show(report)
    report["thrown_away"]["thrown"] = 90
    assert "could not be used" not in health.show(report)


def test_the_status_page_tells_what_is_not_kept_yet():
    report = {
        "status": "degraded",
        "database": "ok",
        "generator": {"status": "down", "error": "<script>"},
        "pool": {"pop": 3},
        "version": "1",
        "commit": None,
    }
    page = health.show(report, (2, 7.2))
    assert "all but those of the last 7 seconds" in page
    assert "does not answer" in page
    assert "<script>" not in page

"""A wrong address: a page for a browser, JSON for a program."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.testclient import TestClient

from webapp.api.health import NotFoundPage

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(NotFoundPage)
    app.get("/there", response_class=PlainTextResponse)(lambda: "here")
    return TestClient(app)


def test_a_browser_is_shown_the_way_back(client):
    answer = client.get("/nowhere/at/all", headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert '<a href="/">' in answer.text
    assert client.head("/nowhere", headers=BROWSER).content == b""


def test_programs_the_interface_and_what_is_there_are_answered_as_before(client):
    for path, headers in (("/nowhere", {}), ("/nowhere", {"accept": "application/json"}), ("/api/nothing", BROWSER)):
        assert client.get(path, headers=headers).json() == {"detail": "Not Found"}
    assert client.get("/there", headers=BROWSER).text == "here"
    assert client.post("/nowhere", headers=BROWSER).json() == {"detail": "Not Found"}

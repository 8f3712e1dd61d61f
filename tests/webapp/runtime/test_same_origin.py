from __future__ import annotations

from itertools import product

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webapp.runtime.identity import COOKIE, SameOrigin

EVIL = "https://evil.example"
CHANGING = ("POST", "PATCH", "PUT", "DELETE")


async def done(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done", headers={"Access-Control-Allow-Origin": EVIL, "X-Else": "kept"})


@pytest.fixture
def browser() -> TestClient:
    """Somebody with a listener's cookie."""
    app = Starlette(routes=[Route("/{path:path}", done, methods=["GET", "OPTIONS", *CHANGING])])
    app.add_middleware(SameOrigin)
    return TestClient(app, base_url="https://kallos.example", cookies={COOKIE: "a token"})


def test_another_site_changes_nothing_with_somebodys_cookie(browser):
    for headers in (
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "https://kallos.example.evil.example"},
        {"Origin": "https://kallos.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
        {"Authorization": "Basic YTpi", "Origin": EVIL},
    ):
        for method, path in product(CHANGING, ("/api/listener", "/gradio_api/queue/join", "/gradio_api/upload")):
            answer = browser.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "another_site"), (method, path)


def test_the_sites_own_pages_and_who_has_a_token_may_change_something(browser):
    for headers in (
        {"Origin": "https://kallos.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://kallos.example"},
        {"Origin": "https://outside.example", "X-Forwarded-Host": "outside.example, inner"},
        {"Authorization": "Bearer token"},
    ):
        assert browser.post("/api/listener", headers=headers).status_code == 200


def test_a_program_without_a_cookie_may_ask_as_nobody(browser):
    browser.cookies.clear()
    assert browser.post("/gradio_api/queue/join").status_code == 200
    assert browser.post("/gradio_api/queue/join", headers={"Origin": EVIL}).status_code == 403


def test_no_other_site_is_given_leave(browser):
    for path in ("/api/listener", "/api/nowhere", "/gradio_api/queue/join", "/"):
        asked = {
            "Origin": EVIL,
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization",
        }
        leave = browser.options(path, headers=asked)
        read = browser.get(path, headers={"Origin": EVIL})
        assert leave.status_code == 204
        assert not [name for answer in (leave, read) for name in answer.headers if name.startswith("access-control")]
        assert (read.status_code, read.headers["x-else"]) == (200, "kept")

"""Below a path of a proxy's: routes, mounted parts and addresses are what they are without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from webapp.runtime import identity
from webapp.runtime.middleware import BehindProxies, BelowRootPath
from webapp.runtime.settings import Settings

PROXY, STRANGER = "127.0.0.1", "203.0.113.7"


def told(request: Request) -> JSONResponse:
    answer = JSONResponse({"url": str(request.url), "client": request.client and request.client.host})
    identity.set_cookie(request, answer, "token")
    return answer


@pytest.fixture
def client() -> Callable[..., TestClient]:
    """``client(peer, root_path)``: whoever connects directly, and the setting."""

    def make(peer: str = PROXY, root_path: str = "") -> TestClient:
        app = Starlette(routes=[Route("/", told), Route("/api/x", told), Mount("/static", routes=[Route("/y", told)])])
        app.add_middleware(BelowRootPath)
        app.add_middleware(BehindProxies, trusted="127.0.0.1", root_path=root_path)
        return TestClient(app, base_url="http://inside", client=(peer, 1), follow_redirects=False)

    return make


@pytest.mark.parametrize("left", [False, True], ids=["taken off", "left"])
@pytest.mark.parametrize("setting", [False, True], ids=["by header", "by setting"])
def test_every_address_is_below_the_path(client, left: bool, setting: bool) -> None:
    page = client(root_path="/a/kallos") if setting else client()
    headers = {} if setting else {"X-Forwarded-Prefix": "/a/kallos/"}
    headers |= {"X-Forwarded-Host": "out.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    for path in ("/", "/api/x", "/static/y"):
        answer = page.get(f"/a/kallos{path}" if left else path, headers=headers)
        assert answer.json() == {"url": f"https://out.example/a/kallos{path}", "client": "198.51.100.1"}
        assert "Path=/a/kallos;" in answer.headers["set-cookie"]


def test_the_path_itself_leads_to_the_first_page(client) -> None:
    answer = client(root_path="/kallos").get("/kallos?x=1")
    assert (answer.status_code, answer.headers["location"]) == (307, "/kallos/?x=1")


def test_what_is_no_path_is_none(client) -> None:
    for prefix in ("https://evil.example", "//evil.example", '/a"b', "/a/../b?", "/a b", "kallos"):
        assert client().get("/", headers={"X-Forwarded-Prefix": prefix}).json()["url"] == "http://inside/"


def test_only_a_trusted_proxy_says_the_path_and_the_setting_wins(client) -> None:
    headers = {"X-Forwarded-Prefix": "/evil"}
    answer = client(STRANGER).get("/", headers=headers)
    assert (answer.json()["url"], "Path=/;" in answer.headers["set-cookie"]) == ("http://inside/", True)
    assert client(STRANGER, "/kallos").get("/", headers=headers).json()["url"] == "http://inside/kallos/"


def test_a_setting_that_is_no_path_is_refused() -> None:
    assert Settings(root_path="/kallos/").root_path == "/kallos"
    for given in ("kallos", "https://example.org/kallos", "/a b"):
        with pytest.raises(ValidationError, match="such as /kallos"):
            Settings(root_path=given)

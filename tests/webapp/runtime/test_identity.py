from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response

from webapp.runtime import identity
from webapp.runtime.identity import COOKIE, Identity


def request(scheme: str = "http", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "scheme": scheme, "path": "/", "query_string": b"", "headers": raw, "server": ("h", 80)}
    )


def test_a_token_names_its_listener_and_no_other() -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    signer = Identity("secret")
    claim = signer.read(signer.token(one))
    assert claim is not None
    assert claim.listener_id == one != two
    assert not claim.by_link


@pytest.mark.parametrize("token", ["", "x", "a.b", "x" * 10_000, "é", "..", "MQ.MQ"])
def test_a_forged_token_names_nobody(token: str) -> None:
    assert Identity("secret").read(token) is None


def test_another_secret_reads_no_token_of_ours() -> None:
    assert Identity("two").read(Identity("one").token(uuid.uuid4())) is None


def test_a_link_token_says_so_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    signer, listener = Identity("secret"), uuid.uuid4()
    token, expires = signer.link_token(listener)
    claim = signer.read(token)
    assert claim is not None
    assert claim.by_link
    assert claim.listener_id == listener
    assert expires > datetime.now(UTC)
    monkeypatch.setattr(identity, "LINK_AGE", timedelta(seconds=-1))
    assert signer.read(token) is None


def test_the_bearer_token_wins_over_the_cookie_and_a_bad_one_falls_back() -> None:
    signer, one, two = Identity("secret"), uuid.uuid4(), uuid.uuid4()
    cookie = f"{COOKIE}={signer.token(two)}"
    both = signer.claim(request(authorization=f"Bearer {signer.token(one)}", cookie=cookie))
    assert both is not None
    assert both.listener_id == one
    fallen = signer.claim(request(authorization="Bearer nonsense", cookie=cookie))
    assert fallen is not None
    assert fallen.listener_id == two
    assert signer.claim(request(authorization="Basic abc")) is None


@pytest.mark.parametrize(
    ("scheme", "forwarded", "framed"),
    [("http", None, False), ("https", None, True), ("http", "https", True), ("http", "https, http", True)],
)
def test_the_cookie_works_in_a_frame_over_https_and_is_lax_on_localhost(
    scheme: str, forwarded: str | None, framed: bool
) -> None:
    response = Response()
    headers = {"x_forwarded_proto": forwarded} if forwarded else {}
    identity.set_cookie(request(scheme, **headers), response, "token")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert ("SameSite=None; Secure; Partitioned" in cookie) is framed
    assert ("SameSite=Lax" in cookie) is not framed

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response

from webapp.runtime import identity
from webapp.runtime.identity import COOKIE, Claim, Identity, LinkClaim, given_token


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


def test_a_forged_token_names_nobody() -> None:
    for token in ("", "x", "a.b", "x" * 10_000, "é", "..", "MQ.MQ"):
        assert Identity("secret").read(token) is None


def test_another_secret_reads_no_token_of_ours() -> None:
    assert Identity("two").read(Identity("one").token(uuid.uuid4())) is None


def test_a_token_of_a_later_generation_says_so_and_an_early_one_is_still_read() -> None:
    signer, listener = Identity("secret"), uuid.uuid4()
    assert signer.read(signer.token(listener, 3)) == Claim(listener, 3)
    assert signer.read(signer.token(listener)) == Claim(listener, 0)


def test_the_newest_secret_signs_and_older_ones_are_read_until_they_are_taken_out() -> None:
    listener = uuid.uuid4()
    before = Identity("old").token(listener)
    both = Identity("new", "old")
    assert both.read(before) == both.read(both.token(listener)) == Claim(listener)
    assert Identity("new").read(both.token(listener)) == Claim(listener)
    assert Identity("new").read(before) is None
    assert both.wrote(b"a file", Identity("old").signature(b"a file"))
    assert not both.wrote(b"a file!", both.signature(b"a file"))
    assert not both.wrote(b"a file", None)


def test_a_link_token_is_no_listeners_token_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    signer, listener, link = Identity("secret"), uuid.uuid4(), uuid.uuid4()
    token, expires = signer.link_token(listener, link)
    assert signer.read(token) is None
    assert signer.read_link(token) == LinkClaim(listener, link)
    assert signer.read_link(signer.token(listener)) is None
    assert expires > datetime.now(UTC)
    monkeypatch.setattr(identity, "LINK_AGE", timedelta(seconds=-1))
    assert signer.read_link(token) is None


def test_the_bearer_token_wins_over_the_cookie() -> None:
    cookie = f"{COOKIE}=of the cookie"
    assert given_token(request(authorization="Bearer one", cookie=cookie)) == "one"
    assert given_token(request(cookie=f"{COOKIE}=two")) == "two"
    assert given_token(request(authorization="Basic abc")) is None


def test_the_cookie_works_in_a_frame_over_https_and_is_lax_on_localhost() -> None:
    for scheme, forwarded, framed in (
        ("http", None, False),
        ("https", None, True),
        ("http", "https", True),
        ("http", "https, http", True),
    ):
        response = Response()
        headers = {"x_forwarded_proto": forwarded} if forwarded else {}
        identity.set_cookie(request(scheme, **headers), response, "token")
        cookie = response.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert ("SameSite=None; Secure; Partitioned" in cookie) is framed
        assert ("SameSite=Lax" in cookie) is not framed


def test_the_key_of_a_clip_opens_it_for_a_week_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, other, signer = uuid.uuid4(), uuid.uuid4(), Identity("new", "old")
    key = signer.key_of(clip)
    assert signer.opens(clip, key)
    assert signer.opens(clip, Identity("old").key_of(clip))  # secrets can be changed
    assert not signer.opens(other, key)
    day, _, signed = key.partition(".")
    forgeries = (f"{int(day) + 1}.{signed}", signed, f".{signed}", f"{day}.", "", "9" * 5000, f"²{key}", f"-1.{signed}")
    for forged in forgeries:
        assert not signer.opens(clip, forged), forged
    today = identity._today()
    monkeypatch.setattr(identity, "_today", lambda: today + identity.KEY_DAYS)
    assert signer.opens(clip, key)
    monkeypatch.setattr(identity, "_today", lambda: today + identity.KEY_DAYS + 1)
    assert not signer.opens(clip, key)

"""From whom a request comes, as limits count it: a stranger may write into X-Forwarded-For what they like."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from webapp.runtime.settings import Settings


@pytest.mark.parametrize(
    ("trusted", "peer", "told", "counted"),
    [
        (Settings().trusted_proxies, "127.0.0.1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 9.9.9.9, 10.4.4.4", "9.9.9.9"),
        (Settings().trusted_proxies, "8.8.8.8", "6.6.6.6", "8.8.8.8"),
    ],
)
def test_only_a_trusted_proxy_says_who_asks(trusted, peer, told, counted):
    seen = []

    async def app(scope, *_):
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", told.encode())]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
    asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))
    assert seen == [counted]


@pytest.mark.parametrize("given", ["a proxy", "10.0.0.0/99", "127.0.0.1;::1"])
def test_what_is_no_network_is_refused(given):
    with pytest.raises(ValidationError, match="addresses or networks"):
        Settings(trusted_proxies=given)

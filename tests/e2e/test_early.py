"""Whoever came before there was anything to hear: the same listener hears it, and their first pick counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from webapp.runtime.identity import Arrival, Claim, Identity

pytestmark = pytest.mark.slow


def test_who_came_before_there_was_a_pair_picks_with_the_token_that_came_with_it(site, visit):
    httpx.get(f"{site.url}/api/listener")  # the secret is made when the first token is
    identity = Identity(*Path(site.environment["KALLOS_HOME"], "secret").read_text(encoding="utf-8").split())
    early = identity.token_of(Claim(uuid4(), 0, Arrival(datetime.now(UTC))))  # as a server without clips gives it
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/status")
    visitor.page.evaluate("token => localStorage.setItem('kallos.token', token)", early)
    visitor.arrive()
    token = visitor.page.evaluate("localStorage.getItem('kallos.token')")
    assert token != early
    assert identity.read(token).listener_id == identity.read(early).listener_id
    assert visitor.page.evaluate("localStorage.getItem('kallos.token.before')") is None, "they are nobody else"
    visitor.listen()
    visitor.vote("left")
    visitor.expect_picks(1)
    assert [outcome for _, outcome in visitor.votes()] == ["left"]

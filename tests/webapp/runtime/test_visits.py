from __future__ import annotations

import math

import pytest

from webapp.runtime import middleware
from webapp.runtime.middleware import Visits


def test_who_looks_whether_kallos_is_well_is_no_visitor(client, context, stock):
    stock("pop", 4)
    for path in ("/healthz", "/status", "/metrics"):
        client.get(path)
    assert context.visits.age_s() == math.inf
    assert context.visits.quiet
    client.get("/api/offers")
    assert context.visits.age_s() < 60
    assert not context.visits.quiet


@pytest.mark.timeout(120)
def test_who_waits_for_visitors_goes_on_with_the_next_one(monkeypatch):
    visits = Visits()
    visits.note()
    visits.wait(1000)  # one has come already
    visits.wait(0.0)  # and no other since
    visits.wake()
    visits.wait(1000)
    monkeypatch.setattr(middleware, "QUIET_SECONDS", -1.0)
    assert visits.quiet

from __future__ import annotations

import json
import signal
import socket
import time

import httpx
import pytest
from sqlalchemy import func, select

from db.tables import Vote
from tests.faults import PATIENCE_S, Site

LATE_S = 5  # longer than open streams of pages are given
BODY = json.dumps({"outcome": "left", "heard_ms": {"left": 3000, "right": 3000}}).encode()


@pytest.fixture
def site(context, stock, served_with, tmp_path):
    stock("pop", 16)
    site = Site(context.settings.home, tmp_path / "log", served_with)
    yield site
    site.stop()


def refuses(site: Site) -> bool:
    """Whether nobody is let in any more."""
    try:
        socket.create_connection(("127.0.0.1", site.port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_vote_on_its_way_is_answered_and_kept_and_what_comes_later_is_refused(context, site):
    site.wait_for_clips(16)
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as known:
        token = known.get("/api/listener").json()["listener_token"]
        known.headers["Authorization"] = f"Bearer {token}"
        offer = known.get("/api/offers").json()[0]["offer_id"]
        head = (
            f"POST /api/offers/{offer}/vote HTTP/1.1\r\nHost: kallos\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", site.port), 30) as slow:
            slow.sendall(head.encode() + BODY[:10])  # it is under way
            time.sleep(2)
            site.process.send_signal(signal.SIGTERM)
            end = time.monotonic() + PATIENCE_S
            while not refuses(site):
                assert time.monotonic() < end, site.tail()
                time.sleep(0.05)
            later = known.get("/api/offers")  # by a connection that is open already
            assert (later.status_code, later.headers["retry-after"]) == (503, "2")
            time.sleep(LATE_S)
            assert site.process.poll() is None
            slow.sendall(BODY[10:])
            answer = slow.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["picks"] == 1
    site.process.wait(60)
    assert context.database.transaction(lambda session: session.scalar(select(func.count()).select_from(Vote))) == 1

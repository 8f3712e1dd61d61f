"""The load of ``tests/bench/newcomers.py``, small and in a hurry: what it counts is so."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import uvicorn
from sqlalchemy import func, select

from db.tables import Listener, Vote
from tests.bench import newcomers
from webapp.app import create_app
from webapp.supervision import Supervision


@pytest.fixture
def url(context):
    app = create_app(supervision=Supervision(context, children=False), pages=False)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        assert app.state.supervision.ready.wait(60)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_a_vote_that_is_sent_twice_at_the_same_moment_is_kept_once(context, stock, url, monkeypatch):
    stock("pop", 30)
    for name, value in {"VOTES": 4, "ARRIVE_S": 0.1, "PAUSES_S": (0.0, 0.1), "TWICE": 1.0, "PATIENCE_S": 0.0}.items():
        monkeypatch.setattr(newcomers, name, value)
    fared = newcomers.come(url, people=3)
    assert (fared.kept, fared.sent_twice, len(fared.vote_ms)) == ([4, 4, 4], 12, 12)
    assert len(fared.first_offer_ms) == 3
    counted = select(func.count()).select_from(Vote), select(func.count()).select_from(Listener)
    assert [context.database.transaction(lambda s, each=each: s.scalar(each)) for each in counted] == [12, 3]

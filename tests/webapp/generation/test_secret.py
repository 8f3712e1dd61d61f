"""A generation server on another machine composes for those who know its secret, and a bad one is told as such."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webapp.generation.protocol import GeneratorUnavailable
from webapp.generation.remote import RemoteGenerator
from webapp.generation.server import NeedsSecret, serve
from webapp.runtime.supervised_process import WRONG_SETTING, free_local_port


async def well(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "queued": 0, "running": 0})


def test_only_who_has_the_secret_may_compose():
    app = Starlette(routes=[Route("/healthz", well), Route("/v1/drafts", well, methods=["POST"])])
    app.add_middleware(NeedsSecret, secret="swordfish")
    client = TestClient(app)
    assert client.get("/healthz").status_code == 200
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "swordfish"}):
        refused = client.post("/v1/drafts", headers=headers)
        assert (refused.status_code, "KALLOS_GENERATOR_SECRET" in refused.text) == (401, True)
    assert client.post("/v1/drafts", headers={"Authorization": "Bearer swordfish"}).status_code == 200


def test_beyond_this_machine_it_does_not_start_without_one(capsys):
    assert serve("0.0.0.0") == WRONG_SETTING
    assert "KALLOS_GENERATOR_SECRET" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"status": "ok"}', b"null"])
def test_a_bad_answer_is_told_without_the_address(body, caplog):
    class Bad(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    remote = RemoteGenerator(f"http://127.0.0.1:{server.server_port}")
    try:
        with caplog.at_level(logging.WARNING), pytest.raises(GeneratorUnavailable) as refused:
            remote.health()
    finally:
        remote.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert "127.0.0.1" not in str(refused.value)
    assert "generator_not_understood" in caplog.text


def test_a_silent_generator_is_told_without_the_address():
    remote = RemoteGenerator(f"http://127.0.0.1:{free_local_port()}")
    with pytest.raises(GeneratorUnavailable) as refused:
        remote.health()
    assert "127.0.0.1" not in str(refused.value)
    remote.close()

from __future__ import annotations

import contextlib
import gc
import re
import shutil
import socket
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

import webapp.app as app_module
from models.style.bundle import SHIPPED_STYLE
from webapp.__main__ import main
from webapp.app import create_app, nothing_collected, serve
from webapp.runtime import database
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import WRONG_SETTING
from webapp.supervision import Supervision

PROGRAM = """
import os, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
from starlette.testclient import TestClient
from webapp.app import create_app
from webapp.supervision import Supervision
from webapp.context import Context
from webapp.runtime.settings import Settings
context = Context(Settings(home=sys.argv[1], database_url="postgresql+psycopg://nobody@127.0.0.1:9/none"))
with TestClient(create_app(supervision=Supervision(context, children=False))) as client:
    for path in ("/", "/taste", "/static/kallos/favicon.svg", "/api/docs", "/healthz"):
        print(path, client.get(path).status_code)
slow = {"torch", "symusic", "sklearn", "music21", "scipy.signal", "scipy.stats"}
print(context.space.size > 0, sorted(slow & set(sys.modules)))
"""


def test_the_pages_answer_before_the_database_does_and_the_web_never_loads_torch(tmp_path):
    # a process of its own: Gradio leaves event loops behind, and other tests load torch
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False, timeout=200
    )
    assert found.stdout.splitlines() == [
        "/ 200",
        "/taste 200",
        "/static/kallos/favicon.svg 200",
        "/api/docs 200",
        "/healthz 503",
        "True []",
    ], found.stdout + found.stderr


@pytest.mark.slow
def test_before_the_database_is_there_the_page_says_to_wait_and_health_that_it_cannot_serve(
    space, tmp_path, monkeypatch
):
    from webapp.context import Context

    monkeypatch.setattr(database, "PATIENCE_S", 1.0)
    context = Context(Settings(home=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:9/none"), space=space)
    with TestClient(create_app(supervision=Supervision(context, children=False), pages=False)) as client:
        report = client.get("/healthz")
        assert report.status_code == 503
        assert report.json()["status"] in {"starting", "down"}  # not tried yet, or refused
        waiting = client.get("/api/offers")
        assert waiting.status_code == 503
        assert "retry-after" in waiting.headers


def test_a_mistake_of_ours_is_told_without_its_details(context, monkeypatch, client):
    from webapp.api import dependencies

    def fail(*_):
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(dependencies.accounts, "exists", fail)
    client.get("/api/listener")
    answer = TestClient(client.app, cookies=client.cookies, raise_server_exceptions=False).get("/api/listener")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_a_port_that_is_taken_is_a_clear_error(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert serve(Settings(home=tmp_path, port=taken.getsockname()[1])) == WRONG_SETTING
    assert "KALLOS_PORT" in capsys.readouterr().err
    assert not (tmp_path / "pg").exists()


@pytest.mark.parametrize(("part", "told"), [("card.json", "no style model at"), ("taste.json", "is missing")])
def test_a_model_that_is_not_whole_is_a_clear_line_at_start(part, told, tmp_path, capsys, monkeypatch):
    own = tmp_path / "own"
    shutil.copytree(SHIPPED_STYLE, own)
    (own / part).unlink()
    assert serve(Settings(home=tmp_path, port=0, model=str(own))) == WRONG_SETTING
    said = capsys.readouterr().err
    assert said.startswith(f"KALLOS_MODEL={own} cannot be used: ")
    assert told in said
    assert said.count("\n") == 1
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path))
    monkeypatch.setenv("KALLOS_MODEL", str(own))
    for command in (["worker"], ["generator"], ["report", "study"]):
        assert main(command) == WRONG_SETTING
        assert capsys.readouterr().err == said
    assert not (tmp_path / "pg").exists()


def test_mcp_without_its_extra_is_a_clear_line_at_start(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(app_module.importlib.util, "find_spec", lambda name: None)
    assert serve(Settings(home=tmp_path, port=0, mcp=True)) == WRONG_SETTING
    said = capsys.readouterr().err
    assert "kallos[mcp]" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "pg").exists()


def test_another_site_can_neither_vote_nor_delete_with_somebodys_cookie(client, visitor, stock):
    stock()
    client.get("/api/listener")
    offer = client.get("/api/offers").json()[0]["offer_id"]
    ballot = {"outcome": "left", "heard_ms": {"left": 4000, "right": 4000}}
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post(f"/api/offers/{offer}/vote", json=ballot, headers=evil).status_code == 403
    assert client.delete("/api/listener", headers=evil).status_code == 403
    assert client.get("/api/listener").json()["picks"] == 0
    assert client.post(f"/api/offers/{offer}/vote", json=ballot).status_code == 200


def test_an_address_that_cannot_be_is_no_mistake_of_ours(client):
    client.get("/api/listener")
    for path in [
        "/card/%00",
        "/card/%00/sound.mp3",
        f"/card/{'x' * 9_000}",
        "/api/studio/links/%00",
        "/api/duets/links/%00",
    ]:
        assert client.get(path).status_code in {404, 422}


def test_a_range_of_thousands_of_digits_is_refused(client, stock):
    clip = stock(clips=1)[0]
    address = f"/api/clips/{clip}/audio/7"
    whole = client.get(address)
    for given in ["bytes=" + "9" * 5_000 + "-", "bytes=-" + "9" * 5_000, "bytes=0-" + "9" * 5_000]:
        assert client.get(address, headers={"Range": given}).status_code == 416
    assert client.get(address, headers={"Range": "bytes=0-²".encode("latin-1")}).content == whole.content
    assert client.get(address, headers={"Range": "bytes=-3"}).content == whole.content[-3:]


@pytest.mark.slow
def test_a_number_that_is_none_in_a_listeners_file_is_refused_with_a_sentence(client, visitor, live, context):
    token = context.identity.token(live(2))
    file = client.get("/api/listener/export", headers={"Authorization": f"Bearer {token}"}).text
    refused = visitor().post("/api/listener/import", content=re.sub(r'"seconds":7(\.0)?', '"seconds":NaN', file))
    assert refused.status_code == 422
    assert "number that is none: NaN" in refused.json()["error"]


def test_garbage_is_collected_again_once_a_start_has_ended_or_failed_but_not_what_it_made():
    before = gc.get_freeze_count()
    try:
        with contextlib.suppress(ValueError), nothing_collected():
            assert not gc.isenabled()
            made = [[] for _ in range(1000)]
            raise ValueError("no start")
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()

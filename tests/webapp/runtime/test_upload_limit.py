from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from webapp.runtime import limits
from webapp.runtime.limits import EXPORT_BYTES, FILE_BYTES, FILM_BYTES, PREFIX, BodyLimit, GradioLimit, UploadLimit

UPLOAD = "/gradio_api/upload"


async def stored(request: Request) -> JSONResponse:
    async with request.form() as form:
        return JSONResponse({each.filename: len(await each.read()) for each in form.getlist("files")})


@pytest.fixture
def client(tmp_path) -> TestClient:
    app = Starlette(routes=[Route(UPLOAD, stored, methods=["POST"])])
    app.add_middleware(UploadLimit, folder=tmp_path)
    app.add_middleware(BodyLimit)
    return TestClient(app)


def upload(client, *names: str, data: bytes = b"MThd"):
    return client.post(UPLOAD, files=[("files", (name, data)) for name in names])


def test_what_the_pages_read_arrives_whole(client):
    assert upload(client, "a tune.mid", "x.ABC").json() == {"a tune.mid": 4, "x.ABC": 4}
    assert upload(client, "semi;colon & <b>.wav").json() == {"semi;colon & <b>.wav": 4}
    assert upload(client, "kallos-listener.zip", data=b"x" * EXPORT_BYTES).json() == {
        "kallos-listener.zip": EXPORT_BYTES
    }


def test_another_kind_of_file_is_refused(client):
    for names in (("state.json.exe",), ("film.exe",), ("a.mid", "b.html"), ("",), ("a.wav;b.html",)):
        refused = upload(client, *names)
        assert refused.status_code == 415
        assert ".mid" in refused.json()["error"]


def test_a_file_that_is_too_large_is_refused_also_where_it_does_not_say_so(client):
    large = b"x" * (EXPORT_BYTES + 100_000)
    assert upload(client, "a.zip", data=large).status_code == 413
    assert client.post(UPLOAD, content=iter([large[:1_000_000]] * 11)).status_code == 413


def test_a_film_may_be_larger_than_other_files(client):
    film = b"x" * (EXPORT_BYTES + 1_000_000)
    assert upload(client, "film.mp4", data=film).json() == {"film.mp4": len(film)}
    assert upload(client, "photo.JPG", data=film).status_code == 200
    assert upload(client, "film.mp4", data=b"x" * (FILM_BYTES + 100_000)).status_code == 413


def test_a_film_that_stalls_is_ended_and_gives_its_place_back(client, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UPLOAD_S", 0.1)
    monkeypatch.setattr(limits, "FILMS_AT_ONCE", 1)
    limit = UploadLimit(client.app, folder=tmp_path)
    begun = b'content-disposition: form-data; name="files"; filename="film.mp4"\r\n\r\n' + b"x" * FILE_BYTES
    assert [stalled(limit, UPLOAD, begun) for _ in range(2)] == [408, 408]


def test_an_event_that_stalls_is_ended(client, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "EVENT_S", 0.1)
    assert stalled(GradioLimit(client.app, folder=tmp_path), PREFIX + "queue/join", b"{") == 408


def stalled(limit, path: str, begun: bytes) -> int:
    """The status that somebody gets whose request begins so and doesn't go on."""
    answers: list[Message] = []

    async def ask() -> None:
        messages = [{"type": "http.request", "body": begun, "more_body": True}]

        async def receive() -> Message:
            return messages.pop() if messages else await asyncio.Future()

        async def send(message: Message) -> None:
            answers.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": None, "app": Starlette()}
        await asyncio.wait_for(limit(scope, receive, send), 10)

    asyncio.run(ask())
    return int(answers[0]["status"])


def test_one_address_uploads_only_so_many_bytes_and_others_do_not_wait_for_it(client, monkeypatch):
    monkeypatch.setattr(limits, "UPLOADED_AT_ONCE", 2_000)
    assert upload(client, "a.mid", data=b"x" * 1_000).status_code == 200
    refused = upload(client, "a.mid", data=b"x" * 1_000)
    assert (refused.status_code, "over an hour" in refused.json()["error"]) == (429, True)
    other = TestClient(client.app, client=("198.51.100.1", 1))
    assert upload(other, "a.mid", data=b"x" * 1_000).status_code == 200


def test_all_files_together_take_a_bounded_room(client, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FOLDER_BYTES", 2_000)
    assert upload(client, "a.mid").status_code == 200
    (tmp_path / "of").mkdir()
    (tmp_path / "of" / "somebody.mid").write_bytes(b"x" * 1_990)
    assert upload(client, "a.mid").status_code == 503

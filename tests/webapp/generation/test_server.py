import asyncio
import base64
import io
import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from models.mood.judge import load_mood
from models.style.checkpoint import save_style, tiny_style
from models.tension.curves import Curves
from webapp.generation.protocol import (
    BadRequest,
    Cancelled,
    DeadlinePassed,
    GenerateRequest,
    GeneratorUnavailable,
    Locked,
    Look,
    QueueFull,
    Source,
)
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.supervised_process import SupervisedProcess, free_local_port


@pytest.fixture
def remote(url):
    remote = RemoteGenerator(url)
    yield remote
    remote.close()


@pytest.fixture
def slow_remote(slow_url):
    remote = RemoteGenerator(slow_url)
    yield remote
    remote.close()


def ask(name, **given):
    return GenerateRequest(id=name, **{"seed": 1, "deadline_ms": 60_000, **given})


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_who_asks_a_client_that_is_closing_is_told_so_at_once(url, monkeypatch):
    remote, closing, may_end = RemoteGenerator(url), threading.Event(), threading.Event()
    aclose = remote._client.aclose

    async def slowly():
        closing.set()
        await asyncio.to_thread(may_end.wait)
        await aclose()

    monkeypatch.setattr(remote._client, "aclose", slowly)
    with ThreadPoolExecutor(2) as threads:
        closed = threads.submit(remote.close)
        assert closing.wait(10)
        asked = threads.submit(remote.health)
        try:
            assert isinstance(asked.exception(10), GeneratorUnavailable)
        finally:
            may_end.set()
        closed.result(10)
    remote.close()  # once more does nothing


def test_over_http_come_the_notes_that_come_in_process(engine, remote):
    assert remote.generate(ask("over http", seed=7)).notes == engine.generate(ask("in process", seed=7)).notes
    assert remote.health()["status"] == "ok"


def test_drafts_latents_and_encoding_over_http(engine, remote):
    drawn = remote.drafts("chorale", 2, seed=3)
    assert drawn == engine.drafts("chorale", 2, seed=3)
    latents = drawn.drafts[0]["latents"]
    near = {"near": latents, "keep": 0.5}
    assert remote.latents("chorale", 2, seed=3, **near) == engine.latents("chorale", 2, seed=3, **near)
    clip = remote.generate(ask("clip", content=Source(latents=latents)))
    locks = Locked(melody=True, bars=[0], notes=clip.notes)
    held = ask("held", content=Source(latents=latents), keep=0.0, locks=locks)
    assert remote.generate(held).notes == engine.generate(held.model_copy(update={"id": "held here"})).notes
    encoded = remote.encode(clip.notes)
    assert encoded.model_version == clip.model_version
    assert len(encoded.notes["bars"]) == len(encoded.latents["groups"]["content"])


def test_errors_keep_their_meaning_over_http(remote):
    with pytest.raises(BadRequest, match="another model"):
        remote.generate(ask("model", model="another model"))
    with pytest.raises(BadRequest, match="count"):
        remote.drafts("pop", 0, seed=1)
    with pytest.raises(BadRequest, match="24"):
        remote.encode({"ticks_per_quarter": 480})
    with pytest.raises(DeadlinePassed):
        remote.generate(ask("hurry", deadline_ms=1))
    assert not remote.cancel("nobody/knows me")


def test_malformed_requests_get_400(url):
    locked = '{"id": "a", "locks": {"bars": [8]}}'
    for body in (
        locked,
        '{"id": "a", "keep": 2}',
        '{"id": 1',
        '{"id": ""}',
        '{"id": "a", "bars": 99}',
        '{"id": "a", "surprise": 1}',
        "[]",
    ):
        answer = httpx.post(f"{url}/v1/generate", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body
        assert answer.json()["detail"]


def test_a_full_queue_is_503_with_retry_after(slow_engine, slow_url, slow_remote):
    go_on = threading.Event()  # until then none of them ends
    jobs = [slow_engine.submit(ask(f"j{i}", seed=i), lambda _: go_on.wait(60)) for i in range(4)]
    answer = httpx.post(f"{slow_url}/v1/generate", json={"id": "too many"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    with pytest.raises(QueueFull):
        slow_remote.generate(ask("too many"))
    go_on.set()
    for job in jobs:
        slow_engine.cancel(job.request.id)


def test_cancelling_by_id_reaches_the_one_who_waits(slow_engine, slow_remote):
    caught = []

    def wait():
        try:
            slow_remote.generate(ask("cancel me"))
        except Cancelled as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert wait_until(lambda: slow_engine.health()["running"] == 1)
    assert slow_remote.cancel("cancel me")
    thread.join(60)
    assert caught


def test_streaming_sends_notes_and_then_the_result(engine, url):
    body = {"id": "stream", "seed": 7, "stream": True}
    with httpx.stream("POST", f"{url}/v1/generate", json=body) as answer:
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line in answer.iter_lines()]
    notes = [note for line in lines[:-1] for note in line["notes"]]
    assert len(lines) == 2
    assert lines[-1]["result"]["notes"]["notes"] == notes
    assert notes == engine.generate(ask("alone", seed=7)).notes["notes"]


def test_a_stream_that_fails_ends_with_the_error(url):
    with httpx.stream("POST", f"{url}/v1/generate", json={"id": "s", "stream": True, "deadline_ms": 1}) as answer:
        assert json.loads(list(answer.iter_lines())[-1])["status"] == 504


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_cancels_its_request(slow_engine, slow_url, stream):
    if stream:
        with httpx.stream("POST", f"{slow_url}/v1/generate", json={"id": "gone", "stream": True}):
            assert slow_engine.health()["running"] + slow_engine.health()["queued"] == 1
    else:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{slow_url}/v1/generate", json={"id": "gone"}, timeout=0.2)
    assert wait_until(lambda: slow_engine.health()["running"] + slow_engine.health()["queued"] == 0)
    again = slow_engine.submit(GenerateRequest(id="gone"))
    assert not again.future.done()  # had it been composed to its end, its result would still be there
    slow_engine.leave(again)


def test_nobody_there_is_generator_unavailable():
    remote = RemoteGenerator(f"http://127.0.0.1:{free_local_port()}")
    with pytest.raises(GeneratorUnavailable):
        remote.generate(ask("nobody"))
    with pytest.raises(GeneratorUnavailable):
        remote.health()
    remote.close()


@pytest.mark.durability
@pytest.mark.slow
def test_a_killed_generator_comes_back_at_the_same_url_and_composes_the_same_clip(tmp_path):
    bundle, port = tiny_style(), free_local_port()
    save_style(tmp_path, bundle.model, bundle.prior, bundle.fingerprint, bundle.card)
    code = f"from webapp.generation.server import serve; serve('127.0.0.1', {port}, 'cpu', model={str(tmp_path)!r})"
    remote = RemoteGenerator(f"http://127.0.0.1:{port}")

    def answers():
        try:
            return remote.health()["status"] == "ok"
        except GeneratorUnavailable:
            return False

    child = SupervisedProcess("generator", [sys.executable, "-c", code]).start()
    try:
        assert wait_until(answers, 180)  # torch is imported
        before, pid = remote.generate(ask("before")), child.pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(GeneratorUnavailable):
            remote.generate(ask("too early"))
        assert wait_until(lambda: child.pid not in (None, pid))
        assert wait_until(answers, 180)  # torch is imported
        assert remote.generate(ask("after")).notes == before.notes
        assert child.starts == 2
    finally:
        child.close()
        remote.close()
    assert child.pid is None


@pytest.mark.durability
def test_a_lost_connection_is_tried_once_more_with_the_same_id(engine, url):
    asked = []
    upstream = httpx.URL(url)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def lose_the_first_and_pass_on_the_second():
            for attempt in range(2):
                caller, _ = listening.accept()
                with caller:
                    request = caller.recv(65_536)
                    while b"}" not in request:
                        request += caller.recv(65_536)
                    asked.append(json.loads(request.split(b"\r\n\r\n", 1)[1])["id"])
                    if attempt == 0:
                        continue
                    with socket.create_connection((upstream.host, upstream.port)) as server:
                        server.sendall(request.replace(b"keep-alive", b"close"))
                        while answer := server.recv(65_536):
                            caller.sendall(answer)

        thread = threading.Thread(target=lose_the_first_and_pass_on_the_second)
        thread.start()
        remote = RemoteGenerator(f"http://127.0.0.1:{listening.getsockname()[1]}")
        result = remote.generate(ask("twice", seed=6))
        remote.close()
        thread.join(60)
    assert asked == ["twice", "twice"]
    assert result.notes == engine.generate(ask("alone", seed=6)).notes


def test_moods_are_judged_over_http_as_by_the_models_and_too_few_notes_have_none(remote, tune):
    few = {**tune.to_json(), "notes": tune.to_json()["notes"][:3]}
    own, none = remote.moods([tune.to_json(), few]).moods
    said = load_mood().judge([tune])
    assert none is None
    assert (own.valence, own.arousal) == pytest.approx((said.valence[0], said.arousal[0]))
    with pytest.raises(BadRequest, match="pieces"):
        remote.moods([])
    with pytest.raises(BadRequest):
        remote.moods([{"notes": "none"}])


def test_pieces_are_heard_over_http_as_in_process_and_silence_is_refused(engine, remote, tune):
    notes = tune.to_json()
    silent = {**notes, "notes": []}
    told = remote.curves(notes, "dance").curves
    assert Curves.from_json(told) == Curves.from_json(engine.tension.curves(notes, "dance").curves)
    (own, none) = remote.rewards([notes, silent], "dance").rewards
    assert none is None
    assert (own.future, own.past, own.both) == pytest.approx([told["future"], told["past"], told["both"]])
    with pytest.raises(BadRequest, match="no note"):
        remote.curves(silent, "dance")
    with pytest.raises(BadRequest, match="pieces"):
        remote.rewards([], "dance")


@pytest.mark.slow
def test_music_is_shown_over_http_and_what_can_not_be_is_refused(remote, tune):
    notes = tune.to_json()
    found = remote.pictures(notes, "dance", Look(seed=3))
    assert len(found.moments) == found.a_bar * len(tune.bars) + 1
    assert {each["subject"] for each in found.moments} == {*range(len(found.subjects))}
    assert all(each["shapes"] for each in found.subjects)
    assert remote.pictures(notes, "dance", Look(seed=3)) == found
    higher = {**notes, "notes": [[start, length, pitch + 1, loud] for start, length, pitch, loud in notes["notes"]]}
    assert remote.pictures(higher, "dance", Look(seed=3)).subjects != found.subjects  # each has its own
    opposite = [[-float(i == j) for j in range(5)] for i in range(5)]
    assert remote.pictures(notes, "dance", Look("learned", 3, opposite)).moments != found.moments
    own = io.BytesIO()
    Image.new("RGB", (96, 192), "red").save(own, "PNG")
    strip = base64.b64encode(own.getvalue()).decode()
    assert "image" in remote.pictures(notes, "dance", Look(seed=3, subjects=strip)).subjects[0]
    silent = {**notes, "notes": []}
    looks = (Look(), Look("learned"), Look("sideways"), Look(subjects="red"), Look(subjects=strip[:400]))
    for given, look in zip((silent, notes, notes, notes, notes), looks, strict=True):
        with pytest.raises(BadRequest):
            remote.pictures(given, "dance", look)

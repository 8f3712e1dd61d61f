from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from sqlalchemy import update

from db.tables import Clip, ClipAudio
from models.music.notes import Piece
from models.music.performance import notes_in_seconds
from models.style.performance import touch

HEARD = {"left": 4000, "right": 4200.4}


@pytest.mark.slow
def test_a_visitor_becomes_a_listener_with_two_open_offers_that_a_reload_gives_again(client, stock):
    stock()
    first = client.get("/api/offers")
    assert first.status_code == 200
    offers = first.json()
    assert len(offers) == 2
    for offer in offers:
        assert offer["left"]["clip_id"] != offer["right"]["clip_id"]
        assert offer["left"]["seconds"] == offer["right"]["seconds"] == 7.0
        assert set(offer["left"]) == {"clip_id", "audio_url", "notes_url", "image_url", "seconds"}
    assert "kallos_listener" in client.cookies
    assert client.get("/api/offers").json() == offers


def test_a_vote_closes_its_offer_and_brings_the_next(client, stock, vote):
    stock()
    first, second = client.get("/api/offers").json()
    answer = vote(client, first["offer_id"])
    assert answer.status_code == 200
    result = answer.json()
    assert (result["offer_id"], result["outcome"], result["picks"]) == (first["offer_id"], "left", 1)
    assert result["open"][0] == second
    assert len(result["open"]) == 2
    assert client.get("/api/offers").json() == result["open"]


def test_the_same_vote_again_answers_the_same_and_another_outcome_is_refused(client, stock, vote):
    stock()
    offer = client.get("/api/offers").json()[0]["offer_id"]
    first = vote(client, offer).json()
    assert vote(client, offer).json() == first
    refused = vote(client, offer, "right")
    assert refused.status_code == 409
    assert "left" in refused.json()["error"]
    following = first["open"][0]["offer_id"]
    vote(client, following)
    again = vote(client, offer).json()
    assert (again["picks"], again["outcome"]) == (1, "left")


def test_an_offer_of_another_listener_does_not_exist(client, visitor, stock, vote):
    stock()
    mine = client.get("/api/offers").json()[0]["offer_id"]
    stranger = visitor()
    assert vote(stranger, mine).status_code == 404  # nobody yet
    stranger.get("/api/offers")
    assert vote(stranger, mine).status_code == 404
    assert vote(client, str(uuid.uuid4())).status_code == 404
    assert client.get("/api/listener").json()["picks"] == 0


def test_a_malformed_vote_is_refused_and_told_why(client, stock):
    stock()
    offer = client.get("/api/offers").json()[0]["offer_id"]
    for body in [
        {},
        {"outcome": "left"},
        {"outcome": "both", "heard_ms": HEARD},
        {"outcome": "left", "heard_ms": {"left": -1, "right": 0}},
        {"outcome": "left", "heard_ms": {"left": 1}},
        {"outcome": "left", "heard_ms": {"left": "long", "right": 1}},
        {"outcome": "left", "heard_ms": HEARD, "listener_id": "x"},
        [],
    ]:
        refused = client.post(f"/api/offers/{offer}/vote", json=body)
        assert refused.status_code == 422
        assert set(refused.json()) == {"error"}
        assert client.post("/api/offers/not-an-id/vote", json=body).status_code == 422


def test_a_body_that_is_no_json_or_too_large_is_refused(client):
    listener = client.get("/api/listener")
    assert listener.status_code == 200
    offer = uuid.uuid4()
    headers = {"content-type": "application/json"}
    assert client.post(f"/api/offers/{offer}/vote", content=b"{", headers=headers).status_code == 422
    large = client.post(f"/api/offers/{offer}/vote", content=b" " * 100_000, headers=headers)
    assert large.status_code == 413
    assert "65536" in large.json()["error"]


def test_concurrent_requests_make_two_offers_and_not_three(client, visitor, stock):
    stock()
    token = client.get("/api/listener").json()["listener_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: visitor().get("/api/offers", headers=bearer).json(), range(24)))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 2


def test_another_domain_is_offered_at_once_and_the_pairs_of_the_one_before_wait(client, stock, vote):
    dance = set(map(str, [*stock("pop"), *stock("dance")][16:]))
    offers = client.get("/api/offers").json()
    changed = client.patch("/api/listener", json={"domain": "dance"})
    assert changed.json()["domain"] == "dance"
    new = client.get("/api/offers").json()
    assert {clip["clip_id"] for offer in new for clip in (offer["left"], offer["right"])} <= dance
    assert vote(client, offers[0]["offer_id"]).json()["open"] == new
    client.patch("/api/listener", json={"domain": "pop"})
    assert client.get("/api/offers").json()[0] == offers[1]
    refused = client.patch("/api/listener", json={"domain": "jazz"})
    assert refused.status_code == 422
    assert "chorale" in refused.json()["error"]


def test_without_a_pool_the_answer_is_to_wait(client):
    answer = client.get("/api/offers")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "composed" in answer.json()["error"]


def test_a_clip_plays_whole_and_in_parts_and_never_changes(client, stock):
    stock()
    clip = client.get("/api/offers").json()[0]["left"]
    whole = client.get(clip["audio_url"])
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "audio/mpeg"
    assert "immutable" in whole.headers["cache-control"]
    part = client.get(clip["audio_url"], headers={"Range": "bytes=1-3"})
    assert part.status_code == 206
    assert part.content == whole.content[1:4]
    assert part.headers["content-range"] == f"bytes 1-3/{len(whole.content)}"
    assert client.get(clip["audio_url"], headers={"Range": "bytes=-2"}).content == whole.content[-2:]
    assert client.get(clip["audio_url"], headers={"Range": "bytes=9999-"}).status_code == 416
    assert client.get(clip["audio_url"], headers={"Range": "bytes=0-1,3-4"}).status_code == 200
    notes = client.get(clip["notes_url"]).json()
    assert notes["seconds"] == 7.0
    start, duration, pitch, velocity = notes["notes"][0]
    assert start == 0
    assert duration > 0
    assert 0 < pitch < 128
    assert 0 < velocity < 128
    assert all(start + duration <= 7.001 for start, duration, *_ in notes["notes"])


def test_a_vote_a_sound_and_its_notes_are_handed_to_a_thread_once(client, stock, monkeypatch):
    stock()
    offer = client.get("/api/offers").json()[0]
    handed, run = [], anyio.to_thread.run_sync

    def counted(work, *args, **kwargs):
        if "healthz" not in str(work):  # the generator of the tests is asked how it is, in the same process
            handed.append(work)
        return run(work, *args, **kwargs)

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    for ask in (
        lambda: client.get(offer["left"]["audio_url"]),
        lambda: client.get(offer["left"]["notes_url"]),
        lambda: client.post(f"/api/offers/{offer['offer_id']}/vote", json={"outcome": "left", "heard_ms": HEARD}),
    ):
        handed.clear()
        assert ask().status_code == 200
        assert len(handed) == 1


def test_a_clip_that_nobody_rendered_is_not_found(client, stock):
    clip = stock("pop", 1, lengths=(7.0,))[0]
    assert client.get(f"/api/clips/{clip}/audio/14").status_code == 404
    assert client.get(f"/api/clips/{clip}/notes/14").status_code == 404
    assert client.get(f"/api/clips/{uuid.uuid4()}/audio/7").status_code == 404
    assert client.get(f"/api/clips/{clip}/audio/nan").status_code in {404, 422}


def test_sound_that_the_store_lost_is_made_again(client, stock, context):
    stock("pop", 3)
    clip = client.get("/api/offers").json()[0]["left"]
    for key in context.clip_store.keys():  # noqa: SIM118 (a store is no mapping)
        context.clip_store.delete(key)
    again = client.get(clip["audio_url"])
    assert again.status_code == 200
    assert len(again.content) > 10_000
    assert client.get(clip["audio_url"]).content == again.content


def test_both_clips_of_a_pair_are_played_alike_whenever_they_were_rendered(client, stock, context):
    stock("pop", 3)
    pair = client.get("/api/offers").json()[0]
    old, new = pair["left"], pair["right"]

    def as_it_was(session):  # before clips were played
        session.execute(update(ClipAudio).where(ClipAudio.clip_id == uuid.UUID(old["clip_id"])).values(playing=""))

    context.database.transaction(as_it_was)
    assert client.get(new["audio_url"]).content.startswith(b"sound")  # today's, as it is stored
    heard = client.get(old["audio_url"]).content
    assert len(heard) > 10_000
    assert client.get(old["audio_url"]).content == heard
    row = context.database.transaction(
        lambda session: session.get(ClipAudio, (uuid.UUID(old["clip_id"]), old["seconds"]))
    )
    assert row.playing == touch.version()
    assert (row.bytes, row.sha256) == (len(heard), hashlib.sha256(heard).hexdigest())
    clip = context.database.transaction(lambda session: session.get(Clip, uuid.UUID(old["clip_id"])))
    piece = Piece.from_json(clip.notes)
    played = notes_in_seconds(piece, old["seconds"], touch.play(piece, "pop"))
    assert client.get(old["notes_url"]).json()["notes"] == [list(note) for note in played]
    assert played != notes_in_seconds(piece, old["seconds"])


@pytest.mark.slow
def test_the_taste_page_starts_with_doubt_and_ends_with_an_accuracy(client, stock, vote):
    stock(clips=40)  # more than wait in pairs: what waits is not among the best
    assert client.get("/api/taste").status_code == 401
    client.get("/api/listener")
    empty = client.get("/api/taste").json()
    assert empty["accuracy"] == {"value": None, "low": 0.0, "high": 1.0, "n": 0, "chance": 0.5}
    assert empty["best"] == []
    assert {each["style"] for each in empty["styles"]} == {
        "rhythm", "register", "harmony", "dynamics", "tempo", "texture", "content"
    }  # fmt: skip
    offers = client.get("/api/offers").json()
    for outcome in ("left", "right", "equal", "neither", "skipped", "left"):
        offers = vote(client, offers[0]["offer_id"], outcome).json()["open"]
    full = client.get("/api/taste").json()
    assert full["picks"] == 4
    assert full["accuracy"]["n"] == 2  # nothing was known before the first
    best = full["best"][0]
    assert client.get(best["audio_url"]).status_code == 200
    waiting = {offer[side]["clip_id"] for offer in offers for side in ("left", "right")}
    assert not waiting & {each["clip_id"] for each in full["best"]}


def test_a_vote_that_can_not_be_written_down_is_not_taken(client, stock, context, vote):
    stock()
    client.get("/api/listener")
    assert vote(client, client.get("/api/offers").json()[0]["offer_id"]).json()["picks"] == 1
    offer = client.get("/api/offers").json()[0]["offer_id"]
    (segment,) = context.journal.segments()
    held = segment.path.read_bytes()
    segment.path.unlink()
    segment.path.mkdir()  # no file can be written here
    refused = vote(client, offer)
    assert refused.status_code == 503
    assert "try again" in refused.json()["error"]
    assert client.get("/api/listener").json()["picks"] == 1
    segment.path.rmdir()
    segment.path.write_bytes(held)
    assert vote(client, offer).json()["picks"] == 2


@pytest.mark.slow
def test_composing_is_asked_for_once_and_its_clips_stay_blind(client, stock, vote):
    stock()
    assert client.post("/api/compose").status_code == 401
    client.get("/api/listener")
    nothing = {
        "job_id": None, "state": "none", "wish": None, "progress": None, "clips": [], "asked": False,
        "seconds_left": None,
    }  # fmt: skip
    assert client.get("/api/compose").json() == nothing
    refused = client.post("/api/compose")
    assert (refused.status_code, "pick from a first pair" in refused.json()["error"]) == (422, True)
    vote(client, client.get("/api/offers").json()[0]["offer_id"])
    first = client.post("/api/compose", json={})
    assert first.status_code == 202
    assert (first.json()["state"], first.json()["wish"]["mode"]) == ("waiting", "careful")
    assert client.post("/api/compose").json() == first.json()
    other = client.post("/api/compose", json={"mode": "surprise"})
    assert (other.status_code, "just now" in other.json()["error"]) == (409, True)
    assert client.get("/api/compose").json() == first.json()


@pytest.mark.slow
def test_a_wish_near_a_piece_names_one_that_was_voted_on_and_of_the_same_music(client, stock, vote):
    stock()
    client.get("/api/listener")
    for _ in range(3):  # of six clips at most four wait in an open pair again
        vote(client, client.get("/api/offers").json()[0]["offer_id"])
    near = client.get("/api/taste").json()["best"][0]["clip_id"]
    open_now = client.get("/api/offers").json()[0]["left"]["clip_id"]
    for wish, status, told in (
        ({"mode": "near"}, 422, "give the piece"),
        ({"mode": "careful", "near": near}, 422, "give the piece"),
        ({"mode": "near", "near": near, "keep": 0.95}, 422, "0.9"),
        ({"mode": "better"}, 422, "surprise"),
        ({"mode": "near", "near": open_now}, 404, "voted on"),
    ):
        refused = client.post("/api/compose", json=wish)
        assert (refused.status_code, told in refused.json()["error"]) == (status, True), refused.json()
    client.patch("/api/listener", json={"domain": "dance"})
    refused = client.post("/api/compose", json={"mode": "near", "near": near})
    assert (refused.status_code, "from pop" in refused.json()["error"]) == (422, True)
    client.patch("/api/listener", json={"domain": "pop"})
    asked = client.post("/api/compose", json={"mode": "near", "near": near, "keep": 0.7})
    assert asked.status_code == 202
    assert asked.json()["wish"] == {"mode": "near", "near": near, "keep": 0.7, "tension": 0, "mood": None}


@pytest.mark.slow
def test_healthz_tells_how_each_part_is_and_503_before_a_pair_can_be_served(client, stock):
    empty = client.get("/healthz")
    assert empty.status_code == 503
    assert empty.json()["database"] == "ok"
    stock()
    full = client.get("/healthz")
    assert full.status_code == 200
    report = full.json()
    assert report["pool"] == {"pop": 16, "dance": 0, "chorale": 0, "pictures": 0}
    assert {"status", "database", "generator", "pool", "version", "commit"} <= set(report)
    assert report["thrown_away"]["composed"] == 0


def test_a_clip_composed_for_a_listener_sounds_for_them_alone_or_by_its_key(client, visitor, stock, context):
    token = client.get("/api/listener").json()["listener_token"]
    client.get("/api/taste")  # which stores them
    own = stock(clips=1, composed_for=context.identity.read(token).listener_id)[0]
    stranger = visitor()
    for part in ("audio", "notes"):
        address = f"/api/clips/{own}/{part}/7"
        stranger.get("/api/listener")
        assert stranger.get(address).status_code == visitor().get(address).status_code == 404
        assert stranger.get(f"{address}?key=nonsense").status_code == 404
        assert client.get(address).status_code == 200
        assert visitor().get(address, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert visitor().get(f"{address}?key={context.identity.key_of(own)}").status_code == 200
    of_all = stock(clips=1)[0]
    assert visitor().get(f"/api/clips/{of_all}/audio/7", headers={"Cookie": "kallos_listener=bad"}).status_code == 200

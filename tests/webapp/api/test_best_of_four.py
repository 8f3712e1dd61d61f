"""Fours, more like this and music for two over HTTP."""

from __future__ import annotations

import uuid

import pytest

HEARD = [3000, 3000.4, 0, 10]


def arrive(browser):
    token = browser.get("/api/listener").json()["listener_token"]
    browser.headers["Authorization"] = f"Bearer {token}"
    return browser


def test_four_clips_are_shown_picked_from_and_lead_on(client, stock):
    stock("pop", 16)
    first, second = arrive(client).get("/api/fours").json()
    assert client.get("/api/fours").json() == [first, second]
    assert client.get(first["clips"][0]["notes_url"]).json()["notes"]
    vote = {"outcome": "c", "heard_ms": HEARD}
    told = client.post(f"/api/fours/{first['four_id']}/pick", json=vote).json()
    assert (told["outcome"], told["picks"], told["open"][0]) == ("c", 1, second)
    assert client.post(f"/api/fours/{first['four_id']}/pick", json=vote).json() == told
    other = client.post(f"/api/fours/{first['four_id']}/pick", json=vote | {"outcome": "a"})
    assert (other.status_code, "already" in other.json()["error"]) == (409, True)
    assert [each["outcome"] for each in client.get("/api/listener/votes").json()["votes"]] == ["c"]
    around = client.get(f"/api/clips/{first['clips'][2]['clip_id']}/similar").json()
    assert len(around["similar"]) == 6
    met = {clip["clip_id"] for clip in first["clips"]}
    waiting = next(clip["clip_id"] for clip in second["clips"] if clip["clip_id"] not in met)
    assert client.get(f"/api/clips/{waiting}/similar").status_code == 404


def test_a_malformed_pick_is_refused(client, stock):
    stock("pop", 8)
    four = arrive(client).get("/api/fours").json()[0]["four_id"]
    for wrong in [
        {"outcome": "left", "heard_ms": HEARD},
        {"outcome": "a", "heard_ms": HEARD[:3]},
        {"outcome": "a", "heard_ms": [-1, 0, 0, 0]},
        {"outcome": "a"},
        {"outcome": "a", "heard_ms": HEARD, "more": 1},
    ]:
        assert client.post(f"/api/fours/{four}/pick", json=wrong).status_code == 422


def test_a_stranger_finds_nothing(client, visitor, stock):
    stock("pop", 8)
    four = arrive(client).get("/api/fours").json()[0]["four_id"]
    vote = {"outcome": "a", "heard_ms": HEARD}
    assert visitor().post(f"/api/fours/{four}/pick", json=vote).status_code == 404
    assert arrive(visitor()).post(f"/api/fours/{four}/pick", json=vote).status_code == 404


@pytest.mark.slow
def test_two_listeners_agree_over_a_link_and_either_ends_it(client, visitor, stock):
    stock("pop", 8)
    host, guest = arrive(client), arrive(visitor())
    url = host.post("/api/duets").json()["url"]
    assert host.post("/api/duets").json()["url"] == url
    key = url.partition("/together?duet=")[2]
    assert host.get("/api/duets").json()[0]["url"] == url
    assert guest.get(f"/api/duets/links/{key}").json() == {"mine": False}
    assert host.post(f"/api/duets/links/{key}").status_code == 422
    duet = guest.post(f"/api/duets/links/{key}").json()["duet_id"]
    assert guest.get(f"/api/duets/links/{key}").status_code == 404
    (mine,) = host.get("/api/duets").json()
    assert (mine["duet_id"], mine["url"], mine["picks"], mine["pieces"]) == (duet, None, {"you": 0, "they": 0}, [])
    assert {row["verdict"] for row in mine["styles"]} == {"open"}
    asked = guest.post(f"/api/duets/{duet}/compose")
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    assert host.get("/api/duets").json()[0]["job"]["state"] == "waiting"
    stranger = arrive(visitor())
    assert stranger.delete(f"/api/duets/{duet}").status_code == 404
    assert stranger.get(f"/api/duets/{duet}/pieces/{uuid.uuid4()}/notes").status_code == 404
    assert guest.delete(f"/api/duets/{duet}").json() == {"ended": True}
    assert host.get("/api/duets").json() == guest.get("/api/duets").json() == []

"""Few play live at once, nobody for longer than they ask for bars, and nobody in another's name."""

import base64
import uuid

import pytest

from webapp.listeners import accounts
from webapp.live import music
from webapp.live.music import Sessions
from webapp.live.steering import NOTHING_SEEN, drawings
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, NotYours, TooMany
from webapp.ui.endpoints.pictures import live_bar

SOMEBODY = uuid.UUID(int=7)


@pytest.fixture
def live(context):
    return Sessions(context.generation, None)


def test_as_many_play_as_can_and_an_idle_one_makes_room(live, monkeypatch):
    known = [live.begin(uuid.uuid4()) for _ in range(music.AT_ONCE)]
    assert len(live) == len(set(known)) == music.AT_ONCE
    with pytest.raises(TooMany, match=f"{music.AT_ONCE} people play"):
        live.begin(SOMEBODY)
    monkeypatch.setattr(music, "IDLE_S", 0.0)
    assert len(live) == 0
    live.begin(SOMEBODY)


def test_who_begins_anew_ends_what_they_had_begun(live):
    first = live.begin(SOMEBODY)
    second = live.begin(SOMEBODY)
    assert len(live) == 1
    with pytest.raises(NotYours, match="begin it anew"):
        live.next_bar(SOMEBODY, first, NOTHING_SEEN)
    with pytest.raises(NotYours):
        live.next_bar(uuid.UUID(int=8), second, NOTHING_SEEN)
    live.end(uuid.UUID(int=8), second)
    assert live.next_bar(SOMEBODY, second, NOTHING_SEEN).number == 0
    live.end(SOMEBODY, second)
    live.end(SOMEBODY, second)
    assert len(live) == 0


def test_bars_are_asked_for_one_after_the_other_and_no_faster_than_they_sound(live):
    session = live.begin(SOMEBODY)
    with live._sessions[session].lock, pytest.raises(Contradiction, match="still being composed"):
        live.next_bar(SOMEBODY, session, NOTHING_SEEN)
    with pytest.raises(TooMany, match="faster than they sound"):  # noqa: PT012 (which of them is refused, the clock says)
        for _ in range(2 * music.BARS_AT_ONCE):
            live._bars.take(str(session))
        live.next_bar(SOMEBODY, session, NOTHING_SEEN)


def test_without_a_generator_it_is_said_and_takes_nobodys_place(alone):
    alone.generator_url = "http://127.0.0.1:9"
    live = Sessions(alone.generation, None)
    with pytest.raises(NotReady, match="nothing is lost"):
        live.begin(SOMEBODY)
    assert len(live) == 0
    with pytest.raises(NotAllowed, match="0 to 999999"):
        live.begin(SOMEBODY, seed=-1)


def test_the_map_says_what_lies_at_a_place():
    pictures = drawings()
    assert len(pictures.names) == len({tuple(each) for each in pictures.places.tolist()}) == 48
    for number in (0, 20, 47):
        at = pictures.places[number].tolist()
        assert pictures.nearest(at) == pictures.names[number]
        seen = pictures.readouts_at(at, 1.0)
        assert seen["motion"] == 1.0
        assert abs(seen["warmth"] - pictures.readouts[number][1]) < 0.8
    for wrong in ([2.0, 0.0], [0.5]):
        with pytest.raises(NotAllowed, match="from 0 to 1"):
            pictures.readouts_at(wrong)


def test_a_notebook_goes_on_with_the_music_of_the_call_before(context):
    token = context.identity.token(accounts.create(context.database))
    first = live_bar(context, token, [0.0, 2.0, 0.0, 0.0, 0.0], seed=3)
    second = live_bar(context, token, [0.0, -2.0, 0.0, 0.0, 0.0], first["session"])
    assert (first["number"], second["number"]) == (0, 1)
    assert (first["major"], second["major"]) == (True, False)
    for gone in ("nobody's", str(uuid.uuid4())):
        with pytest.raises(NotYours, match="begin it anew"):
            live_bar(context, token, [0.0] * 5, gone)


@pytest.mark.slow
def test_http_begins_gives_bars_and_ends(client):
    listener = client.get("/api/listener").json()
    client.headers["Authorization"] = f"Bearer {listener['listener_token']}"
    begun = client.post("/api/live", json={"domain": "pop", "seed": 4})
    assert begun.status_code == 201
    address = f"/api/live/{begun.json()['session_id']}"
    bar = client.post(f"{address}/bars", json={"position": [0.2, 0.8], "motion": 1.0}).json()
    assert bar["number"] == 0
    assert bar["readouts"]["motion"] == 1.0
    if bar["notes"]:
        assert base64.b64decode(bar["audio"])[:2] == b"\xff\xfb"
    other = client.post(f"{address}/bars", json={"brightness": -2}).json()
    assert (other["number"], other["readouts"]["brightness"], other["sides"]["register"]) == (1, -2, -2)
    half = client.post(f"{address}/bars/second-half", json={"brightness": 2}).json()
    assert (half["number"], half["from_tick"], half["readouts"]["brightness"]) == (1, other["middle"], 2)
    assert half["audio_after_s"] >= -0.05
    assert client.post(f"{address}/bars", json={"brightness": 40}).status_code == 422
    assert client.post(f"{address}/bars", json={"position": [3, 3]}).status_code == 422
    assert client.delete(address).status_code == 204
    for gone in ("bars", "bars/second-half"):
        assert client.post(f"{address}/{gone}", json={}).status_code == 404
    assert client.post("/api/live", json={"way": "learned"}).status_code == 422  # nobody has picked yet

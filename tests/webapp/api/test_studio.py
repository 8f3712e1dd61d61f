from __future__ import annotations

import io
import uuid
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile
import symusic
from sqlalchemy import update

from db.tables import Clip, StudioPiece
from models.music.abc import read_abc
from models.music.midi import read_midi, write_midi
from models.style.latents import PASSING, STYLE_GROUPS
from webapp.runtime.limits import UPLOAD_BYTES
from webapp.studio import pieces
from webapp.studio import studio as limits

ABC = "X:1\nT:The Test Jig\nM:6/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n"
JIG = (ABC.encode(), "jig.abc")
HEARD = {"left": 4000, "right": 4200}


def names(client, **query) -> list[str]:
    answer = client.get("/api/studio/choices", params=query)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()]


def compose(client, content: str, seed: int = 0, **styles):
    recipe = {"content": content, "styles": styles, "seed": seed}
    return client.post("/api/studio/pieces", json=recipe)


def bring(client, data: bytes, name: str = "tune.mid"):
    return client.post("/api/studio/uploads", params={"name": name}, content=data)


@pytest.mark.slow
def test_a_rhythm_borrowed_from_another_clip_makes_a_piece_that_opens_sounds_and_downloads(studio):
    content, other = names(studio)[:2]
    made = compose(studio, content, rhythm={"source": other})
    assert made.status_code == 201, made.text
    piece = made.json()
    assert piece["recipe"] == {
        "content": content,
        "toward": None,
        "styles": {"rhythm": {"source": other, "strength": 1.0}},
        "turned": {},
        "keep": 1.0,
        "locks": {"bars": [], "melody": False, "harmony": False, "rhythm": False},
        "rules": None,
        "mood": None,
        "seed": 0,
    }
    assert set(piece["sources"]) == {content, other}
    assert len(piece["bars_s"]) == 9
    assert piece["notes"]
    assert piece["seconds"] > max(start for start, *_ in piece["notes"])
    assert studio.get(f"/api/studio/{piece['name']}").json() == piece
    for address, kind in ((piece["audio_url"], "audio/flac"), (piece["downloads"]["wav"], "audio/wav")):
        heard = studio.get(address)
        assert heard.headers["content-type"] == kind
        samples, rate = soundfile.read(io.BytesIO(heard.content))
        assert len(samples) / rate == pytest.approx(piece["seconds"], abs=0.01)
        with av.open(io.BytesIO(heard.content)) as sound:
            assert sound.metadata.get("artist") == ("Kallos" if kind == "audio/wav" else None)
    mp3 = studio.get(piece["downloads"]["mp3"])
    assert mp3.headers["content-type"] == "audio/mpeg"
    with av.open(io.BytesIO(mp3.content)) as sound:
        assert sound.metadata["title"].startswith("Pop piano in ")
    assert len(read_midi(studio.get(piece["downloads"]["mid"]).content).notes) == len(piece["notes"])
    score = studio.get(piece["downloads"]["musicxml"])
    assert score.headers["content-type"] == "application/vnd.recordare.musicxml+xml"
    assert b"<score-partwise" in score.content


def test_no_strength_is_the_content_itself(studio):
    content, other = names(studio)[:2]
    own = compose(studio, content).json()
    none = compose(studio, content, tempo={"source": other, "strength": 0}).json()
    assert own["notes"] == none["notes"]


@pytest.mark.slow
def test_a_piece_of_the_studio_may_be_content_and_source_of_the_next(studio):
    content = names(studio)[0]
    first = compose(studio, content).json()["name"]
    second = compose(studio, first, harmony={"source": first, "strength": 0.4})
    assert second.status_code == 201
    assert second.json()["sources"].keys() == {first}


@pytest.mark.slow
def test_locked_bars_stay_and_the_recipe_and_its_link_tell_them(studio, visitor, tune):
    content = bring(studio, write_midi(tune)).json()["name"]
    old = studio.get(f"/api/studio/{content}").json()
    locks = {"bars": [0, 5], "melody": False, "harmony": True, "rhythm": False}
    recipe = {"content": content, "keep": 0.2, "locks": locks, "seed": 4}
    made = studio.post("/api/studio/pieces", json=recipe)
    assert made.status_code == 201, made.text
    piece = made.json()

    def pitches(opened):
        written = read_midi(studio.get(opened["downloads"]["mid"]).content)
        return [written.window(bar, 1).notes[:, 2].tolist() for bar in range(8)]

    assert [pitches(piece)[bar] == pitches(old)[bar] for bar in (0, 5)] == [True, True]
    assert pitches(piece) != pitches(old)
    # what is composed is played, what was brought is as written
    played, plain = (read_midi(studio.get(piece["downloads"][form]).content).notes for form in ("played", "mid"))
    assert set(played[:, 2]) == set(plain[:, 2])
    assert not np.array_equal(played[:, :2], plain[:, :2])
    own = [read_midi(studio.get(old["downloads"][form]).content).notes for form in ("played", "mid")]
    assert np.array_equal(*own)
    assert studio.post("/api/studio/pieces", json=recipe).json()["notes"] == piece["notes"]
    assert (piece["recipe"]["keep"], piece["recipe"]["locks"]) == (0.2, locks)
    key = studio.post(f"/api/studio/{piece['name']}/link").json()["key"]
    stranger = visitor()
    stranger.get("/api/listener")
    assert stranger.get(f"/api/studio/links/{key}").json()["recipe"] == piece["recipe"]


@pytest.mark.slow
def test_locked_notes_cannot_follow_into_another_meter(studio, tune):
    content, other = (bring(studio, data, name).json()["name"] for data, name in ((write_midi(tune), "a.mid"), JIG))
    recipe = {"content": content, "locks": {"melody": True}, "toward": {"source": other, "strength": 0.75}}
    refused = studio.post("/api/studio/pieces", json=recipe)
    assert refused.status_code == 422
    assert "4/4" in refused.json()["error"]
    assert "6/8" in refused.json()["error"]
    recipe["toward"]["strength"] = 0.25
    assert studio.post("/api/studio/pieces", json=recipe).status_code == 201


@pytest.mark.slow
def test_a_recipe_from_before_there_were_locks_still_opens(studio, context):
    piece = compose(studio, names(studio)[0]).json()
    plain = {"content": piece["recipe"]["content"], "styles": {}, "seed": 3}
    context.database.transaction(lambda session: session.execute(update(StudioPiece).values(recipe=plain)))
    found = studio.get(f"/api/studio/{piece['name']}").json()["recipe"]
    assert (found["seed"], found["keep"], found["toward"], found["locks"]["bars"]) == (3, 1.0, None, [])


@pytest.mark.slow
def test_the_way_to_another_piece_has_steps_that_can_be_opened_and_made_again(studio):
    content, other = names(studio)[:2]
    made = studio.post("/api/studio/interpolations", json={"content": content, "toward": other, "steps": 3})
    assert made.status_code == 201, made.text
    steps = made.json()
    assert [step["recipe"]["toward"] for step in steps] == [{"source": other, "strength": s} for s in (0.25, 0.5, 0.75)]
    assert len({str(step["notes"]) for step in steps}) == 3
    again = studio.post("/api/studio/pieces", json=steps[1]["recipe"])
    assert again.json()["notes"] == steps[1]["notes"]
    assert set(again.json()["sources"]) == {content, other}
    for wrong in ({"steps": 8}, {"toward": "clips/00000000-0000-0000-0000-000000000000"}, {"toward": "me"}):
        refused = studio.post("/api/studio/interpolations", json={"content": content, "toward": other} | wrong)
        assert refused.status_code in {404, 422}
        assert refused.json()["error"]


@pytest.mark.slow
def test_a_piece_is_downloaded_as_abc_and_as_midi_of_two_tracks(studio, tune):
    name = bring(studio, write_midi(tune), "Tune.mid").json()["name"]
    piece = studio.get(f"/api/studio/{name}").json()
    answer = studio.get(piece["downloads"]["abc"])
    assert answer.headers["content-type"].startswith("text/vnd.abc")
    assert "T:Tune\n" in answer.text
    assert read_abc(answer.text)[0].notes[:, :3].tolist() == tune.notes[:, :3].tolist()
    assert "K:" in studio.get(piece["score_url"]).text
    tracks = symusic.Score.from_midi(studio.get(piece["downloads"]["mid"]).content).tracks
    assert "Melody" in [track.name for track in tracks]


@pytest.mark.slow
def test_music_of_an_older_model_is_encoded_again(studio, context):
    content, other = names(studio)[:2]
    newer = compose(studio, content, rhythm={"source": other})
    context.database.transaction(
        lambda session: session.execute(update(Clip).values(model_version="older", latents={}))
    )
    older = compose(studio, content, rhythm={"source": other})
    assert (newer.status_code, older.status_code) == (201, 201)
    assert older.json()["sources"][other]["traits"] == {}


@pytest.mark.slow
def test_variations_come_ranked_by_this_listeners_taste(studio):
    content = names(studio)[0]
    made = studio.post("/api/studio/variations", json={"content": content, "seed": 7, "count": 3})
    assert made.status_code == 201
    assert {each["recipe"]["seed"] for each in made.json()} == {8, 9, 10}
    assert len({str(each["notes"]) for each in made.json()}) == 3


@pytest.mark.slow
def test_a_recipe_that_cannot_be_cooked_is_refused(studio):
    for change, status in [
        ({"styles": {"tempo": {"source": "clips/00000000-0000-0000-0000-000000000000"}}}, 404),
        (
            {"styles": {"mood": {"source": "clips/00000000-0000-0000-0000-000000000000"}}},
            422,
        ),  # before it is looked for
        ({"content": "clips/00000000-0000-0000-0000-000000000000"}, 404),
        ({"content": "../etc"}, 422),
        ({"seed": -1}, 422),
        ({"keep": 1.5}, 422),
        ({"locks": {"bars": [8]}}, 422),
        ({"toward": {"source": "clips/00000000-0000-0000-0000-000000000000"}}, 404),
        ({"styles": {"tempo": {"source": names(studio)[1], "strength": 1.2}}}, 422),
        ({"extra": 1}, 422),
    ]:
        recipe = {"content": names(studio)[0], "styles": {}, "seed": 0} | change
        refused = studio.post("/api/studio/pieces", json=recipe)
        assert refused.status_code == status
        assert refused.json()["error"]


@pytest.mark.slow
def test_another_listener_finds_no_piece_of_mine_except_through_its_link(studio, visitor, tune):
    mine = compose(studio, bring(studio, write_midi(tune)).json()["name"]).json()
    content = mine["recipe"]["content"]
    stranger = visitor()
    assert stranger.get(f"/api/studio/{mine['name']}").status_code == 401
    stranger.get("/api/listener")
    for address in (f"/api/studio/{mine['name']}", mine["audio_url"], f"/api/studio/{content}"):
        assert stranger.get(address).status_code == 404
    assert compose(stranger, mine["name"]).status_code == 404
    assert stranger.post(f"/api/studio/{mine['name']}/link").status_code == 404
    link = studio.post(f"/api/studio/{mine['name']}/link").json()
    assert link["url"].endswith(f"/studio?link={link['key']}")
    assert studio.post(f"/api/studio/{mine['name']}/link").json() == link
    seen = stranger.get(f"/api/studio/links/{link['key']}").json()
    assert (seen["recipe"], seen["notes"]) == (mine["recipe"], mine["notes"])
    assert (seen["mine"], seen["editable"], mine["mine"]) == (False, False, True)
    assert seen["sources"] == {}
    assert stranger.get(seen["audio_url"]).status_code == 200
    assert stranger.get(f"/api/studio/{content}", params={"link": link["key"]}).status_code == 200
    copied = stranger.post(f"/api/studio/links/{link['key']}/copy").json()
    assert (copied["notes"], copied["recipe"]) == (mine["notes"], None)
    assert compose(stranger, copied["name"]).status_code == 201


@pytest.mark.slow
def test_a_link_that_nobody_made_leads_nowhere(studio):
    assert studio.get("/api/studio/links/guessed").status_code == 404
    piece = compose(studio, names(studio)[0]).json()
    assert studio.get(f"/api/studio/{piece['name']}", params={"link": "guessed"}).status_code == 200


@pytest.mark.slow
def test_a_midi_file_becomes_a_piece_to_start_from(studio, tune):
    for name in ["tune.mid", "tune"]:
        brought = bring(studio, write_midi(tune), name)
        assert brought.status_code == 201, brought.text
        piece = brought.json()
        assert piece["title"] == "tune"
        assert piece["recipe"] is None
        assert [pitch for _, _, pitch, _ in piece["notes"]] == tune.notes[:, 2].tolist()
        assert names(studio)[0] == piece["name"]
        assert compose(studio, piece["name"]).status_code == 201


@pytest.mark.slow
def test_what_a_file_does_not_say_is_told_with_the_piece(studio, tune):
    flat = replace(tune, notes=np.where([0, 0, 0, 1], 90, tune.notes), tempo_bpm=np.full(len(tune.bars), 120.0))
    piece = bring(studio, write_midi(flat), "tune.mid").json()
    assert "equally loud" in piece["remarks"]
    assert "120 of a program" in piece["remarks"]
    assert len({velocity for *_, velocity in piece["notes"]}) > 1


@pytest.mark.slow
def test_a_bad_file_gets_one_line_that_says_what_to_do_and_nothing_is_kept(studio):
    before = names(studio)
    for data, name, said in [
        (b"", "a.mid", "empty"),
        (b"RIFF\x00\x00", "song.mid", "neither MIDI"),
        (b"MThd\x00\x00\x00\x06\x00\x00\x00\x00\x01\xe0", "a.mid", "no tracks"),
        (b"just words", "a.abc", "no tune"),
        (b"X:1\nT:nothing\nK:C\n", "a.abc", ""),
        (b"X:1\nT:no key\nL:1/8\nCDEF GABc|cBAG FEDC|\n", "a.abc", "no K: line"),
    ]:
        refused = bring(studio, data, name)
        assert refused.status_code == 422
        line = refused.json()["error"]
        assert said in line
        assert "\n" not in line
        assert ".abc" in line
        assert names(studio) == before


def test_a_file_larger_than_the_limit_is_refused_before_it_is_read(studio):
    refused = bring(studio, b"M" * (UPLOAD_BYTES + 1))
    assert refused.status_code == 413
    assert str(UPLOAD_BYTES) in refused.json()["error"]


@pytest.mark.slow
def test_pieces_come_no_faster_than_a_person_makes_them(studio, monkeypatch):
    monkeypatch.setattr(limits, "MOST_A_MINUTE", 3)
    content = names(studio)[0]
    assert [compose(studio, content).status_code for _ in range(4)] == [201, 201, 201, 429]
    assert studio.post("/api/studio/variations", json={"content": content}).status_code == 429
    assert bring(studio, ABC.encode(), "jig.abc").status_code == 429
    piece = names(studio)[0]
    assert piece == content  # nothing was kept


@pytest.mark.slow
def test_when_every_place_is_taken_the_next_is_asked_to_wait(studio):
    content = names(studio)[0]
    taken = [limits.slow_slot() for _ in range(limits.AT_ONCE)]
    for each in taken:
        each.__enter__()
    refused = compose(studio, content)
    for each in taken:
        each.__exit__(None, None, None)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert compose(studio, content).status_code == 201


@pytest.mark.slow
def test_old_pieces_go_and_those_with_a_link_stay(studio, monkeypatch):
    monkeypatch.setattr(pieces, "KEPT_PIECES", 2)
    content = names(studio)[0]
    made = [compose(studio, content, seed).json()["name"] for seed in range(2)]
    studio.post(f"/api/studio/{made[0]}/link")
    made += [compose(studio, content, seed).json()["name"] for seed in (2, 3)]
    assert [studio.get(f"/api/studio/{name}").status_code for name in made] == [200, 404, 200, 200]


@pytest.mark.slow
def test_the_best_clips_met_come_first_and_clips_that_wait_for_their_pair_are_left_out(studio):
    open_now = studio.get("/api/offers").json()
    for _ in range(2):
        offer = open_now[0]
        met = {f"clips/{offer[side]['clip_id']}" for side in ("left", "right")}
        address = f"/api/offers/{offer['offer_id']}/vote"
        open_now = studio.post(address, json={"outcome": "left", "heard_ms": HEARD}).json()["open"]
    found = studio.get("/api/studio/choices", params={"limit": 96}).json()
    waiting = {f"clips/{offer[side]['clip_id']}" for offer in open_now for side in ("left", "right")}
    assert waiting.isdisjoint(each["name"] for each in found)
    ranks = [each["rank"] for each in found]
    assert ranks[0] == 1 or met <= waiting
    known = [rank for rank in ranks if rank]
    assert known == list(range(1, len(known) + 1))
    assert ranks[: len(known)] == known
    assert found[0]["traits"]
    assert studio.get(found[0]["notes_url"]).json()["notes"]


def test_a_clip_composed_for_somebody_else_is_nobodys_source(studio, visitor, stock):
    stranger = visitor()
    stranger.get("/api/listener")
    owner = stranger.get("/api/listener/export").json()["listener"]["id"]
    theirs = stock(clips=1, composed_for=uuid.UUID(owner))[0]
    assert studio.get(f"/api/studio/clips/{theirs}").status_code == 404
    assert stranger.get(f"/api/studio/clips/{theirs}").status_code == 200
    assert f"clips/{theirs}" not in names(stranger, limit=96)  # they are to meet it blind


def test_nothing_to_choose_yet_is_said_as_such(client):
    client.get("/api/listener")
    assert client.get("/api/studio/choices").status_code == 503


@pytest.mark.slow
def test_the_studio_goes_into_the_export_and_away_with_the_listener(studio):
    piece = compose(studio, names(studio)[0]).json()
    key = studio.post(f"/api/studio/{piece['name']}/link").json()["key"]
    exported = studio.get("/api/listener/export").json()
    assert [f"pieces/{each['id']}" for each in exported["studio"]] == [piece["name"]]
    assert studio.delete("/api/listener").status_code == 200
    studio.get("/api/listener")
    assert studio.get(f"/api/studio/links/{key}").status_code == 404


@pytest.mark.slow
def test_a_clip_that_is_kept_is_one_piece_of_the_studio_however_often(studio):
    clip = names(studio)[0]
    first, again = (studio.post(f"/api/studio/{clip}/keep") for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    kept = studio.get(f"/api/studio/{first.json()['name']}").json()
    assert kept["notes"] == studio.get(f"/api/studio/{clip}").json()["notes"]
    assert first.json()["name"] in names(studio)
    assert studio.post(f"/api/studio/clips/{uuid.uuid4()}/keep").status_code == 404


def test_a_tune_goes_along_with_pieces_in_many_or_all_styles_their_variations_and_on_a_way(
    studio, context, monkeypatch
):
    content, other = names(studio)[:2]
    generation, asked = type(context.studio.generation), []
    all_of = generation.generate_all

    def seen(self, requests):
        asked.extend(requests)
        return all_of(self, requests)

    monkeypatch.setattr(generation, "generate_all", seen)
    styles = {name: {"source": other} for name in ("rhythm", "register", "texture")}
    assert compose(studio, content, **styles).status_code == 201
    (one,) = asked
    assert len(one.locks.notes["notes"]) > 0
    assert not one.locks.bars
    asked.clear()
    recipe = {"content": content, "styles": styles, "seed": 0}
    assert studio.post("/api/studio/variations", json={**recipe, "count": 2}).status_code == 201
    assert all(each.locks.notes for each in asked)
    asked.clear()
    recipe["styles"] = {name: {"source": other} for name in STYLE_GROUPS}
    assert studio.post("/api/studio/variations", json={**recipe, "count": 2}).status_code == 201
    assert all(each.locks.notes for each in asked)
    asked.clear()
    way = {"content": content, "toward": other, "steps": 3}
    assert studio.post("/api/studio/interpolations", json=way).status_code == 201
    near, same, far = (each.locks.notes["notes"] for each in asked)
    assert near == same != far
    assert [set(each.styles) for each in asked] == [{*PASSING[:2]}, {*PASSING[:3]}, {*PASSING[4:]}]

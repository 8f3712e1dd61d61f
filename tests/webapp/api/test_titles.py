from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile

from models.atlas.material import tune_points
from models.atlas.points import DrawnMap, load_shipped_map
from models.atlas.projection import nearest, place
from models.atlas.quality import judge
from models.music import corpora
from models.style.bundle import WEIGHTS
from models.title.tunes import tunes_of
from models.title.two_tower import TitleBundle, load_towers, note_in_card
from webapp.maps import drawing, open_maps, title_search
from webapp.runtime.recent import Recent

CARD = json.loads((WEIGHTS / "titles-cpu" / "card.json").read_text(encoding="utf-8"))
JIG = b"X:1\nT:The Test Jig\nM:6/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd|dAF DFA|dAF def|gfe fed|ecA d3:|\n"


@pytest.fixture(scope="session")
def towers() -> TitleBundle:
    return load_towers()


@pytest.fixture
def drawn(context, towers, monkeypatch):
    """Maps of real tunes and titles in the towers' space; how they look doesn't matter here."""
    monkeypatch.setattr(open_maps, "_kept", Recent(9))
    pieces = corpora.load("oneills1850", limit=60)
    made = {}
    for kind in ("tunes", "titles"):
        points = tune_points(towers, tunes_of(pieces), pieces, kind)
        places = np.ascontiguousarray(points.vectors[:, :2])
        quality = judge(points.vectors, places, {}, 0)
        made[kind] = DrawnMap(points, places, nearest(points.vectors, 10), {"quality": quality.to_json()})
        drawing.store(context.atlas, kind, towers.version, 0, made[kind])
    return made


@pytest.fixture
def listener(client):
    client.get("/api/listener")
    return client


@pytest.mark.slow
def test_words_find_the_tunes_that_the_towers_find_and_these_play(listener, drawn, towers):
    answer = listener.get("/api/titles/tunes", params={"words": "The Mill Reel", "limit": 5})
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    points = drawn["tunes"].points
    cosines = points.vectors @ towers.towers.titles(["The Mill Reel"])[0]
    assert found[0]["text"] == points.texts[int(cosines.argmax())]
    assert [each["cosine"] for each in found] == sorted((each["cosine"] for each in found), reverse=True)
    assert found[0]["cosine"] == pytest.approx(float(cosines.max()), abs=1e-3)
    assert len({each["text"] for each in found}) == 5
    samples, _ = soundfile.read(io.BytesIO(listener.get(found[0]["audio_url"]).content))
    assert abs(samples).max() > 0.05


@pytest.mark.slow
def test_a_file_and_a_clip_get_the_titles_that_the_towers_find(listener, drawn, towers, stock):
    from models.music.abc import read_abc

    brought = listener.post("/api/studio/uploads", params={"name": "jig.abc"}, content=JIG).json()["name"]
    named = listener.get(f"/api/titles/ideas/{brought}").json()
    found = named["results"]
    assert len(found) == 8
    known = {text.casefold() for text in load_shipped_map("titles").points.texts}
    for new in (named["written"], named["recombined"]):
        assert len(set(new)) == title_search.NEW
        assert not {title.casefold() for title in new} & known
    again = listener.get(f"/api/titles/ideas/{brought}").json()
    assert (again["written"], again["recombined"]) == (named["written"], named["recombined"])
    whole = read_abc(JIG.decode())[0].window(0, 8)
    cosines = drawn["titles"].points.vectors @ towers.towers.melodies(tunes_of([whole]))[0]
    best = drawn["titles"].points.texts[int(cosines.argmax())]
    assert best in [each["text"] for each in found[:3]]
    clip = stock(clips=1)[0]
    assert listener.get(f"/api/titles/ideas/clips/{clip}").json()["results"]


@pytest.mark.slow
def test_a_file_takes_its_place_on_a_map_of_tunes_and_nothing_else_moves(listener, drawn, towers, visitor):
    from models.music.abc import read_abc

    found = next(each["map"] for each in listener.get("/api/atlas").json() if each["kind"] == "tunes")
    points = f"/api/atlas/maps/{found['map_id']}/points"
    before = listener.get(points).content
    brought = listener.post("/api/studio/uploads", params={"name": "jig.abc"}, content=JIG).json()["name"]
    answer = listener.get(f"/api/atlas/maps/{found['map_id']}/place/{brought}")
    assert answer.status_code == 200, answer.text
    heard = towers.towers.melodies(tunes_of([read_abc(JIG.decode())[0].window(0, 8)]))
    near = nearest(drawn["tunes"].points.vectors, 10, heard)
    assert [each["row"] for each in answer.json()["neighbours"]] == near.index[0].tolist()
    where = place(heard, drawn["tunes"].points.vectors, drawn["tunes"].places)[0]
    assert (answer.json()["x"], answer.json()["y"]) == pytest.approx(tuple(where), abs=1e-3)
    assert listener.get(points).content == before
    stranger = visitor()
    stranger.get("/api/listener")
    assert stranger.get(f"/api/atlas/maps/{found['map_id']}/place/{brought}").status_code == 404


@pytest.mark.slow
def test_the_odds_are_those_of_the_card(listener, drawn):
    told = listener.get("/api/titles").json()
    measured = CARD["measured"]["titles.title_to_melody.mrr"]
    assert told["odds"]["title_to_melody"]["mrr"]["value"] == measured["value"]
    assert told["odds"]["title_to_melody"]["mrr"]["chance"] == measured["chance"]
    assert told["ready"] == {"tunes": True, "titles": True}
    assert title_search.odds({}) is None


def test_what_was_measured_is_written_into_the_card(tmp_path, towers):
    (tmp_path / "card.json").write_text(json.dumps({"version": "v", "measured": {"old": 1}}), encoding="utf-8")
    note_in_card(TitleBundle(towers.towers, {}, {}, tmp_path), {"titles.title_to_melody.mrr": {"value": 0.5}})
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert card == {"version": "v", "measured": {"titles.title_to_melody.mrr": {"value": 0.5}}}
    with pytest.raises(ValueError, match="no card"):
        note_in_card(TitleBundle(towers.towers, {}, {}), {})


@pytest.mark.slow
def test_words_that_cannot_be_read_are_refused_with_what_to_do(listener, drawn):
    for words in ["", "…!?", "音楽", "a" * 121]:
        refused = listener.get("/api/titles/tunes", params={"words": words})
        assert refused.status_code == 422
        assert refused.json()["error"]


@pytest.mark.slow
def test_music_of_another_listener_is_not_named(listener, drawn, visitor):
    brought = listener.post("/api/studio/uploads", params={"name": "jig.abc"}, content=JIG).json()["name"]
    stranger = visitor()
    assert stranger.get(f"/api/titles/ideas/{brought}").status_code == 401
    stranger.get("/api/listener")
    assert stranger.get(f"/api/titles/ideas/{brought}").status_code == 404


def test_the_generator_refuses_music_without_a_melody(context):
    from models.music.notes import Piece
    from webapp.generation.protocol import BadRequest

    empty = Piece(notes=np.zeros((0, 4)), bars=np.array([[0, 96, 4, 4]]), tempo_bpm=np.array([100.0]))
    with pytest.raises(BadRequest, match="melody"):
        context.generation.towers(melodies=[empty.to_json()])

from __future__ import annotations

import io
import json
import uuid

import numpy as np
import pandas as pd
import pytest
import soundfile
from sqlalchemy import update

from db.tables import Job
from models.atlas.picture_points import measured_piece
from models.atlas.points import DrawnMap, Points, packed
from models.atlas.projection import nearest, style_vectors
from models.atlas.quality import judge
from models.music import corpora
from models.music.abc import read_abc
from models.music.notes import Piece
from models.style.latents import GROUPS
from models.title.tunes import alternatives
from webapp.maps import catalogue, drawing, open_maps
from webapp.runtime.recent import Recent
from webapp.worker import Worker

HEARD = {"left": 4000, "right": 4200}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(open_maps, "_kept", Recent(9))


@pytest.fixture(scope="session")
def tunes() -> Points:
    """Real tunes and their titles in one space, linked; the vectors are counts of pitch classes."""
    pieces = [piece.window(0, 8) for piece in corpora.load("oneills1850", limit=24)]
    counts = [np.bincount(piece.notes[:, 2] % 12, minlength=12) for piece in pieces]
    vectors = np.stack(counts * 2).astype(np.float32) / 10
    size = len(pieces)
    names = [alternatives(piece.titles)[0] for piece in pieces]
    return Points(
        ids=(*(f"tunes/{piece.piece_id}" for piece in pieces), *(f"titles/{i}" for i in range(size))),
        texts=(*names, *names),
        vectors=vectors,
        colours={
            "genre": tuple(piece.genre or "" for piece in pieces) * 2,
            "side": ("tune",) * size + ("title",) * size,
        },
        pieces=tuple(map(packed, pieces)) * 2,
        terms=("free",) * (2 * size),
        links=((),) * size + tuple((i,) for i in range(size)),
    )


@pytest.fixture
def keep(context):
    """``keep(points, kind)``: a map of these points in the database and the store; its id. Drawing has its own test."""

    def store(points: Points, kind: str = "joint", **about) -> str:
        places = np.ascontiguousarray(points.vectors[:, :2])
        near = nearest(points.vectors, 10)
        quality = judge(points.vectors, places, points.colours, 0, near)
        version = about.pop("model_version", "towers-1")
        return drawing.store(
            context.atlas,
            kind,
            version,
            0,
            DrawnMap(points, places, near, {"quality": quality.to_json(), **about}),
        )

    return store


@pytest.fixture
def listener(client):
    client.get("/api/listener")
    return client


@pytest.fixture
def both(keep, tunes) -> tuple[str, str]:
    """Ids of a map of clips and of one of pictures, whose first picture looks as the fourth clip sounds."""
    rows = range(len(tunes) // 2)
    measures = np.stack([measured_piece(Piece.from_json(json.loads(tunes.pieces[row]))) for row in rows])
    order = [3, *(row for row in rows if row != 3)]
    seen = Points(
        ids=tuple(f"pictures/{row}" for row in rows),
        texts=tuple(f"drawing {row}" for row in rows),
        vectors=tunes.vectors[: len(rows)],
        colours={"category": ("animals", "fruit") * (len(rows) // 2)},
        pieces=tuple(tunes.pieces[row] for row in order),
        terms=("free",) * len(rows),
        thumbnails=tuple(b"RIFF%d" % row for row in rows),
        measures=measures[order],
        tied=tuple((tunes.ids[row], "clips/that is gone") for row in order),
    )
    return keep(tunes, "clips"), keep(seen, "pictures", model_version="pictures-1")


@pytest.mark.slow
def test_a_picture_leads_to_its_music_on_the_other_map_and_music_to_its_pictures(listener, both, tunes):
    clips, pictures = (f"/api/atlas/maps/{each}/points" for each in both)
    (music,) = listener.get(f"{pictures}/0/tied").json()
    assert (music["map_id"], music["row"], music["text"]) == (both[0], 3, tunes.texts[3])
    assert listener.get(music["notes_url"]).json() == listener.get(f"{pictures}/0/notes").json()
    first, *_ = listener.get(f"{clips}/3/tied").json()
    assert (first["map_id"], first["row"], first["text"]) == (both[1], 0, "drawing 0")
    seen = listener.get(first["picture_url"])
    assert (seen.headers["content-type"], seen.content) == ("image/webp", b"RIFF0")
    refused = listener.get(f"{clips}/3/picture")
    assert refused.status_code == 404
    assert "map of clips, which has no pictures" in refused.text


@pytest.mark.slow
def test_without_a_map_the_answer_says_so_and_one_can_be_asked_for_once(listener):
    found = listener.get("/api/atlas").json()
    assert [each["kind"] for each in found] == ["clips", "tunes", "titles", "joint", "pictures"]
    assert all(each["map"] is None and each["job"] is None for each in found)
    first, second = (listener.post("/api/atlas/tunes") for _ in range(2))
    assert (first.status_code, first.json()["state"]) == (202, "waiting")
    assert second.json() == first.json()
    assert listener.get("/api/atlas").json()[1]["job"]["state"] == "waiting"
    assert listener.post("/api/atlas/moods").status_code == 422


def test_a_stranger_cannot_have_maps_drawn(client, visitor):
    assert visitor().post("/api/atlas/tunes").status_code == 401


@pytest.mark.slow
def test_all_points_come_by_columns_and_small(listener, keep, tunes):
    left_out = {"pieces": 3, "why": "without a title or a melody"}
    map_id = keep(tunes, left_out=left_out)
    about = listener.get("/api/atlas").json()[3]["map"]
    assert about["left_out"] == left_out
    assert (about["map_id"], about["points"], about["data_hash"]) == (map_id, len(tunes), tunes.hash)
    assert about["quality"]["trustworthiness"]["chance"] is not None
    assert listener.get(f"/api/atlas/maps/{map_id}").json() == about
    answer = listener.get(f"/api/atlas/maps/{map_id}/points")
    assert "immutable" in answer.headers["cache-control"]
    body = answer.json()
    assert len(body["x"]) == len(body["y"]) == len(tunes)
    assert body["text"][0] == tunes.texts[0]
    genre = body["colours"]["genre"]
    assert tuple(genre["labels"][code] if code >= 0 else "" for code in genre["codes"]) == tunes.colours["genre"]
    half = len(tunes) // 2
    assert (body["links"][-1], body["links"][half - 1]) == ([half - 1], [len(tunes) - 1])  # a line either way
    plain = listener.get(f"/api/atlas/maps/{map_id}/points", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == body


@pytest.mark.slow
def test_a_point_plays_and_has_a_score_neighbours_and_its_title(listener, keep, tunes):
    map_id = keep(tunes)
    point = listener.get(f"/api/atlas/maps/{map_id}/points/3").json()
    near = nearest(tunes.vectors, 10)
    assert [each["row"] for each in point["neighbours"]] == near.index[3].tolist()
    assert point["links"] == [{"row": 3 + len(tunes) // 2, "text": tunes.texts[3]}]
    assert (point["text"], point["terms"]) == (tunes.texts[3], "free")
    samples, rate = soundfile.read(io.BytesIO(listener.get(point["audio_url"]).content))
    told = listener.get(point["notes_url"]).json()
    assert len(samples) / rate == pytest.approx(told["seconds"], abs=0.01)
    score = listener.get(point["score_url"]).text
    assert f"T:{tunes.texts[3]}\n" in score
    assert [note[2] for note in told["notes"]] == read_abc(score)[0].notes[:, 2].tolist()
    title = listener.get(f"/api/atlas/maps/{map_id}/points/{3 + len(tunes) // 2}").json()
    assert [each["row"] for each in title["links"]] == [3]


def test_the_file_opens_with_pandas_and_has_every_point(listener, keep, tunes):
    map_id = keep(tunes)
    answer = listener.get(f"/api/atlas/maps/{map_id}/parquet")
    table = pd.read_parquet(io.BytesIO(answer.content))
    assert table.id.tolist() == list(tunes.ids)
    assert {"x", "y", "text", "genre", "neighbors"} <= set(table.columns)


@pytest.mark.slow
def test_what_is_not_there_is_told_as_such(listener, keep, context, tunes, monkeypatch):
    assert listener.get(f"/api/atlas/maps/{uuid.uuid4()}/points").status_code == 404
    map_id = keep(tunes)
    assert listener.get(f"/api/atlas/maps/{map_id}/points/{len(tunes)}").status_code == 404
    assert listener.get(f"/api/atlas/maps/{map_id}/points/-1").status_code == 422
    assert [context.clip_store.delete(key) for key in list(context.clip_store.keys())]
    monkeypatch.setattr(open_maps, "_kept", Recent(9))
    lost = listener.get(f"/api/atlas/maps/{map_id}/points")
    assert lost.status_code == 404
    assert "/maps?kind=joint" in lost.json()["error"]


@pytest.mark.slow
def test_a_listener_sees_their_taste_what_is_new_in_its_place_and_no_clip_that_waits(listener, keep, context, stock):
    stock(clips=40)
    clips = context.database.transaction(lambda session: drawing.pool(session, context.space.version))
    summaries = np.stack([clip.summary for clip in clips])
    composed = listener.get("/api/studio/choices", params={"limit": 1}).json()
    assert composed
    sizes = dict(zip(GROUPS, (4, 3, 2, 3, 2, 1, 2), strict=True))
    from models.music.notes import Piece

    points = Points(
        ids=tuple(clip.name for clip in clips),
        texts=tuple(clip.name for clip in clips),
        vectors=style_vectors(summaries, sizes),
        colours={"domain": ("pop",) * len(clips)},
        pieces=tuple(packed(Piece.from_json(clip.notes)) for clip in clips),
        terms=("free",) * len(clips),
        summaries=summaries,
    )
    map_id = keep(points, "clips", model_version=context.space.version, sizes=sizes)
    new = stock(clips=2)
    seen = listener.get(f"/api/atlas/maps/{map_id}/mine").json()
    assert (len(seen["utility"]), len(seen["sd"]), seen["votes"]) == (len(points), len(points), 0)
    assert len(seen["added"]) == len(new)
    assert all(not each["own"] and -9 < each["x"] < 9 for each in seen["added"])
    assert listener.get(seen["added"][0]["notes_url"]).json()["notes"]
    alone = [listener.get(f"/api/atlas/maps/{map_id}/place/clips/{clip}").json() for clip in new]
    places, together = (sorted((each["x"], each["y"]) for each in some) for some in (alone, seen["added"]))
    assert np.allclose(places, together, atol=2e-4)  # they are told in four decimals
    assert len(alone[0]["neighbours"]) == 10
    open_now = listener.get("/api/offers").json()
    waiting = {f"clips/{offer[side]['clip_id']}" for offer in open_now for side in ("left", "right")}
    seen = listener.get(f"/api/atlas/maps/{map_id}/mine").json()
    hidden = {points.ids[row] for row in seen["hidden"]}
    assert hidden == waiting & set(points.ids)
    offer = open_now[0]
    listener.post(f"/api/offers/{offer['offer_id']}/vote", json={"outcome": "left", "heard_ms": HEARD})
    after = listener.get(f"/api/atlas/maps/{map_id}/mine").json()
    assert after["votes"] == 1
    assert after["utility"] != seen["utility"]


@pytest.mark.slow
def test_a_map_of_tunes_says_nothing_of_taste(listener, keep, tunes):
    seen = listener.get(f"/api/atlas/maps/{keep(tunes)}/mine").json()
    assert (seen["utility"], seen["hidden"], seen["added"]) == (None, [], [])


@pytest.mark.slow
def test_the_worker_draws_a_map_of_real_tunes_once_and_tells_how_far_it_is(listener, context, monkeypatch):
    monkeypatch.setattr("webapp.composing.pool.leave_job", lambda *_, **__: False)
    told: list[dict] = []
    real = catalogue.jobs.tell_progress
    monkeypatch.setattr("db.queries.jobs.tell_progress", lambda s, j, p: told.append(p) or real(s, j, p))
    listener.post("/api/atlas/joint")
    context.database.transaction(
        lambda session: session.execute(update(Job).values(payload={"kind": "joint", "seed": 0, "limit": 30}))
    )
    worker = Worker(context)
    assert worker.step()
    found = listener.get("/api/atlas").json()[3]
    assert found["job"]["state"] == "done", found["job"]
    assert found["map"]["points"] > 60
    assert list(dict.fromkeys(each["stage"] for each in told)) == list(drawing.STAGES)
    shares = [each["share"] for each in told]
    assert shares == sorted(shares)
    assert told[-1]["seconds_left"] is not None
    assert listener.get(f"/api/atlas/maps/{found['map']['map_id']}/points/0/score").text.startswith("X:1")
    assert listener.post("/api/atlas/joint").json()["state"] == "done"  # so soon it is not drawn again

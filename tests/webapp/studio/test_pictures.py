from __future__ import annotations

import base64
import io
import uuid
import zipfile

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from db.queries import clips as clip_rows
from db.tables import PICTURES, Clip, Offer, StudioPiece
from models.style.latents import DRAWN_FROM, Latents
from webapp.composing import media, pool
from webapp.listeners import archive, restore
from webapp.listeners.archive import export

pytestmark = pytest.mark.slow

HEARD = {"left": 2000, "right": 2000}


@pytest.fixture
def studio(client, context):
    """A listener of pictures with a pool: their client."""
    pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 24, "seed": 1}, 24)
    client.get("/api/listener")
    client.patch("/api/listener", json={"domain": PICTURES})
    return client


def names(studio) -> list[str]:
    return [each["name"] for each in studio.get("/api/studio/choices?domain=pictures&limit=24").json()]


def compose(studio, content: str, **recipe) -> dict:
    answer = studio.post("/api/studio/pieces", json={"content": content, **recipe})
    assert answer.status_code == 201, answer.text
    return answer.json()


def latents_of(context, name: str) -> Latents:
    kind, _, number = name.partition("/")
    table = Clip if kind == "clips" else StudioPiece
    found = context.database.transaction(lambda s: s.get(table, uuid.UUID(number)).latents)
    return Latents.from_json(found)


def test_a_picture_opens_with_a_dial_for_each_measure_and_no_sound(studio):
    opened = studio.get(f"/api/studio/{names(studio)[0]}").json()
    assert set(opened["dials"]) == {"size", "warmth", "colourfulness", "brightness", "contrast", "busyness"}
    assert len(opened["dials"]["warmth"]["real"]) == 5
    assert (opened["audio_url"], opened["notes"], opened["bars_s"]) == ("", [], [])
    assert media.is_drawing(studio.get(opened["image_url"]).content)
    assert Image.open(io.BytesIO(studio.get(opened["downloads"]["png"]).content)).size == (1024, 1024)
    assert studio.get(opened["image_url"].replace("/image", "/mp3")).status_code == 422


def test_a_palette_is_borrowed_and_the_shape_stays(studio, context):
    one, other = names(studio)[:2]
    made = compose(studio, one, styles={"palette": {"source": other, "strength": 1}})
    own, lender, new = (latents_of(context, name) for name in (one, other, made["name"]))
    assert np.allclose(new.groups["palette"], lender.groups["palette"], atol=1e-4)
    for group in ("shape", "light", "line"):
        assert np.allclose(new.groups[group], own.groups[group], atol=1e-4)
    half = compose(studio, one, styles={"palette": {"source": other, "strength": 0.5}})
    palettes = [latents_of(context, name).groups["palette"][0] for name in (one, half["name"], other)]
    whole = np.linalg.norm(palettes[2] - palettes[0])
    assert all(np.linalg.norm(palettes[1] - palettes[end]) < whole for end in (0, 2))


@pytest.mark.parametrize(("attribute", "group"), [("brightness", "light"), ("warmth", "palette")])
def test_a_dial_turns_what_is_measured_in_its_own_group_alone(studio, context, attribute, group):
    dials = {name: studio.get(f"/api/studio/{name}").json()["dials"][attribute] for name in names(studio)[:8]}
    one, before = max(dials.items(), key=lambda each: each[1]["value"])  # which has most to give
    made = compose(studio, one, turned={attribute: -1.0})
    after = made["dials"][attribute]
    assert after["value"] < before["value"] - 0.4 * before["sd"]
    own, new = latents_of(context, one), latents_of(context, made["name"])
    for name in own.groups:
        assert np.allclose(new.groups[name], own.groups[name], atol=1e-4) == (name != group)


def test_an_older_picture_is_shown_as_it_was_and_becomes_a_drawing_when_it_is_changed(studio, context):
    one = names(studio)[0]
    number = uuid.UUID(one.partition("/")[2])

    def grow_old(session) -> None:
        clip = session.get(Clip, number)
        piece = {name: value for name, value in clip.latents["piece"].items() if name != DRAWN_FROM}
        clip.latents = {**clip.latents, "piece": piece}

    context.database.transaction(grow_old)
    shown = studio.get(f"/api/studio/{one}/image")
    assert shown.headers["content-type"] == "image/png"
    made = compose(studio, one, turned={"brightness": -1.0})
    assert media.is_drawing(studio.get(made["image_url"]).content)


def test_what_a_picture_has_not_is_refused_in_words(studio, stock):
    stock("pop", 8)
    one = names(studio)[0]
    music = studio.get("/api/studio/choices?domain=pop").json()[0]["name"]
    for recipe, says in (
        ({"content": one, "styles": {"rhythm": {"source": one}}}, "palette"),
        ({"content": one, "turned": {"tempo": 1}}, "brightness"),
        ({"content": one, "locks": {"melody": True}}, "no notes"),
        ({"content": one, "styles": {"palette": {"source": music}}}, "pictures only"),
        ({"content": music, "styles": {"rhythm": {"source": one}}}, "can't borrow from a picture"),
    ):
        answer = studio.post("/api/studio/pieces", json=recipe)
        assert answer.status_code == 422, recipe
        assert says in answer.text


def test_a_picture_of_ones_own_is_brought_and_turned(studio):
    file = io.BytesIO()
    pixels = np.full((64, 80, 3), 255, np.uint8)
    pixels[16:48, 20:60] = (200, 30, 30)
    Image.fromarray(pixels).save(file, "PNG")
    brought = studio.post("/api/studio/pictures?name=my%20square.png", content=file.getvalue())
    assert brought.status_code == 201, brought.text
    assert brought.json()["title"] == "my square"
    assert names(studio)[0] == brought.json()["name"]
    made = compose(studio, brought.json()["name"], turned={"brightness": -1})
    assert studio.get(made["downloads"]["png"]).headers["content-type"] == "image/png"
    assert studio.post("/api/studio/pictures?name=x.png", content=b"no picture").status_code == 422


def test_a_new_picture_becomes_a_clip_and_meets_the_old_one_blind(studio, context):
    one, other = names(studio)[:2]
    made = compose(studio, one, styles={"palette": {"source": other}})
    kept = studio.post(f"/api/studio/{made['name']}/keep").json()["clip_id"]
    clip = context.database.transaction(lambda s: clip_rows.get_clip(s, uuid.UUID(kept)))
    assert (clip.domain, clip.kind) == (PICTURES, "studio")
    assert studio.get(f"/api/clips/{kept}/image").headers["content-type"] == "image/svg+xml"
    assert studio.post(f"/api/studio/{made['name']}/offer").status_code == 202
    offers = context.database.transaction(lambda s: list(s.scalars(select(Offer).where(Offer.policy == "studio"))))
    assert [offer.seconds for offer in offers] == [1]


def test_the_file_of_a_picture_in_the_studio_outlives_its_model(studio, context, another_context):
    one = names(studio)[0]
    made = compose(studio, one, turned={"brightness": -1.0})
    image = studio.get(made["image_url"]).content
    (row,) = context.database.transaction(lambda s: list(s.scalars(select(StudioPiece))))
    assert base64.b64decode(row.image) == image

    data = export(context.database, row.listener_id)
    file = archive.pack(data, context.clip_store)
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        assert packed.read(f"studio/{row.id}.svg") == image
    rebuilt, other, stranger = (
        another_context(context.settings.home, migrated=False),
        another_context(),
        another_context(),
    )
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    restore.restore(other.database, other.journal, archive.unpack(file))
    restore.restore(stranger.database, stranger.journal, archive.unpack(file), trusted=False)
    for place, kept in ((rebuilt, row.image), (other, row.image), (stranger, None)):
        (there,) = place.database.transaction(lambda s: list(s.scalars(select(StudioPiece))))
        assert (there.id, there.image) == (row.id, kept)

    def grow_old(session) -> None:
        piece = session.get(StudioPiece, row.id)
        piece.model_version, piece.latents = "older", {**piece.latents, "version": "older"}

    context.database.transaction(grow_old)
    assert studio.get(made["image_url"]).content == image
    assert studio.get(f"/api/studio/{made['name']}").json()["dials"] == {}
    refused = studio.post("/api/studio/pieces", json={"content": made["name"], "turned": {"warmth": 1}})
    assert "older model" in refused.text


def test_each_picture_that_is_kept_from_a_list_is_a_piece_of_its_own(studio):
    one, other = (name.removeprefix("clips/") for name in names(studio)[:2])
    kept = [studio.post(f"/api/studio/clips/{clip}/keep").json()["name"] for clip in (one, other, one)]
    assert kept[0] == kept[2] != kept[1]
    opened = studio.get(f"/api/studio/{kept[1]}").json()
    assert opened["title"] == "A picture you kept"
    drawn, seen = (studio.get(address).content for address in (opened["image_url"], f"/api/clips/{other}/image"))
    assert drawn == seen


def warmth(context, clip_id: str) -> float:
    return latents_of(context, f"clips/{clip_id}").piece["measured"]["warmth"]


def test_what_would_make_a_picture_better_is_drawn_and_checked(studio, context):
    colder = {}
    for _ in range(10):
        offer = studio.get("/api/offers").json()[0]
        warm = [warmth(context, offer[side]["clip_id"]) for side in ("left", "right")]
        outcome = "left" if warm[0] > warm[1] else "right"
        voted = studio.post(f"/api/offers/{offer['offer_id']}/vote", json={"outcome": outcome, "heard_ms": HEARD})
        assert voted.status_code == 200, voted.text
        colder[offer["right" if outcome == "left" else "left"]["clip_id"]] = min(warm)
    waiting = {offer[side]["clip_id"] for offer in studio.get("/api/offers").json() for side in ("left", "right")}
    for hidden in waiting.intersection(colder):  # nobody is told of it before they have judged it again
        assert studio.post(f"/api/taste/clips/{hidden}/change").status_code == 404
    worst = min(colder.keys() - waiting, key=colder.__getitem__)
    answer = studio.post(f"/api/taste/clips/{worst}/change")
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["part"] in {"palette", "light", "line"}
    assert found["heard"]["gain"] > 0
    assert found["piece"]["image_url"]
    checked = studio.post("/api/taste/checks", json={"piece_id": found["piece"]["name"].partition("/")[2]})
    assert checked.status_code == 202, checked.text
    assert checked.json()["waiting"] == 1

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from db.tables import Clip, StudioPiece
from models.metrics.music_statistics import attributes
from models.style.latents import Direction, Directions
from webapp.studio.studio import REACHES


@pytest.fixture
def dials(context, tiny_composer, tmp_path):
    """Rhythm and tempo can be turned; in pop, which the pool holds, tempo does not vary."""
    sizes, spread = tiny_composer.model.config.latent, [1.0, 2.0, 3.0, 4.0, 5.0]
    groups = {
        "rhythm": Direction("onsets_per_bar", 1.5, np.full((1, sizes["rhythm"]), 0.5), {"pop": spread}),
        "tempo": Direction("tempo_bpm", 20.0, np.ones((1, 1)), {"dance": spread}),
    }
    about = {"sha256": "aa", "data": {"hash": "d4", "n": 9}, "commit": "c0", "seed": 0}
    Directions({"version": context.space.version, **about}, groups).save(tmp_path)
    context.style_folder = tmp_path
    return groups


def names(client) -> list[str]:
    return [each["name"] for each in client.get("/api/studio/choices").json()]


@pytest.mark.slow
def test_a_turned_style_is_written_and_the_latents_are_those_of_what_was_written(studio, context, dials):
    content = names(studio)[0]
    told = studio.get(f"/api/studio/{content}").json()["dials"]
    assert set(told) == {"rhythm"}
    assert (told["rhythm"]["attribute"], told["rhythm"]["sd"], told["rhythm"]["real"][2]) == ("onsets_per_bar", 1.5, 3)
    turned = studio.post("/api/studio/pieces", json={"content": content, "turned": {"rhythm": -1.0}, "seed": 3}).json()
    assert turned["recipe"]["turned"] == {"rhythm": -1.0}
    clip, number = (uuid.UUID(name.split("/")[1]) for name in (content, turned["name"]))
    before, notes, latents = context.database.transaction(
        lambda session: (
            session.get_one(Clip, clip).notes,
            session.get_one(StudioPiece, number).notes,
            session.get_one(StudioPiece, number).latents,
        )
    )
    assert notes["notes"] != before["notes"]
    assert latents["groups"] == context.generation.encode(notes).latents["groups"]


def test_a_style_is_turned_as_far_as_makes_it_sound_as_asked(context, dials, tune):
    pieces = [replace(tune, notes=tune.notes[: 8 * bars]) for bars in (3, 2, 1, 1)]  # of 4 onsets a bar: 3, 2, 1, 1
    assert attributes(tune)["onsets_per_bar"] == 4
    far = partial(context.studio.dials.steps_to_sound, tune, made=pieces)
    assert far({"rhythm": -1.0})["rhythm"] == pytest.approx(-1.5)  # 2.5 wanted, between 3 at once and 2 at twice
    assert far({"rhythm": -4.0})["rhythm"] == -4.0 * REACHES[2]  # nothing comes nearer
    assert far({"rhythm": 1.0})["rhythm"] == 1.0 * REACHES[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("turned", "said"),
    [({"tempo": 1.0}, "tempo can't be turned in this music"), ({"mood": 1.0}, "'mood'"), ({"rhythm": 1.0}, "at once")],
)
def test_what_has_no_dial_or_is_borrowed_is_not_turned(studio, dials, turned, said):
    content, other = names(studio)[:2]
    recipe = {"content": content, "turned": turned, "styles": {"rhythm": {"source": other}}}
    refused = studio.post("/api/studio/pieces", json=recipe)
    assert refused.status_code == 422
    assert said in refused.json()["error"]

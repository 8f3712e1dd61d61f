"""New against old from the studio, over HTTP: which may wait blind among a listener's pairs, and where."""

from __future__ import annotations

import pytest

from models.music.midi import write_midi
from tests.webapp.api.test_studio import HEARD, bring, compose, names

pytestmark = pytest.mark.slow


def test_new_against_old_waits_blind_behind_the_open_pairs(studio):
    open_now = studio.get("/api/offers").json()
    content, other = names(studio)[:2]
    for seed in range(20):  # what the tiny model composes is often broken and may not be offered
        piece = compose(studio, content, tempo={"source": other}, seed=seed).json()
        answer = studio.post(f"/api/studio/{piece['name']}/offer")
        if answer.status_code != 422:
            break
    assert answer.status_code == 202
    assert studio.get("/api/offers").json() == open_now
    assert studio.post(f"/api/studio/{piece['name']}/offer").status_code == 409
    for offer in open_now:
        vote = {"outcome": "left", "heard_ms": HEARD}
        left = studio.post(f"/api/offers/{offer['offer_id']}/vote", json=vote).json()["open"]
    assert content.removeprefix("clips/") in {left[0]["left"]["clip_id"], left[0]["right"]["clip_id"]}
    policies = [offer["policy"] for offer in studio.get("/api/listener/export").json()["offers"]]
    assert policies.count("studio") == 1


def test_only_a_piece_made_from_a_clip_can_be_offered(studio, tune):
    brought = bring(studio, write_midi(tune)).json()["name"]
    for name in (brought, compose(studio, brought).json()["name"]):
        refused = studio.post(f"/api/studio/{name}/offer")
        assert refused.status_code == 422
        assert "your own file" in refused.json()["error"]

"""Why a clip, what would have to change, and the check of that claim, over HTTP."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import select

from db.queries.clips import get_clip
from db.queries.offers import met_clips
from db.tables import Offer
from models.style.latents import GROUPS
from models.taste.explain import WORDS
from webapp.composing.clip_maker import ClipMaker
from webapp.research import vote_report
from webapp.taste import explanation
from webapp.taste.explanation import basis


@pytest.fixture
def voter(client, context, stock, vote):
    """A listener with some votes, all by one taste, so that some swap is surely better for them: their client."""
    stock(clips=16)
    client.get("/api/listener")
    for _ in range(8):
        offer = client.get("/api/offers").json()[0]
        left, right = (utility(context, offer[side]["clip_id"]) for side in ("left", "right"))
        assert vote(client, offer["offer_id"], "left" if left > right else "right").status_code == 200
    return client


def utility(context, clip: str) -> float:
    """What a clip is worth to somebody who likes much of every feature."""
    found = context.database.transaction(lambda s: get_clip(s, uuid.UUID(clip)).summary)
    return float(context.space.features(np.array([found])).sum())


def best(client) -> list[str]:
    return [clip["clip_id"] for clip in client.get("/api/taste").json()["best"]]


def change(client, clip: str):
    return client.post(f"/api/taste/clips/{clip}/change")


@pytest.fixture
def changed(voter):
    """The first change that can be made of any of the best clips."""
    for clip in best(voter):
        made = change(voter, clip)
        if made.status_code == 201:
            return made.json()
        assert made.status_code == 422
    pytest.fail("no clip could be changed")


@pytest.mark.slow
def test_a_clip_is_explained_by_parts_that_sum_up(voter):
    clip = best(voter)[0]
    told = voter.get(f"/api/taste/clips/{clip}/why").json()
    assert [part["part"] for part in told["parts"]] == list(GROUPS)
    assert sum(part["utility"] for part in told["parts"]) == pytest.approx(told["utility"])
    assert sum(part["points"] for part in told["parts"]) == pytest.approx(told["chance"] - 0.5)
    assert all(part["sd"] > 0 and part["words"] for part in told["parts"])
    assert told["votes"] == 8


@pytest.mark.slow
def test_a_clip_that_waits_in_a_pair_or_is_somebody_elses_is_not_explained(voter, visitor):
    for clip in (voter.get("/api/offers").json()[0]["left"]["clip_id"], uuid.uuid4()):
        for answer in (voter.get(f"/api/taste/clips/{clip}/why"), change(voter, clip)):
            assert answer.status_code == 404, answer.text
            assert "voted on" in answer.json()["error"]
    other = visitor()
    assert other.get(f"/api/taste/clips/{uuid.uuid4()}/why").status_code == 401
    other.get("/api/listener")
    assert other.get(f"/api/taste/clips/{best(voter)[0]}/why").status_code == 404
    assert other.get("/api/taste/proof").json()["drawn"]["value"] is None
    gone = other.delete("/api/listener").request.headers["cookie"]
    for address in ("/api/taste", "/api/taste/proof", "/api/compose", "/api/taste/checks"):  # a tab that is still open
        answer = other.get(address, headers={"cookie": gone})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_listener"), address


@pytest.mark.slow
def test_with_few_clips_there_is_no_average_to_compare_with(voter, monkeypatch):
    monkeypatch.setattr("webapp.taste.explanation.LEAST_POOL", 1000)
    answer = voter.get(f"/api/taste/clips/{best(voter)[0]}/why")
    assert (answer.status_code, "ask again" in answer.json()["error"]) == (422, True)


@pytest.mark.slow
def test_a_change_takes_one_style_and_plays_beside_the_original(voter, changed):
    assert changed["expected"]["gain"] > 0
    assert 0.5 < changed["expected"]["chance"] < 1
    assert list(changed["piece"]["recipe"]["styles"]) == [changed["part"]]
    assert changed["piece"]["recipe"]["content"] == changed["original"]["name"]
    assert changed["words"]
    assert set(changed["became"]) <= {word for words in WORDS.values() for word in words}
    assert len(changed["became"]) <= explanation.MOST_WORDS
    for each in (changed["original"], changed["piece"]):
        assert voter.get(each["audio_url"]).status_code == 200


@pytest.mark.slow
def test_nothing_is_composed_where_no_swap_is_surely_better(voter, monkeypatch):
    monkeypatch.setattr(explanation, "best_swaps", lambda *_: [])
    answer = change(voter, best(voter)[0])
    assert answer.status_code == 422
    assert "more picks" in answer.json()["error"]


def test_what_could_not_be_offered_is_no_change(voter, changed, monkeypatch):
    clip = changed["original"]["name"].removeprefix("clips/")
    broken = {changed["part"]}
    monkeypatch.setattr(
        ClipMaker, "fault", lambda _self, made, *_: "gap" if broken & {*made.recipe["styles"]} else None
    )
    while (answer := change(voter, clip)).status_code == 201:
        found = answer.json()
        assert found["part"] not in broken
        broken.add(found["part"])
    assert answer.status_code == 422
    assert "it is silent for bars in between" in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.parametrize(("liked", "right"), [("changed", "right"), ("original", "wrong"), ("equal", "equal")])
def test_a_claim_is_offered_as_a_pair_and_what_became_of_it_is_counted(voter, context, vote, changed, *, liked, right):
    piece = changed["piece"]["name"].removeprefix("pieces/")
    offered = voter.post("/api/taste/checks", json={"piece_id": piece})
    assert offered.status_code == 202, offered.text
    assert offered.json()["waiting"] == 1
    assert voter.post("/api/taste/checks", json={"piece_id": piece}).status_code == 409
    (pair,) = context.database.transaction(lambda s: s.scalars(select(Offer).where(Offer.policy == "claim")).all())
    assert pair.pair_probability == 1
    old = uuid.UUID(changed["original"]["name"].removeprefix("clips/"))
    outcome = "equal"
    if liked != "equal":
        outcome = "left" if (pair.left_clip == old) == (liked == "original") else "right"
    assert vote(voter, str(pair.id), outcome).status_code == 200
    told = voter.get("/api/taste/checks").json()
    assert {name: told[name] for name in ("right", "equal", "wrong", "waiting")} == {
        "right": 0, "equal": 0, "wrong": 0, "waiting": 0, right: 1
    }  # fmt: skip
    assert told["low"] < told["value"] < told["high"] or told["value"] in {0, 1}
    found = vote_report.of_study(context.database, context.space, "default").metrics["claim.win_rate"]
    assert (found.value, found.n) == (told["value"], 1)


@pytest.mark.slow
def test_a_piece_that_is_no_single_swap_checks_no_claim(voter, context):
    clips = best(voter)
    style = {"source": f"clips/{clips[1]}"}
    recipe = {"content": f"clips/{clips[0]}", "styles": {"rhythm": style, "tempo": style}}
    made = voter.post("/api/studio/pieces", json=recipe).json()
    answer = voter.post("/api/taste/checks", json={"piece_id": made["name"].removeprefix("pieces/")})
    assert (answer.status_code, "one style" in answer.json()["error"]) == (422, True)
    assert voter.get("/api/taste/checks").json()["waiting"] == 0
    assert voter.get("/api/taste/checks").json()["value"] is None


@pytest.mark.slow
def test_styles_are_borrowed_from_the_pieces_composed_for_oneself_too_once_they_are_met(context, live):
    listener = live(8)
    for _ in range(8):  # most of these pairs hold a clip of their own
        offer = context.pairs.open(listener)[0].id
        context.pairs.record_vote(listener, offer, "left", (2000, 2000))

    def read(session):
        met = met_clips(session, listener, model_version=context.space.version)
        own = {clip.id for clip in met if clip.composed_for == listener}
        base = basis(session, context.studio, listener, next(clip.id for clip in met if clip.id not in own))
        return own, set(base.ids), len(base.pool), len(base.donors)

    own, donors, pool, whole = context.database.transaction(read)
    assert own
    assert own <= donors
    assert whole == len(donors) == pool + len(own)

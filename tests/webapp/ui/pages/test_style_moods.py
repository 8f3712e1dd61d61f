"""Moods on the styles page: its handlers over the map that comes with the weights."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from models.atlas.points import DrawnMap, load_shipped_map
from webapp.listeners import accounts
from webapp.maps import drawing
from webapp.ui.handlers import listener_of
from webapp.ui.pages import style_matrices

OUTPUTS = 8


@pytest.fixture
def token(context) -> str:
    return str(context.identity.token(accounts.create(context.database)))


@pytest.fixture
def shipped_map() -> DrawnMap:
    found = load_shipped_map("clips")
    assert found is not None
    return found


def test_without_a_map_it_says_so_and_where_one_is_drawn(context, token):
    told, room, *_ = style_matrices.shown(context, True, token, "dance", "harmony")
    assert "There is no map of clips yet" in told
    assert "maps?kind=clips" in told
    assert room["visible"] is False


def test_a_group_is_drawn_with_its_accuracy_and_a_point_plays(context, token, shipped_map):
    map_id = drawing.keep(context.atlas, shipped_map)
    found = style_matrices.shown(context, True, token, "dance", "tempo")
    assert len(found) == OUTPUTS
    told, room, points, accuracy, *_, about, drawn = found
    assert "From tempo alone" in told
    assert room["visible"] is True
    assert points["value"]["points"] == f"/api/styles/moods/{map_id}/points?domain=dance&group=tempo"
    assert points["colour"] == "mood"
    assert len(accuracy["rows"]) == 7
    assert "accuracy.csv?domain=dance" in about

    event: Any = SimpleNamespace(row=3)
    marked, player, leads = style_matrices.choose(context, drawn, event)
    row = drawn["rows"][3]
    assert marked["picked"] == 3
    assert player["rows"][0]["audio_url"] == f"/api/atlas/maps/{map_id}/points/{row}/audio"
    assert player["play"]
    assert f"judged {shipped_map.points.colours['mood'][row]}" in leads
    assert f"point={row}" in leads
    assert all("__type__" in each for each in style_matrices.choose(context, drawn, SimpleNamespace(row=10**6)))  # type: ignore[arg-type]


@pytest.mark.slow
def test_clips_that_wait_for_a_blind_pair_are_not_shown(context, client, stock, shipped_map):
    stock("pop", 16)
    token = client.get("/api/listener").json()["listener_token"]
    listener_of(context, token)  # who has only looked is not stored, and their pairs aren't either
    offers = client.get("/api/offers").json()
    waiting = offers[0]["left"]["clip_id"]
    points = shipped_map.points
    row = next(
        row
        for row, (domain, mood) in enumerate(zip(points.colours["domain"], points.colours["mood"], strict=True))
        if domain == "dance" and mood
    )
    ids = (*points.ids[:row], f"clips/{waiting}", *points.ids[row + 1 :])
    drawing.keep(context.atlas, replace(shipped_map, points=replace(points, ids=ids)))
    _, _, shown, *_, drawn = style_matrices.shown(context, True, token, "dance", "tempo")
    assert shown["value"]["hidden"] == [drawn["rows"].index(row)]

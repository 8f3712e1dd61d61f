from __future__ import annotations

import json

import numpy as np
import pytest

from models.evaluate import mood_wishes
from models.evaluate.mood_wishes import Shelf, choose
from models.mood.liking import MOODS
from models.style.drafts import first_drafts
from models.taste.head import Head

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


def test_a_weight_buys_mood_with_liking():
    heard = RNG.uniform(-1, 1, (200, 2))
    shelf = Shelf(RNG.normal(size=(200, 4)), {"first": heard}, heard + RNG.normal(scale=0.2, size=heard.shape))
    people = [Head.of(RNG.normal(size=4), np.eye(4) / 100, "v1") for _ in range(8)]
    asked = [(head, mood) for head in people for mood in MOODS]
    found = [[choose(shelf, *each, who="first", weight=weight, count=3) for each in asked] for weight in (0, 2)]
    right, liked = np.mean(found, axis=1).T
    assert right[0] < 0.5 < right[1]
    assert liked[0] > 0.95
    assert 0.5 < liked[1] < liked[0]


def test_the_command_tells_how_far_the_shipped_drafts_go(capsys, monkeypatch):
    monkeypatch.setattr(mood_wishes, "first_drafts", lambda *of: first_drafts(*of)[::4])
    mood_wishes.main(["--limit", "2"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["data"]["n"] == 3 * 64
    figures = told["metrics"]
    assert figures["mood.wish.pop.drafts.both.0.liked"]["value"] > 0.9
    assert figures["mood.wish.pop.drafts.both.2.quadrant"]["value"] > 0.5
    assert "mood.wish.chorale.openings.first.2.quadrant" in figures

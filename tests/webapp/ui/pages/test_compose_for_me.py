from __future__ import annotations

import re
import uuid

import pytest
from sqlalchemy import update

from db.tables import Job
from webapp.composing import wishes
from webapp.composing.wishes import Wish
from webapp.taste.blind_tests import BlindTests, WinRate
from webapp.ui.pages.taste import composing, likings
from webapp.ui.words import OF_PICTURES

NONE = WinRate(0, 0, 0, None, 0.0, 1.0)


def test_a_mood_is_chosen_for_whatever_is_not_near_a_piece() -> None:
    for mode, shown in (("careful", True), ("surprise", True), ("near", False)):
        chosen = composing.choose(mode, [("No. 1", str(uuid.UUID(int=1)))])
        assert (chosen.mood["visible"] is True) == chosen.tension["visible"] == shown
        assert chosen.near["visible"] != shown


def test_of_pictures_nothing_is_said_of_pieces_or_composing():
    for mode in ("careful", "surprise", "near"):
        chosen = composing.choose(mode, [], True)
        assert (chosen.button["value"], chosen.title) == ("Draw for me", "## Draw for me")
        assert not chosen.tension["visible"]
        assert "piece" not in chosen.about
    nothing = likings.tests_text(BlindTests(NONE, NONE, NONE, NONE, NONE, 5, 3), OF_PICTURES)
    for text in (composing.ended("done", [], OF_PICTURES), composing.ended("failed", [], OF_PICTURES), nothing):
        assert "picture" in text or "Drawing" in text
        assert not {"piece", "compos", "music", "hear"} & set(re.findall(r"piece|compos|music|hear", text.lower()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tension", "mood", "wish"),
    [
        (0, {"target": None}, Wish()),
        (None, None, Wish()),
        (0, {"target": [-0.4, 0.1]}, Wish(mood={"valence": -0.4, "arousal": 0.1})),
        (1, {"target": [0, 0]}, Wish(tension=1, mood={"valence": 0, "arousal": 0})),
    ],
)
def test_the_mood_that_was_chosen_is_wished_for(context, live, tension, mood, wish):
    listener = live()
    composing.compose(context, context.identity.token(listener), "careful", None, 50, tension, mood)
    assert wishes.state(context.database, listener).wish == wish


@pytest.mark.slow
def test_what_was_made_is_named_for_the_pad_until_the_next_is_asked_for(context, live, stock):
    listener = live()
    token = context.identity.token(listener)
    assert composing.look(context, token).opened is None
    composing.compose(context, token, "careful", None, 50, 0, None)
    stock("pop", 1, composed_for=listener)
    context.database.transaction(lambda s: s.execute(update(Job).values(state="done")))
    found = composing.follow(context, token)
    assert found.opened == found.gift["rows"][0]["id"]
    assert composing.look(context, token).opened == found.opened
    assert composing.compose(context, token, "careful", None, 50, 0, {"target": [1, 1]}).opened is None

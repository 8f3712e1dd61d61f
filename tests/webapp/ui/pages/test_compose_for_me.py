"""Compose for me on the page: what a wish shows, and what becomes of the mood that was chosen."""

from __future__ import annotations

import uuid

import pytest

from webapp.composing import wishes
from webapp.composing.wishes import Wish
from webapp.ui.moods import ANY
from webapp.ui.pages.taste import composing


@pytest.mark.parametrize(("mode", "shown"), [("careful", True), ("surprise", True), ("near", False)])
def test_a_mood_is_chosen_for_whatever_is_not_near_a_piece(mode, shown):
    chosen = composing.choose(mode, [("No. 1", str(uuid.UUID(int=1)))])
    assert chosen.mood["visible"] == chosen.tension["visible"] == shown
    assert chosen.near["visible"] != shown


@pytest.mark.parametrize(
    ("tension", "mood", "wish"),
    [(0, ANY, Wish()), (None, None, Wish()), (0, "sad", Wish(mood="sad")), (1, "calm", Wish(tension=1, mood="calm"))],
)
def test_the_mood_that_was_chosen_is_wished_for(context, live, tension, mood, wish):
    listener = live()
    composing.compose(context, context.identity.token(listener), "careful", None, 50, tension, mood)
    assert wishes.state(context.database, listener).wish == wish

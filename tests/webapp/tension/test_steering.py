from __future__ import annotations

import pytest

from webapp.listeners import accounts
from webapp.runtime.errors import NotReady, NotYours
from webapp.studio.pieces import Recipe
from webapp.tension import steering
from webapp.ui.pages.studio import versions

pytestmark = pytest.mark.slow

FREE = {"bars": [], "melody": False, "harmony": False, "rhythm": False}


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


def test_what_is_taken_has_gone_the_way_that_was_asked_and_all_versions_are_kept(context, listener, stock):
    (clip,) = stock(clips=1)
    recipe, now = Recipe(f"clips/{clip}", keep=0.3, seed=5), f"clips/{clip}"
    tenser = steering.steer(context.studio, listener, recipe, now, tenser=True)
    calmer = steering.steer(context.studio, listener, recipe, now, tenser=False)
    assert tenser.seeds == calmer.seeds
    assert sorted(tenser.seeds) == [6, 7, 8, 9]
    assert tenser.before == calmer.before
    assert tenser.piece or calmer.piece
    for found, direction in ((tenser, 1), (calmer, -1)):
        moved = (found.after - found.before) * direction
        assert moved >= steering.LEAST if found.piece else moved == 0
    with pytest.raises(NotYours):
        steering.steer(context.studio, listener, recipe, "clips/00000000-0000-0000-0000-000000000001", tenser=True)


def test_the_desk_is_told_what_came_of_it_or_that_it_is_too_early(context, listener, stock):
    (clip,) = stock(clips=1)
    old, token = {"name": f"clips/{clip}"}, context.identity.token(listener)
    recipe = {"toward": None, "styles": {}, "turned": {}, "keep": 0.3, "locks": FREE, "seed": 0}
    shown = {"old": old, "piece": None, "recipe": recipe, "link": "", "unused": 6, "fixed": False}
    answers = [make(context, token, shown) for make in (versions.make_tenser, versions.make_calmer)]
    took = [(said, order) for said, order in answers if order["do"] == "take"]
    assert took
    for said, order in took:
        assert order["of"] == old["name"]
        assert f'data-piece="{order["piece"]["name"]}"' in said  # goes once another piece is shown
        assert "in standard deviations of real music" in said
    for said, order in answers:
        if order["do"] == "seeds":
            assert sorted(order["seeds"]) == [6, 7, 8, 9]
            assert "None of 4 versions" in said
    assert "somebody else" in versions.make_calmer(context, token, {**shown, "fixed": True})[0]
    with pytest.raises(NotReady, match="still being put"):
        versions.make_tenser(context, token, {"do": "open", "old": old, "piece": None})

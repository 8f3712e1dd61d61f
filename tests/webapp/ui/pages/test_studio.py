"""What the studio says and allows, from what its desk shows."""

from __future__ import annotations

import pytest

from webapp.runtime.errors import NotYours
from webapp.ui.pages import studio
from webapp.ui.pages.studio import finding, tools
from webapp.ui.pages.studio.words import not_offered

FREE = {"bars": [], "melody": False, "harmony": False, "rhythm": False}
KNOWN = {"offered": ["pieces/2"], "linked": "pieces/1", "way": "clips/1 clips/2", "varied": "clips/1"}


def shown(piece="pieces/1", *, mine=True, old="clips/1", side="b", **changes):
    recipe = {"toward": None, "styles": {}, "turned": {}, "keep": 1, "locks": FREE, "seed": 0, **changes}
    made = {"name": piece, "mine": mine, "score_url": "new"} if piece else None
    return {"old": {"name": old, "score_url": "old"}, "piece": made, "recipe": recipe, "fixed": False, "side": side}


def test_what_can_not_be_offered_says_why():
    assert not_offered(shown(), []) == ""
    assert "nothing new" in not_offered(shown(None), [])
    assert "somebody else" in not_offered(shown(mine=False), [])
    assert "our own clips" in not_offered(shown(old="pieces/7"), [])
    assert "already" in not_offered(shown("pieces/2"), KNOWN["offered"])


def test_a_new_piece_of_ones_own_can_be_linked_to_and_offered():
    gates = tools.gates(shown(), KNOWN)
    assert gates.link["interactive"]
    assert gates.offer["interactive"]
    assert gates.url["visible"]
    assert gates.score == {"title": "Score of the new one", "abc_url": "new"}
    assert not gates.again["interactive"]
    assert "Lock something" in gates.again_off


def test_the_way_is_there_once_a_second_piece_was_chosen():
    toward = {"source": "clips/2", "strength": 0.5}
    assert not tools.gates(shown(), KNOWN).way["interactive"]
    assert tools.gates(shown(toward=toward), KNOWN).steps["visible"]
    assert not tools.gates(shown(toward={**toward, "source": "clips/3"}), KNOWN).steps["visible"]


def test_with_nothing_new_the_old_one_has_a_score_and_no_link():
    gates = tools.gates(shown(None, keep=0.5), KNOWN)
    assert gates.score["abc_url"] == "old"
    assert not gates.link["interactive"]
    assert gates.again["interactive"]


def test_a_search_tells_how_many_there_are():
    assert finding.counted(["A", "B"]).startswith("Titles are looked for in A and B;")
    assert finding.counted(["A"], 1, "kate") == "One piece with “kate” in its title."
    assert "no collection" in finding.counted([])


def test_an_address_that_names_no_piece_opens_nothing():
    with pytest.raises(NotYours):
        studio._as_id("'; drop")

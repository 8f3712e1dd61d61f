from __future__ import annotations

from types import SimpleNamespace

import pytest

from webapp.runtime.errors import NotYours
from webapp.ui.pages import studio
from webapp.ui.pages.studio import tools
from webapp.ui.pages.studio.versions import not_offered

FREE = {"bars": [], "melody": False, "harmony": False, "rhythm": False}
KNOWN = {"offered": ["pieces/2"], "linked": "pieces/1", "way": "clips/1 clips/2", "varied": "clips/1"}


def shown(piece="pieces/1", *, mine=True, old="clips/1", side="b", **changes):
    recipe = {"toward": None, "styles": {}, "turned": {}, "keep": 1, "locks": FREE, "seed": 0, **changes}
    made = {"name": piece, "mine": mine, "score_url": "new"} if piece else None
    return {
        "old": {"name": old, "score_url": "old", "first_bar": 9},
        "piece": made,
        "recipe": recipe,
        "fixed": False,
        "side": side,
    }


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
    assert gates.score == {"title": "Score of the new one, from bar 9", "abc_url": "new", "first_bar": 9}
    assert not gates.again["interactive"]
    assert "Lock something" in gates.again_off


@pytest.mark.slow
def test_a_long_file_of_ones_own_is_read_from_the_bar_that_is_chosen(context, stock, live, tmp_path):
    token = context.identity.token(live())
    stock("pop")
    path = tmp_path / "long.abc"
    path.write_text(
        "X:1\nT:Long\nM:4/4\nL:1/8\nK:C\n" + "|".join(["C8", "D8", "E8", "F8"] * 4) + "|\n", encoding="utf-8"
    )
    file, cleared, *opened = studio.bring(context, token, str(path), "dance")
    begun = studio.Opened(*opened)
    assert cleared is None
    assert not path.exists()
    assert begun.desk["note"] == "Read from ABC as a dance tune. These are its bars 1 to 8 of 16. "
    assert (begun.other_bars["visible"], begun.first_bar["maximum"]) == (True, 9)
    later = studio.read_on(context, token, file, 6)
    assert later.desk["old"]["title"] == "Long, from bar 6"
    assert later.desk["old"]["meter"] == [4, 4]
    assert later.first_bar["info"] == "bars 6 to 13 of 16"
    assert later.desk["old"]["first_bar"] == 6
    assert not studio.leave().other_bars["visible"]
    again = studio.read_on(context, token, file, 6)  # the same bars are the piece that is there, not another one
    assert again.desk["old"]["name"] == later.desk["old"]["name"]


def test_a_file_that_is_too_large_is_refused_and_no_copy_stays(context, live, tmp_path):
    path = tmp_path / "large.mid"
    path.write_bytes(b"M" * 300_000)
    file, _, *opened = studio.bring(context, context.identity.token(live()), str(path), "pop")
    assert file is None
    assert "“large.mid” has 293 KB; at most 256 KB are allowed" in studio.Opened(*opened).error
    assert not path.exists()


@pytest.mark.slow
def test_the_address_of_a_clip_opens_it_as_the_old_one(context, stock, live):
    listener_id = live()
    clip = str(next(iter(stock("pop"))))
    request = SimpleNamespace(query_params={"clip": clip})
    arrived = studio.arrive(context, context.identity.token(listener_id), request)
    assert arrived.desk["old"]["name"] == f"clips/{clip}"
    assert arrived.bench["visible"]


def test_an_address_that_names_no_piece_opens_nothing():
    with pytest.raises(NotYours):
        studio._as_id("'; drop")

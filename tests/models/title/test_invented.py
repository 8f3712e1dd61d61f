from __future__ import annotations

import numpy as np

from models.title.tunes import invented

TITLES = (
    "The Siege of Troy",
    "The Monks of the Screw",
    "Rodney's Glory",
    "Gordon's Lament",
    "The Lucky Lover",
    "The Brown Thorn",
)


def test_titles_of_one_build_meet_and_none_is_an_old_one():
    found = invented(TITLES, 50, np.random.default_rng(0))
    assert set(found) == {
        "The Siege of the Screw", "The Monks of Troy", "Rodney's Lament", "Gordon's Glory", "The Lucky Thorn",
        "The Brown Lover",
    }  # fmt: skip
    assert invented(TITLES, 2, np.random.default_rng(0)) == found[:2]


def test_a_title_does_not_say_what_kind_of_tune_it_is():
    assert invented(("Gordon's Hornpipe", "Rodney's Glory"), 9, np.random.default_rng(0)) == []
    assert invented((), 9, np.random.default_rng(0)) == []

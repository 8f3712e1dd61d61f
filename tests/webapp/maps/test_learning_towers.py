"""What towers found while they learned can be chosen by tower, title and step, and played."""

from __future__ import annotations

import pytest

from webapp.maps import drawing, title_search
from webapp.ui.pages.titles import another_tower, watch


def test_towers_of_the_shipped_study_say_what_they_found_at_each_step():
    found = {each.label: each for each in title_search.towers()}
    assert set(found) == {"CNN", "Linear", "Linear, without pitch", "Linear, without rhythm"}
    finds = found["CNN"].finds
    assert {len(steps) for steps in finds.values()} == {10}
    first = next(iter(finds.values()))[0]
    assert 1 <= first.rank <= first.pool
    assert len(first.nearest) == 4
    titles, steps = another_tower("cnn-bag-0")
    assert titles["value"] == titles["choices"][0]
    assert (steps["minimum"], steps["maximum"], steps["step"]) == (0, 360, 40)


def test_without_runs_there_is_nothing_to_choose(tmp_path):
    assert title_search.towers(tmp_path) == ()


def test_another_title_step_and_tower_find_other_tunes_that_play(context):
    title = min(title_search.towers()[0].finds)
    assert "has not been drawn" in watch(context, "cnn-bag-0", title, 360)[0]
    drawing.keep_shipped(context.atlas)
    said, shown = watch(context, "cnn-bag-0", title, 360)
    assert said.startswith('<p class="k-explain')
    assert "After 360 steps its own tune is number" in said
    assert len(shown["rows"]) == 4
    assert all(row["audio_url"].endswith("/audio") for row in shown["rows"])
    before = watch(context, "cnn-bag-0", title, 0)[1]["rows"]
    assert [row["heading"] for row in before] != [row["heading"] for row in shown["rows"]]
    assert watch(context, "linear-linear-0", "no such title", 0)[0] == ""


@pytest.mark.parametrize(("variant", "without", "called"), [("rnn-bag", [], "RNN"), ("odd-bag", ["bar_lines"], "odd")])
def test_a_tower_is_called_by_its_encoder_of_melodies(variant, without, called):
    assert title_search.label(variant, without).startswith(called)

"""Pages without a walk of their own, as a screen reader meets them; walks look at the others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import ACTS, accessible, expect_accessible
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

# frames that a page asks for, of which one that only stands there needs none
COUNTED = """(() => {
  const frame = window.requestAnimationFrame;
  window.asked = 0;
  window.requestAnimationFrame = (draw) => (window.asked++, frame.call(window, draw));
})()"""
ASKED_IN_HALF_A_SECOND = "new Promise((told) => { asked = 0; setTimeout(() => told(asked), 500); })"
MOST_FRAMES = 3  # sixty a second, or a third of them on a busy machine, are asked for by what runs on
RESTS_S = 30.0


@pytest.mark.walk
def test_pages_have_names_for_all_that_one_can_act_on_and_their_landmarks_and_rest_once_they_are_there(site, visit):
    page = visit().page
    page.add_init_script(COUNTED)
    for path in ("together", "make", "explore", "about", "endpoints"):
        page.goto(f"{site.url}/{path}")
        expect_accessible(page)
        wait_until(lambda: page.evaluate(ASKED_IN_HALF_A_SECOND) < MOST_FRAMES, f"{path} rests", page, RESTS_S)


@pytest.mark.walk
def test_charts_have_names_and_tables_say_what_of(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/listeners?study=simulated")
    for name in ("Kinds of taste", "Calibration", "Popularity and beauty"):
        expect(page.get_by_role("img", name=f"{name}, chart")).to_be_visible()
    expect_accessible(page)
    page.goto(f"{site.url}/maps")
    expect(page.get_by_role("grid", name="How far to trust the map")).to_be_visible()


def test_the_reference_of_the_http_interface_has_one_order_of_headings(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/api/docs")
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    names = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map((each) => each.localName)")
    levels = [int(name[1]) for name in names]
    assert levels[0] == 1
    assert set(levels) == {1, 2, 3, 4, 5}
    assert all(below - above <= 1 for above, below in pairwise(levels)), levels
    tree = accessible(page)
    assert [role for role, _, _ in tree].count("main") == 1
    assert [node for node in tree if node[0] in ACTS and not node[1]] == []

"""Two clips that Python gives are heard and voted on, and Python gives the next two."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "pair_player"


@pytest.mark.realtime
def test_a_vote_wakes_once_both_were_heard_and_a_handler_answers_it_with_the_next_pair(shown):
    page = shown()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    expect(page.get_by_test_id("vote-left")).to_be_disabled()
    page.get_by_test_id("player-a").click()  # B follows
    expect(page.locator(".k-hint")).to_have_text("Your pick?")
    page.keyboard.press("2")
    expect(page.get_by_label("Your vote")).to_have_value("right: The Kesh Jig")
    expect(page.get_by_test_id("picks")).to_have_text("1 pick")
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    expect(page.get_by_test_id("vote-left")).to_be_disabled()  # the next pair has to be heard first
    page.keyboard.press("s")
    expect(page.get_by_label("Your vote")).to_have_value("skipped: None")


def test_keys_typed_into_a_field_are_letters(shown):
    page = shown()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    page.get_by_label("Your vote").press("a")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Your vote").blur()
    page.keyboard.press("b")
    expect(page.get_by_test_id("player-b")).to_have_attribute("aria-pressed", "true")


def test_on_a_phone_the_clips_stand_one_above_the_other(shown):
    page = shown(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    first, second = (page.get_by_test_id(f"player-{side}").bounding_box() for side in "ab")
    assert first["x"] == second["x"]
    assert first["y"] < second["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

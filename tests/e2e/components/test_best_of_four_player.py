"""Four clips that Python gives follow one another, and one is picked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "best_of_four_player"


def test_four_clips_play_one_after_the_other_and_the_pick_is_told_to_a_handler(shown):
    page = shown()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    page.get_by_test_id("player-a").click()
    expect(page.locator(".k-hint")).to_have_text("Your pick?")  # six seconds each, hands off
    page.get_by_test_id("pick-c").dblclick(force=True)
    expect(page.get_by_label("Your vote")).to_have_value("c: Cooley's Reel")
    expect(page.get_by_test_id("picks")).to_have_text("1 pick")
    expect(page.get_by_test_id("pick-none")).to_be_disabled()

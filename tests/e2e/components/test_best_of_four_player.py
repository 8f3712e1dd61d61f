"""Four clips that Python gives follow one another, and one is picked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.sound_clock import listen_until

pytestmark = pytest.mark.slow

COMPONENT = "best_of_four_player"


def test_four_clips_play_one_after_the_other_and_the_pick_is_told_to_a_handler(shown):
    page = shown()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    page.get_by_test_id("player-a").click()
    listen_until(page, "document.querySelector('.k-hint').textContent === 'Your pick?'")  # hands off
    begun = page.evaluate("kallosSoundClock.sounds.map((each) => Math.round(each.startedAt))")
    assert begun == [0, 6, 12, 18]
    page.get_by_test_id("pick-c").dblclick(force=True)
    expect(page.get_by_label("Your vote")).to_have_value("c: Cooley's Reel")
    expect(page.get_by_test_id("picks")).to_have_text("1 pick")
    expect(page.get_by_test_id("pick-none")).to_be_disabled()


@pytest.mark.realtime
def test_each_of_the_four_is_heard_for_three_seconds_and_then_one_can_be_picked(shown):
    page = shown()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    for side, others in (("a", "B, C and D"), ("b", "C and D"), ("c", "D")):
        page.keyboard.press(side)
        expect(page.locator(".k-hint")).to_have_text(f"Listen to {others} a little more.")
        expect(page.get_by_test_id("pick-a")).to_be_disabled()
    page.keyboard.press("d")
    expect(page.get_by_test_id("pick-a")).to_be_enabled()

"""A clip on a card is played, moved through, and replaced by a handler."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "piano_roll"


@pytest.mark.realtime
def test_a_clip_plays_from_where_the_roll_is_pointed_at_and_another_one_takes_its_place(shown):
    page = shown()
    play, roll = page.get_by_test_id("player-a"), page.get_by_role("slider")
    expect(play).to_be_enabled()
    roll.press("End")
    roll.press("ArrowLeft")
    expect(play).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".k-time")).to_contain_text("0:05")
    before = roll.screenshot()
    page.get_by_label("Tune").click()
    page.get_by_role("option", name="Cooley's Reel").click()
    expect(play).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".k-time")).to_have_text("0:00 / 0:06")
    assert roll.screenshot() != before

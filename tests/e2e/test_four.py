"""The most beautiful of four in a real browser: same rules as the pairs, and a way on from the winner."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until

pytestmark = [pytest.mark.slow, pytest.mark.walk]


def test_one_of_four_is_picked_once_and_leads_on_to_more_like_it(visit):
    visitor = visit().arrive("/four")
    for outcome in ("a", "b", "c", "d", "none"):
        expect(visitor.get(f"pick-{outcome}")).to_be_disabled()
    expect(visitor.get("pick-skipped")).to_be_enabled()
    expect_accessible(visitor.page)
    before = visitor.api("/api/fours")
    visitor.page.reload()
    expect(visitor.get("player-a")).to_be_enabled()
    assert visitor.api("/api/fours") == before
    visitor.hear("a")  # the others follow by themselves
    listen_until(visitor.frame, "/Your pick/.test(document.querySelector('.k-hint').textContent)")
    visitor.get("pick-b").dblclick(force=True)
    visitor.expect_picks(1)
    expect(visitor.get("pick-b")).to_be_disabled()  # the next four has to be heard first
    voted = [four["vote"]["outcome"] for four in visitor.api("/api/listener/export")["fours"] if four["vote"]]
    assert voted == ["b"]
    picked = before[0]["clips"][1]["clip_id"]
    expect(visitor.get("more")).to_have_attribute("href", re.compile(picked))
    visitor.get("more").click()
    # in a young pool every other piece may wait in the next fours
    expect(visitor.frame.locator(".k-lead")).to_have_text(re.compile("leads on to others|Every other one waits"))
    start = visitor.frame.locator("#start").get_by_role("button", name="Play You started from this one")
    start.click()
    expect(visitor.frame.locator("#start .k-play")).to_have_attribute("aria-pressed", "true")
    visitor.frame.get_by_role("link", name="Back to best of four").click()
    visitor.page.wait_for_url(re.compile("/four$"))

"""Pictures in a real browser: chosen, looked at, picked by key, counted; and the way back to music."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.sound_clock import listen
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

READY_S = 120  # at most, until the pool holds a few pictures


def wait_for_pictures(site, count: int = 8) -> None:
    wait_until(lambda: site.health()["pool"]["pictures"] >= count, f"the pool holds {count} pictures", most_s=READY_S)


def look_for(visitor, seconds: float) -> None:
    """Once the page has been told what is in view, which it is as late as this test."""
    for side in ("a", "b"):
        expect(visitor.get(f"picture-{side}")).to_be_in_viewport(ratio=0.6)
    listen(visitor.page, seconds)


def test_pictures_are_picked_by_key_and_music_comes_back(site, visit):
    wait_for_pictures(site, 2)
    visitor = visit().arrive()
    page = visitor.page
    page.get_by_role("radio", name="Pictures", exact=True).check()
    for side in ("a", "b"):
        expect(visitor.get(f"picture-{side}")).to_have_attribute("alt", f"picture {side.upper()}")
        assert visitor.get(f"picture-{side}").evaluate("image => image.naturalWidth") == 480
        expect(visitor.get(f"player-{side}")).to_be_hidden()
    expect(visitor.get("volume")).to_be_hidden()
    expect(page.locator(".k-note")).to_contain_text("look at in silence")
    sizes = {page.get_by_test_id(f"picture-{side}").bounding_box()["width"] for side in ("a", "b")}
    assert len(sizes) == 1

    ticks = page.locator(".k-ticks .k-done")
    for number in range(1, 7):
        look_for(visitor, 1.1)
        expect(visitor.get("vote-left")).to_be_enabled()
        before = visitor.get("picture-a").get_attribute("src")
        page.keyboard.press("12"[number % 2])
        visitor.expect_picks(number)
        expect(ticks).to_have_count(number)
        expect(visitor.get("picture-a")).not_to_have_attribute("src", before)  # the next pair is there, and counts
    seen = [offer["vote"] for offer in visitor.api("/api/listener/export")["offers"] if offer["vote"]]
    assert [vote["outcome"] for vote in seen] == ["right", "left"] * 3
    page.keyboard.press("u")
    visitor.expect_picks(5)
    expect(ticks).to_have_count(5)
    expect(page.locator(".k-note")).to_contain_text("Undone")  # with it comes what is compared

    page.get_by_role("radio", name="Pop piano").check()
    expect(visitor.get("player-a")).to_be_visible()
    expect(visitor.get("player-a")).to_be_enabled()
    expect(visitor.get("picture-a")).to_have_count(0)
    expect(visitor.get("vote-left")).to_be_disabled()
    expect(ticks).to_have_count(0)  # none of music yet
    visitor.listen()
    visitor.vote("left")
    visitor.expect_picks(6)
    expect(ticks).to_have_count(1)
    page.reload()
    visitor.expect_picks(6)
    expect(ticks).to_have_count(1)


def test_nothing_is_seen_of_a_picture_that_is_out_of_view(site, visit):
    wait_for_pictures(site, 2)
    visitor = visit(viewport={"width": 390, "height": 844}, color_scheme="dark").arrive()
    page = visitor.page
    page.evaluate("document.body.style.paddingTop = '3000px'")
    page.get_by_role("radio", name="Pictures", exact=True).evaluate("radio => radio.click()")
    expect(visitor.get("picture-b")).to_have_count(1)
    page.evaluate("window.scrollTo(0, 0)")
    expect(visitor.get("picture-b")).not_to_be_in_viewport()
    listen(page, 2.5)
    expect(visitor.get("vote-left")).to_be_disabled()
    expect(page.locator(".k-hint")).to_have_text("Look at both for a second.")
    page.evaluate("document.body.style.paddingTop = '0'")
    look_for(visitor, 1.1)
    expect(visitor.get("vote-left")).to_be_enabled()
    expect(page.locator(".k-hint")).to_have_text(re.compile("Your pick"))

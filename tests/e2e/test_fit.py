"""Which fits better, in a real browser: heard once, answered once by a key or a click, and said in words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until

pytestmark = [pytest.mark.slow, pytest.mark.walk]


def test_a_picture_or_a_piece_is_picked_and_the_page_says_what_it_learned(visit):
    visitor = visit(viewport={"width": 390, "height": 844}, color_scheme="dark").arrive("/fit")
    page = visitor.page
    for outcome in ("left", "equal", "right"):
        expect(visitor.get(f"fit-{outcome}")).to_be_disabled()
    expect(page.locator("#fit-said")).to_contain_text("Bright pictures probably sound high to you")
    expect_accessible(page)
    before = visitor.api("/api/fits")
    page.reload()
    expect(visitor.get("player-a")).to_be_enabled()
    assert visitor.api("/api/fits") == before
    visitor.get("player-a").click()  # a second piece follows by itself
    listen_until(page, "!document.querySelector('[data-testid=fit-left]').disabled")
    expect(visitor.get("fit-left")).to_be_enabled()
    pictures = before["open"][0]["kind"] == "pictures"
    visitor.get("picture-right" if pictures else "fit-right").click()
    visitor.expect_picks(1)
    visitor.expect_the_next_pair_to_sound(1)
    expect(page.locator("#fit-said")).to_contain_text(re.compile("Foreseen: [01] of 1 pick"))
    kind = before["open"][1]["kind"]
    expect(page.locator(".k-fit")).to_have_attribute("data-kind", kind)
    for image in page.locator(".k-fit img:visible").all():
        assert image.evaluate("image => image.naturalWidth") > 0
    with page.expect_response(lambda reply: reply.url.endswith("/answer")):
        page.keyboard.press("s")
    answered = [row["outcome"] for row in visitor.api("/api/listener/export")["fits"] if row["outcome"]]
    assert answered == ["right", "skipped"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

"""Whole pieces in a browser: one is composed and sounds, the next comes on top and follows by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_a_piece_is_composed_sounds_and_the_next_one_follows_by_itself(site, visit):
    page = visit().page
    page.goto(f"{site.url}/whole")
    expect(page.locator("#whole-told")).to_contain_text("Play something new")
    page.get_by_role("button", name="Play something new").click()
    rows = page.locator("#whole-pieces .k-listed")
    first, sounding = rows.last, re.compile("k-sounding")
    expect(first).to_have_class(sounding)
    expect(first).to_contain_text(re.compile(r"Pop piano in .+ m(aj|in)or, \d/\dNo\. 1, 24 bars, \d+ s"))
    expect(first.locator(".k-cover svg")).to_be_visible()
    expect(rows).to_have_count(2)
    expect(first).to_have_class(sounding)  # which did not begin anew
    page.keyboard.press("n")
    expect(rows.filter(has_text="No. 2")).to_have_class(sounding)
    page.keyboard.press("p")
    expect(first).to_have_class(sounding)
    first.get_by_role("slider").press("End")
    expect(rows.filter(has_text="No. 2")).to_have_class(sounding)
    expect(first).not_to_have_class(sounding)
    page.reload()
    expect(rows.first).to_contain_text(re.compile(r"No\. [23],"))
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

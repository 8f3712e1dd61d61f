"""What a piece tells grows with the bar that sounds on the page, and stands there whole where nothing sounds."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "unfolding"
LATER = re.compile("k-later")
SOUNDS = "(bar) => document.dispatchEvent(new CustomEvent('kallos.bar', {detail: {name: 'anything', bar}}))"


def test_only_what_could_be_known_by_then_is_shown_while_it_sounds(shown):
    page = shown()
    figure = page.get_by_test_id("unfolding")
    expect(figure).to_contain_text("dance tune")
    later = figure.locator(".k-later")
    expect(later).to_have_count(0)
    columns = figure.locator(".k-unfolding-columns")
    page.evaluate(SOUNDS, 4)  # four bars have sounded
    expect(figure.locator("table").first.locator("tr:nth-child(2) td:nth-child(4)")).not_to_have_class(LATER)
    expect(figure.locator("table").first.locator("tr:nth-child(2) td:nth-child(5)")).to_have_class(LATER)
    expect(columns.nth(0).locator("span").nth(4)).not_to_have_class(LATER)  # foreseen one bar before
    expect(columns.nth(0).locator("span").nth(5)).to_have_class(re.compile("k-later k-due"))
    expect(columns.nth(2).locator("span").nth(7)).not_to_have_class(LATER)  # and four before
    expect(figure.locator("[data-part=now]")).to_contain_text("After bar 4. In one bar:")
    page.evaluate(SOUNDS, 0)
    expect(figure.locator("[data-part=now]")).to_have_text("")
    page.evaluate(SOUNDS, -1)
    expect(later).to_have_count(0)
    figure.locator("summary").click()
    expect(figure.locator("details")).to_contain_text("Valence")

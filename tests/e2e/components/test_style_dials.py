"""A style is turned by keyboard and mouse, and turned back; one without a dial can only be borrowed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "style_dials"


def test_a_dial_is_turned_by_keyboard_and_mouse_and_turned_back(shown):
    page = shown()
    dial, told = page.get_by_test_id("turn-rhythm"), page.get_by_label("Turned")
    expect(dial).to_have_attribute("aria-label", "Turn the rhythm, sparse to busy")
    dial.press("ArrowRight")
    expect(told).to_have_value("rhythm by 0.25")
    expect(dial).to_have_attribute("aria-valuetext", "6.5 instead of 6.0 onsets a bar")
    box = dial.bounding_box()
    page.mouse.click(box["x"] + 9, box["y"] + box["height"] / 2)
    expect(told).to_have_value("rhythm by -2")
    page.get_by_role("button", name="Reset the rhythm").click()
    expect(told).to_have_value("")
    expect(dial).to_have_value("0")


def test_dials_are_marked_where_real_music_was_measured_and_missing_where_there_is_none(shown):
    page = shown()
    tempo = page.locator("[data-group=tempo]")
    expect(page.locator("[data-group=rhythm] [data-part=half]")).to_be_visible()
    expect(tempo.locator("[data-part=half]")).to_be_hidden()
    expect(tempo).to_contain_text("Where real music lies was not measured.")
    expect(page.get_by_test_id("turn-harmony")).to_be_hidden()
    expect(page.get_by_test_id("borrow-harmony")).to_be_visible()


def test_on_a_phone_nothing_stands_out(shown):
    page = shown(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.get_by_test_id("turn-rhythm")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

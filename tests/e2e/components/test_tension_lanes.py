"""Notes tell by pointer and by key what else was likely there, above lanes that are also a table."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "tension_lanes"


def test_a_note_tells_what_was_likely_and_lanes_are_read_as_a_table(shown):
    page = shown()
    notes, told = page.get_by_role("slider", name="Notes, one by one"), page.locator("[data-part=told]")
    expect(told).to_contain_text("Point at a note")
    drawn = notes.locator("i")
    drawn.nth(5).hover()
    expect(told).to_contain_text(
        re.compile(r"Bar 1, .* surprise \d+\.\d nats, .* Likeliest pitches here: .*%, .*%, .*%\.")
    )
    expect(drawn.nth(5)).to_have_class(re.compile("k-told"))
    notes.focus()
    page.keyboard.press("End")
    expect(told).to_contain_text("Bar 8")
    expect(notes).to_have_attribute("aria-valuenow", str(drawn.count()))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(notes).to_have_attribute("aria-valuenow", str(drawn.count() - 1))
    expect(notes).to_have_attribute("aria-valuetext", told.inner_text())
    rows = page.get_by_role("table", name="What was heard in each bar").get_by_role("row")
    expect(rows).to_have_count(9)
    expect(rows.first).to_have_text("BarSurpriseUncertaintyRecognition")
    expect(rows.nth(1)).to_contain_text("–")  # recognised from the fifth bar on
    first, last = (page.locator(".k-tension-columns").first.locator("span").nth(bar).bounding_box() for bar in (0, 7))
    roll = notes.bounding_box()
    assert abs(roll["x"] - first["x"]) < roll["width"] / 8
    assert abs(roll["x"] + roll["width"] - last["x"] - last["width"]) < roll["width"] / 8

"""A list of entries tells Python which one was pressed."""

from __future__ import annotations

from playwright.sync_api import expect

COMPONENT = "entries"


def test_an_entry_is_pressed_by_key(shown):
    page = shown()
    page.get_by_role("button", name="Cooley's Reel").press("Enter")
    expect(page.get_by_label("Chosen")).to_have_value("5")

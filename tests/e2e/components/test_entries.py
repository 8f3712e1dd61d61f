"""A list of entries tells Python which one was pressed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "entries"


def test_an_entry_is_pressed_by_key(shown):
    page = shown()
    page.get_by_role("button", name="Cooley's Reel").press("Enter")
    expect(page.get_by_label("Chosen")).to_have_value("5")


def test_a_press_before_the_script_has_come_is_not_lost(shown):
    page = shown()
    held = []
    page.route("**/entries.js", lambda route: held.append(route))  # noqa: PLW0108 (no method of a list)
    page.reload(wait_until="commit")
    page.get_by_role("button", name="Cooley's Reel").press("Enter")
    expect(page.get_by_label("Chosen")).to_have_value("")
    held[0].continue_()
    expect(page.get_by_label("Chosen")).to_have_value("5")

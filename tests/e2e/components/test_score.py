"""A score is drawn when it is first asked for, and put away again."""

from __future__ import annotations

from playwright.sync_api import expect

COMPONENT = "score"


def test_a_score_is_drawn_when_it_is_asked_for(shown):
    page = shown()
    button = page.get_by_role("button", name="Score")
    expect(page.locator(".k-paper svg")).to_have_count(0)
    button.click()
    expect(page.locator(".k-paper svg")).to_be_visible()
    expect(page.get_by_role("heading", name="Speed the Plough")).to_be_visible()
    button.click()
    expect(page.locator(".k-paper svg")).to_be_hidden()

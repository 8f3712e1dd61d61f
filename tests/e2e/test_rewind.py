"""Going back to an earlier vote on the taste page: by keyboard, on a phone, in the dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 780}, "color_scheme": "dark", "has_touch": True}


def skip_pairs(visitor, number: int) -> None:
    for _ in range(number):
        expect(visitor.get("vote-skipped")).to_be_enabled()
        with visitor.page.expect_response(lambda reply: "/vote" in reply.url):
            visitor.vote("skipped")


def test_votes_are_undone_only_after_a_clear_question(visit):
    visitor = visit(**PHONE).arrive()
    skip_pairs(visitor, 3)
    visitor.page.goto(f"{visitor.url}/taste")
    page, dialog = visitor.frame, visitor.frame.get_by_role("dialog")
    rows = page.locator("#votes li")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("You are here")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert all(
        box["height"] >= 44 for box in [each.bounding_box() for each in page.locator("#votes li button").all()[:3]]
    )

    visitor.get("rewind-1").focus()
    visitor.page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Go back to the skip before your first pick?")
    expect(dialog).to_contain_text("What came after it (2 skips)")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(visitor.votes()) == 3

    kept = visitor.votes()[:1]
    visitor.get("rewind-1").press("Enter")
    expect(dialog).to_be_visible()
    visitor.get("rewind-confirm").press("Enter")
    expect(page.locator("#rewound p")).to_have_text("2 skips undone. You are back at 0 picks.")
    expect(rows).to_have_count(1)
    expect(page.get_by_role("heading", name="Your picks")).to_be_focused()
    assert visitor.votes() == kept

    page.locator("#rewind-0").click()
    expect(dialog).to_contain_text("Start over?")
    visitor.get("rewind-confirm").click()
    expect(page.locator("#rewound p")).to_have_text("1 skip undone. You start over.")
    expect(page.locator("#votes")).to_be_hidden()
    visitor.arrive().expect_picks(0)
    assert visitor.votes() == []


def test_a_past_pair_can_be_heard_again(visit):
    visitor = visit(**PHONE).arrive()
    pair = visitor.api("/api/offers")[0]
    skip_pairs(visitor, 1)
    visitor.page.goto(f"{visitor.url}/taste")
    page = visitor.frame
    page.locator("#votes").get_by_role("button", name="Play the skip before your first pick").click()
    clips = page.locator("#heard-again .k-listed")
    expect(clips).to_have_count(2)
    expect(clips.first.locator(".k-play")).to_have_attribute("aria-pressed", "true")
    clips.last.locator("summary").click()
    with visitor.page.expect_download() as saved:
        clips.last.get_by_role("button", name="Download MIDI as written").click()
    assert saved.value.suggested_filename == "kallos-B-as-written.mid"
    with visitor.page.expect_response(lambda reply: reply.url.endswith(f"{pair['right']['clip_id']}/keep")) as kept:
        clips.last.get_by_role("button", name="Keep in my Studio").click()
    assert kept.value.status == 201


def test_older_votes_are_shown_when_asked_for(visit):
    visitor = visit().arrive()
    skip_pairs(visitor, 10)
    visitor.page.goto(f"{visitor.url}/taste")
    rows = visitor.frame.locator("#votes li")
    expect(rows).to_have_count(8)
    visitor.frame.get_by_role("button", name="Show older picks").click()
    expect(rows).to_have_count(10)
    expect(visitor.frame.get_by_role("button", name="Show older picks")).to_be_hidden()
    expect(rows.nth(8).get_by_role("button", name="Play")).to_be_focused()

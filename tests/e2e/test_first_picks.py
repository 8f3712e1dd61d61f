"""A listener's first ten picks on a desktop, and at the same time another's first six on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until

pytestmark = pytest.mark.slow

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
STYLES = ("rhythm", "register", "harmony", "dynamics", "tempo", "texture")
ON_A_PHONE = 6  # picks: the first clip of one's own is composed then


@pytest.mark.walk
@pytest.mark.timeout(900)  # a busy machine composes slowly
def test_ten_picks_lead_from_the_first_pair_to_a_taste_page_and_a_clip_of_ones_own(visit):
    desktop, phone = visit(**DESKTOP).arrive(), visit(**PHONE).arrive()
    expect_accessible(desktop.page)
    outcomes = ["left", "right", "equal", "left", "right", "right", "left", "right", "equal", "left"]
    for pick, outcome in enumerate(outcomes, start=1):
        visitors = [desktop, phone] if pick <= ON_A_PHONE else [desktop]
        for visitor in visitors:
            visitor.listen()
            visitor.vote(outcome)
            visitor.expect_picks(pick)
            visitor.expect_the_next_pair_to_sound(pick)
            expect(visitor.frame.locator(".k-note")).to_contain_text({6: "compos", 10: "Ten picks"}.get(pick, " pick"))
        if pick == ON_A_PHONE:
            phone.be_silent()
    for visitor, picks in ((desktop, len(outcomes)), (phone, ON_A_PHONE)):
        votes = visitor.votes()
        assert [outcome for _, outcome in votes] == outcomes[:picks]
        assert len({offer_id for offer_id, _ in votes}) == picks
    _read_the_taste_page(desktop)


def _read_the_taste_page(visitor):
    visitor.frame.locator(".k-note").get_by_role("link", name="see what you seem to love").click()
    for style in STYLES:
        expect(visitor.get(f"taste-{style}")).to_be_visible()
    expect_accessible(visitor.page)
    expect(visitor.frame.locator("#best .k-listed")).not_to_have_count(0)
    best = visitor.frame.locator("#best .k-play").first
    best.click()
    expect(best).to_have_attribute("aria-pressed", "true")
    visitor.get("compose").click()
    gift = visitor.frame.locator("#gift .k-play")  # opens once the job is done, which may wait behind others
    expect(gift).to_have_attribute("aria-pressed", "false", timeout=300_000)  # it waits for what sounds
    listen_until(visitor.frame, "!document.querySelector('#best [aria-pressed=true]')")
    expect(gift).to_have_attribute("aria-pressed", "true")
    expect(visitor.frame.locator("#composing .k-explain")).to_have_text(re.compile("blind among your next pairs"))


def test_the_phone_page_fits_its_screen_and_its_thumbs(visit):
    phone = visit(**PHONE).arrive()
    assert phone.frame.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("player-a", "player-b", "vote-left", "vote-equal", "vote-right", "vote-neither", "vote-skipped"):
        box = phone.get(name).bounding_box()
        assert box is not None
        assert box["width"] >= 44
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 844

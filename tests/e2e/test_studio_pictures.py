"""The studio with a picture: turned, lent a palette, undone, kept; and a map of pictures with its music."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_pictures import wait_for_pictures

pytestmark = pytest.mark.slow

COMPOSED_MS = 150_000  # on a machine that trains and tests beside us
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"},
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_turned_lent_a_palette_undone_and_kept(site, visit, size):
    wait_for_pictures(site, 2)
    visitor = visit(**SIZES[size])
    visitor.page.goto(f"{visitor.url}/studio")
    frame = visitor.frame
    frame.get_by_role("radio", name="Pictures", exact=True).check(timeout=COMPOSED_MS)
    choices = frame.locator("#choices-start")
    expect(choices.locator(".k-pictured")).not_to_have_count(0, timeout=COMPOSED_MS)  # no longer the pieces from before
    choices.get_by_role("button", name=re.compile("^Start")).first.click(timeout=COMPOSED_MS)
    said = frame.locator(".k-desk [data-part=said]")
    expect(visitor.get("picture-a")).to_be_visible(timeout=COMPOSED_MS)
    expect(said).to_contain_text("the new one appears")
    for heard in ("#calmer", "#open-future", "#locks", "#play-on"):
        expect(frame.locator(heard)).to_be_hidden()

    dial = visitor.get("turn-brightness")
    dial.focus()
    for _ in range(4):
        dial.press("ArrowLeft")
    expect(visitor.get("picture-b")).to_be_visible(timeout=COMPOSED_MS)
    expect(said).to_contain_text("Turned: brightness towards dark.", timeout=COMPOSED_MS)

    visitor.get("borrow-palette").click()
    picker = frame.locator("#choices-picker")
    picker.get_by_role("button", name=re.compile("^Choose")).nth(1).click(timeout=COMPOSED_MS)
    expect(said).to_contain_text("Borrowed: palette.", timeout=COMPOSED_MS)
    visitor.get("undo").click()
    expect(said).to_contain_text("Undone: palette borrowed.", timeout=COMPOSED_MS)

    frame.locator("#keep-picture").click()
    expect(frame.locator("#told")).to_contain_text("yours alone", timeout=COMPOSED_MS)
    own = visitor.api("/api/listener/export")
    assert [clip["kind"] for clip in own["clips"] if clip["domain"] == "pictures" and clip["composed_for"]] == [
        "studio"
    ]
    width = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0, f"the page is {width} px wider than its window"


@pytest.mark.timeout(600)
def test_a_point_of_the_map_of_pictures_is_seen_with_its_music(visit):
    visitor = visit(**SIZES["desktop"])
    visitor.page.goto(f"{visitor.url}/maps?kind=pictures&point=3")
    panel = visitor.frame
    expect(panel.locator(".k-picture img").first).to_be_visible(timeout=COMPOSED_MS)
    expect(panel.get_by_role("heading", name="On the map of clips")).to_be_visible(timeout=COMPOSED_MS)
    panel.locator(".k-play").first.click()
    expect(panel.locator(".k-play").first).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    panel.get_by_role("heading", name="On the map of clips").locator("xpath=following-sibling::ol[1]").get_by_role(
        "link"
    ).first.click()
    expect(visitor.page).to_have_url(re.compile(r"map=.*point=\d+"))
    strip = visitor.frame.get_by_role("heading", name="Pictures tied to it")
    expect(strip).to_be_visible(timeout=COMPOSED_MS)


@pytest.mark.timeout(600)
def test_a_picture_of_the_map_opens_in_the_studio(visit):
    visitor = visit(**SIZES["desktop"])
    visitor.page.goto(f"{visitor.url}/maps?kind=pictures&point=3")
    visitor.frame.locator("#open-in-studio").click(timeout=COMPOSED_MS)
    expect(visitor.page).to_have_url(re.compile(r"/studio\?piece="), timeout=COMPOSED_MS)
    expect(visitor.get("picture-a")).to_be_visible(timeout=COMPOSED_MS)
    expect(visitor.get("turn-brightness")).to_be_visible()

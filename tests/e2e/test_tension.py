"""A folder of somebody's music is heard, and the rest is left where it lies; what a tune tells grows as it sounds."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HEARD_MS = 180_000  # on a machine that trains and tests beside us
TUNE = "X:1\nT:{0}\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd|dAF DFA|dAF def|gfe fed|ecA d3:|\n"


@pytest.mark.timeout(600)
def test_a_folder_is_heard_and_what_is_no_music_stays_at_home(visit, tmp_path):
    folder = tmp_path / "tunes"
    (folder / "more").mkdir(parents=True)
    for name in ("first.abc", "more/second.ABC"):
        (folder / name).write_text(TUNE.format(name))
    for name in ("cover.png", ".DS_Store", "notes.pdf"):
        (folder / name).write_bytes(b"no music")
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/tension")
    expect(visitor.frame.locator("#heard-files input[type=file]")).to_be_attached(timeout=HEARD_MS)
    expect_accessible(visitor.page)
    visitor.frame.locator("#heard-folder input[webkitdirectory]").set_input_files(folder)
    expect(visitor.frame.get_by_text("tunes has 2 MIDI or ABC files.")).to_be_visible()
    table = visitor.frame.locator("#scores")
    for name in ("first.abc", "second.ABC"):
        expect(table).to_contain_text(name, timeout=HEARD_MS)
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.timeout(600)
def test_what_a_composer_learned_from_such_scores_sounds_beside_its_curve(visit):
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/tension")
    play, about = visitor.frame.locator("#shipped-first button").first, visitor.frame.locator("#about-shipped")
    expect(about).to_contain_text("the reward went", timeout=HEARD_MS)
    expect(about).to_contain_text("A classifier tells what it plays from real music")
    expect(visitor.frame.locator("#plot-shipped .main-svg").first).to_be_visible()
    with visitor.page.expect_response(lambda answer: answer.url.endswith("tension/clips/0")) as got:
        play.click()
    assert got.value.headers["content-type"] == "audio/mpeg"
    expect(visitor.frame.get_by_label("Dance tunes")).to_have_count(0)  # the only kind that it learned is no choice
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.walk
@pytest.mark.timeout(600)
def test_what_a_tune_tells_grows_as_it_sounds(visit):
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/tension")
    visitor.frame.locator("#heard-example").click(timeout=HEARD_MS)
    told = visitor.frame.get_by_test_id("unfolding")
    expect(told).to_contain_text("dance tune", timeout=HEARD_MS)
    expect(told).to_contain_text("G major")
    expect(told.locator(".k-later")).to_have_count(0)
    visitor.frame.locator("#heard-sound button").first.click()
    eighth = told.locator("[data-part=heard] tr:nth-child(2) td:nth-child(5)")
    expect(eighth).to_have_class("k-later")
    first = "[data-part=heard] tr:nth-child(2) td:nth-child(2)"
    listen_until(visitor.frame, f"!document.querySelector('{first}').classList.contains('k-later')")
    visitor.frame.locator("#heard-sound button").first.click()
    expect(told.locator(".k-later")).to_have_count(0)
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= 390

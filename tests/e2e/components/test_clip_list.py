"""A list of clips plays one at a time, and tells Python which button was pressed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.sound_clock import listen

pytestmark = pytest.mark.slow
# without the focus that typing takes
TYPED = "(box, words) => { box.value = words; box.dispatchEvent(new Event('input', {bubbles: true})); }"

COMPONENT = "clip_list"


@pytest.mark.realtime
def test_one_clip_sounds_at_a_time_and_a_button_tells_which_row_it_is_of(shown):
    page = shown()
    first, second = (page.locator(".k-clip").nth(place) for place in (0, 1))
    first.get_by_role("button", name="Play Speed the Plough").click()
    expect(first.locator(".k-play")).to_have_attribute("aria-pressed", "true")
    second.locator(".k-play").click()
    expect(second.locator(".k-play")).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".k-play")).to_have_attribute("aria-pressed", "false")
    expect(second.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0")
    page.get_by_role("button", name="Keep: Cooley's Reel").click()
    expect(page.get_by_label("Kept")).to_have_value("Cooley's Reel")


def test_a_row_stays_low_however_wide_it_is(shown):
    row = shown(viewport={"width": 1600, "height": 900}).locator(".k-clip").first
    expect(row.get_by_role("slider")).to_be_visible()
    assert row.bounding_box()["height"] < 120


def test_a_clip_is_begun_where_its_roll_is_pointed_at(shown):
    page = shown(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    roll = page.get_by_role("slider").first
    roll.press("End")
    roll.press("ArrowLeft")
    expect(page.locator(".k-play").first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_device_is_told_what_sounds_and_its_controls_pause_it_and_go_on(shown):
    page = shown()
    page.evaluate("""() => {
        const session = navigator.mediaSession;
        const set = session.setActionHandler.bind(session);
        window.controls = {};
        session.setActionHandler = (action, act) => set(action, (window.controls[action] = act));
    }""")
    pressed, first, second = "[aria-pressed=true]", *(page.locator(".k-clip").nth(place) for place in (0, 1))
    first.locator(".k-play").click()
    expect(first.locator(f".k-play{pressed}")).to_be_visible()
    assert page.evaluate("navigator.mediaSession.metadata.title") == "Speed the Plough"
    assert page.evaluate("navigator.mediaSession.playbackState") == "playing"
    assert page.evaluate("window.controls.previoustrack") is None
    page.evaluate("window.controls.pause()")
    expect(page.locator(f".k-play{pressed}")).to_have_count(0)
    assert page.evaluate("navigator.mediaSession.playbackState") == "paused"
    page.evaluate("window.controls.nexttrack()")
    expect(second.locator(f".k-play{pressed}")).to_be_visible()
    assert page.evaluate("navigator.mediaSession.metadata.title") == "The Kesh Jig"


def test_a_list_that_is_taken_off_the_page_falls_silent_and_draws_no_more(shown):
    page = shown()
    page.locator(".k-play").first.click()
    expect(page.locator(".k-sounding")).to_have_count(1)
    page.evaluate("""() => {
        const frame = kallosSoundClock.frame.bind(kallosSoundClock);
        window.frames = 0;
        kallosSoundClock.frame = (act) => frame((now) => (window.frames += 1, act(now)));
        document.querySelector(".k-clips-room").remove();
    }""")
    listen(page, 2)
    assert page.evaluate("window.frames") < 5
    assert page.evaluate("kallosSoundClock.sounds.every((each) => each.ended)")


def test_a_row_that_is_gone_before_its_sound_has_come_stays_silent(shown):
    page, held = shown(), []
    page.route(re.compile(r"\.mp3"), lambda route: held.append(route), times=1)  # noqa: PLW0108 (a list's method can be none)
    plays = page.locator(".k-play")
    with page.expect_request(re.compile(r"\.mp3")):
        page.get_by_role("button", name="Play Speed the Plough").click()
    page.get_by_label("Words").fill("jig")
    expect(plays).to_have_count(1)
    with page.expect_response(re.compile(r"\.mp3")):
        held[0].continue_()
    listen(page, 1)
    assert page.evaluate("kallosSoundClock.sounds.length") == 0
    plays.click()
    expect(page.locator(".k-sounding")).to_contain_text("The Kesh Jig")


def test_a_list_that_is_drawn_anew_with_its_key_sounds_on_and_says_what_is_new(shown):
    page = shown()
    row = page.locator(".k-clip").first
    row.locator(".k-play").click()
    expect(page.locator(".k-sounding")).to_have_count(1)
    row.locator(".k-play").focus()
    for said in ("you 60 %", "you 70 %"):
        page.get_by_label("Said of each").evaluate(TYPED, said)
        expect(row).to_contain_text(said)
    expect(page.locator(".k-sounding")).to_have_count(1)
    expect(row.locator(".k-play")).to_be_focused()
    page.get_by_label("Words").fill("jig")
    expect(page.locator(".k-clip")).to_have_count(1)


def test_a_row_says_that_its_sound_did_not_come_until_it_is_pressed_again(shown):
    page = shown()
    page.route(re.compile(r"\.mp3"), lambda route: route.abort(), times=1)
    row = page.locator(".k-clip").first
    said = row.get_by_role("status")
    expect(said).to_have_text("")
    row.locator(".k-play").click()
    expect(said).to_have_text("This clip could not be loaded. Please try again.")
    row.locator(".k-play").click()
    expect(page.locator(".k-sounding")).to_have_count(1)
    expect(said).to_have_text("")

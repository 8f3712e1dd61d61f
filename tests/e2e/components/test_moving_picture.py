"""A picture moves with the sound, stands still with it, and for whoever wants less motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.sound_clock import listen

pytestmark = pytest.mark.slow

COMPONENT = "moving_picture"


def test_the_picture_is_where_the_sound_is(shown):
    page = shown()
    picture = page.get_by_test_id("moving-picture")
    expect(picture).to_have_attribute("data-place", "0.00")
    expect(picture).to_have_accessible_name("Pictures that move with Speed the Plough")
    middle = """each => [...each.getContext("2d").getImageData(480, 480, 1, 1).data]"""
    assert picture.evaluate(middle)[:3] == [255, 0, 0]
    page.get_by_test_id("player-a").click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    listen(page, 3)
    expect(picture).to_have_attribute("data-place", "3.50")  # eight key frames in six seconds
    picture.click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("slider").press("End")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")  # from the start
    listen(page, 7)
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    expect(picture).to_have_attribute("data-place", "7.00")
    red, _, blue, _ = picture.evaluate(middle)
    assert red < 10
    assert blue > 245


def test_who_wants_less_motion_sees_it_stand_still(shown):
    page = shown(reduced_motion="reduce")
    picture = page.get_by_test_id("moving-picture")
    page.get_by_role("slider").press("End")
    listen(page, 0.1)
    expect(picture).to_have_attribute("data-place", "0.00")


def test_a_piece_that_could_not_be_loaded_is_there_when_it_is_chosen_again(shown):
    page = shown()
    page.evaluate("""() => {
        window.decoded = BaseAudioContext.prototype.decodeAudioData;
        BaseAudioContext.prototype.decodeAudioData = () => Promise.reject(new Error("broken"));
    }""")
    choose, said = page.get_by_role("button", name="Play it"), page.get_by_text("Choose it again")
    choose.click()
    expect(said).to_be_visible()
    page.evaluate("() => { BaseAudioContext.prototype.decodeAudioData = window.decoded; }")
    choose.click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    expect(said).to_have_count(0)

"""A picture moves with the sound, stands still with it, and for whoever wants less motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "moving_picture"


def test_the_picture_is_where_the_sound_is(shown):
    page = shown()
    picture = page.get_by_test_id("moving-picture")
    expect(picture).to_have_attribute("data-place", "0.00")
    expect(picture).to_have_accessible_name("Pictures that move with Speed the Plough")
    middle = """each => [...each.getContext("2d").getImageData(240, 240, 1, 1).data]"""
    assert picture.evaluate(middle)[:3] == [255, 0, 0]
    page.get_by_test_id("player-a").click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("Number(document.querySelector('[data-testid=moving-picture]').dataset.place) > 0.5")
    picture.click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    slider = page.get_by_role("slider")
    slider.press("End")
    expect(picture).to_have_attribute("data-place", "7.00")
    red, _, blue, _ = picture.evaluate(middle)
    assert red < 10
    assert blue > 245


def test_who_wants_less_motion_sees_it_stand_still(shown):
    page = shown(reduced_motion="reduce")
    picture = page.get_by_test_id("moving-picture")
    page.get_by_role("slider").press("End")
    page.wait_for_timeout(300)
    expect(picture).to_have_attribute("data-place", "0.00")

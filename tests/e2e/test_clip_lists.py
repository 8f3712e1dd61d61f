"""Several lists of clips on one page: what plays by itself waits for what somebody listens to."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

pytestmark = pytest.mark.slow


def require_silence(tunes: Locator) -> None:
    """A list that is to sound by itself says from the first moment on which clip it waits for."""
    expect(tunes.locator(".k-listed")).to_have_count(8)
    expect(tunes.locator("[aria-busy=true]")).to_have_count(0)
    expect(tunes.locator(".k-sounding")).to_have_count(0)


def test_a_clip_that_plays_by_itself_does_not_break_into_another_list(site, visit):
    page = visit().page
    page.goto(f"{site.url}/titles")
    mine = page.locator("#choices-here .k-listed").first
    mine.locator(".k-play").click()
    playing = page.locator("#choices-here .k-sounding")
    expect(playing).to_have_count(1)
    words = page.get_by_label("Any words")
    words.fill("the sea")
    words.press("Enter")
    require_silence(page.locator("#tunes"))
    expect(playing).to_have_count(1)
    mine.locator(".k-play").click()
    expect(playing).to_have_count(0)
    words.fill("the land")
    words.press("Enter")
    expect(page.locator("#tunes .k-sounding")).to_have_count(1)  # nothing else sounds now


def test_a_clip_that_plays_by_itself_does_not_take_the_place_of_one_that_is_still_loading(site, visit):
    page, held = visit().page, []
    page.goto(f"{site.url}/titles")
    mine = page.locator("#choices-here .k-listed").first
    expect(mine).to_be_visible()
    page.route(re.compile(r"/audio"), lambda route: held.append(route), times=1)  # noqa: PLW0108 (a list's method can be none)
    mine.locator(".k-play").click()
    expect(mine.locator(".k-play")).to_have_attribute("aria-busy", "true")
    words = page.get_by_label("Any words")
    words.fill("the sea")
    words.press("Enter")
    require_silence(page.locator("#tunes"))
    expect(page.locator(".k-sounding")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#choices-here .k-sounding")).to_have_count(1)
    expect(page.locator("#tunes .k-sounding")).to_have_count(0)

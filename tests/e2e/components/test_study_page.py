"""What sounds in one step of a study does not sound on into the next."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.sound_clock import listen
from webapp.studies import headphones
from webapp.ui.components.demo import tunes

pytestmark = pytest.mark.slow

COMPONENT = "study_page"
ALL_SOUNDS = """(() => {
  const { Audio } = window;
  window.sounds = [];
  window.Audio = class extends Audio { constructor(...given) { super(...given); window.sounds.push(this); } };
})()"""
SOUNDING = "window.sounds.filter((each) => !each.paused).length"
HEADPHONES: dict[str, Any] = {"step": "headphones", "title": "A study", "of": 6, "again": False, "kept": None}
MOOD: dict[str, Any] = {"step": "mood", "title": "A study", "of": 2, "kept": None, "question": "How does it sound?"}


def take_part(page: Page, first: dict[str, Any], *answers: tuple[str, Any]) -> None:
    """Somebody who has agreed comes back to this step; what the server answers to what comes after it."""

    def answer(route: Route) -> None:
        given = dict(answers) | {"step": first}
        found = given[route.request.url.partition("/api/study/")[2]]
        if isinstance(found, int):
            route.fulfill(status=found, json={"error": "no participant has this token"})
        elif isinstance(found, bytes):
            route.fulfill(body=found, content_type="audio/wav")
        else:
            route.fulfill(json=found)

    page.route("**/api/study/**", answer)
    page.add_init_script(ALL_SOUNDS)
    page.evaluate("localStorage.setItem('kallos.study.key', 'token')")
    page.goto(f"{page.url}?key=key")


def test_a_tone_is_chosen_once_all_have_sounded_and_none_sounds_on_into_the_next_check(shown):
    page = shown()
    tones = headphones.sound(uuid.UUID(int=1), 1)
    following = {**HEADPHONES, "number": 2, "done": 1}
    take_part(page, {**HEADPHONES, "number": 1, "done": 0}, ("headphones/sound", tones), ("headphones", following))
    play, tone = page.get_by_test_id("study-tones"), page.get_by_test_id("study-tone-1")
    play.click()
    page.wait_for_function("window.sounds.some((each) => each.currentTime > 0)")
    expect(tone).to_be_disabled()
    expect(tone).to_be_enabled()
    assert page.evaluate(SOUNDING) == 0
    play.click()
    page.wait_for_function(f"{SOUNDING} === 1")
    tone.click()
    expect(page.locator("[data-part=text]")).to_contain_text("(2 of 6)")
    assert page.evaluate(SOUNDING) == 0


def test_tones_that_are_refused_are_no_silent_button(shown):
    page = shown()
    take_part(page, {**HEADPHONES, "number": 1, "done": 0}, ("headphones/sound", 404))
    page.get_by_test_id("study-tones").click()
    expect(page.get_by_role("alert").filter(has_text="no participant has this token")).to_be_visible()


def test_a_clip_falls_silent_where_somebody_withdraws(shown):
    page = shown()
    clip = {"offer_id": "offer", "clip": {"audio_url": "/api/study/clip"}, "asks": ""}
    sound = Path(tunes()[0].audio).read_bytes()
    take_part(page, {**MOOD, "done": 0, "trial": clip}, ("clip", sound), ("withdraw", {}))
    play = page.get_by_test_id("study-play")
    play.click()
    expect(play).to_have_text("Pause")
    page.get_by_test_id("study-withdraw").click()
    page.get_by_role("button", name="Delete my answers", exact=True).click()
    expect(page.get_by_role("heading", name="You have withdrawn")).to_be_visible()
    listen(page, 0.1)
    assert page.evaluate("kallosSoundClock.sounds.map((each) => each.ended)") == [True]

"""A camera that was switched off before it was allowed stays off."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "live_player"
PROMPTS = """() => {
  window.prompts = [];
  window.streams = [];
  navigator.mediaDevices.getUserMedia = () => new Promise((allow) => window.prompts.push(() => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").fillRect(0, 0, 9, 9);
    window.streams.push(canvas.captureStream());
    allow(window.streams.at(-1));
  }));
}"""
FILMING = "window.streams.filter((each) => each.active).length"


def test_a_camera_that_was_left_before_it_was_allowed_does_not_film(shown):
    page = shown()
    page.evaluate(PROMPTS)
    for way in ("Camera", "Pictures", "Camera"):
        page.get_by_role("radio", name=way).check()
    page.evaluate("window.prompts.forEach((allow) => allow())")
    expect(page.get_by_test_id("live-camera")).to_be_visible()
    page.wait_for_function("document.querySelector('.k-live video').readyState > 1")
    assert page.evaluate("window.streams.length") == 2
    assert page.evaluate(FILMING) == 1
    page.get_by_role("radio", name="Pictures").check()
    assert page.evaluate(FILMING) == 0
    page.get_by_role("radio", name="Camera").check()
    page.get_by_role("radio", name="Pictures").check()
    page.evaluate("window.prompts.at(-1)()")
    expect(page.get_by_test_id("live-map")).to_be_visible()
    assert page.evaluate("window.streams.length") == 3
    page.wait_for_function(f"{FILMING} === 0")
    expect(page.get_by_test_id("live-said")).to_have_text("")

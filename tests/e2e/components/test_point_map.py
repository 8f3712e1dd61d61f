"""Points on a canvas are chosen by click and by key, one colour is seen alone, and the map is taken along."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

COMPONENT = "point_map"


def test_a_point_is_chosen_by_click_and_by_key(shown):
    page = shown()
    points, chosen = page.get_by_test_id("map"), page.get_by_label("Chosen")
    expect(points).to_have_attribute("data-drawn", "2000")
    points.press("Enter")
    expect(chosen).to_have_value(re.compile(r"point \d+"))
    before = chosen.input_value()
    for key in ("+", "+", "+", "ArrowLeft", "ArrowLeft", "Enter"):
        points.press(key)
    expect(chosen).not_to_have_value(before)
    before = chosen.input_value()
    points.press("0")
    box = points.bounding_box()
    for x, y in ((0.5, 0.5), (0.3, 0.6), (0.25, 0.7), (0.35, 0.65), (0.4, 0.7)):  # one of them meets a point
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(chosen).not_to_have_value(before)


def test_one_colour_is_seen_alone_and_the_map_is_taken_along(shown):
    page = shown(accept_downloads=True, viewport={"width": 1280, "height": 900})
    expect(page.get_by_test_id("map")).to_have_attribute("data-drawn", "2000")
    button = page.get_by_role("button", name=re.compile("^one"))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    taken = {}
    for form in ("CSV", "SVG", "PNG"):
        with page.expect_download() as download:
            page.get_by_role("button", name=form).click()
        assert download.value.suggested_filename == f"kallos-points.{form.lower()}"
        taken[form] = Path(download.value.path()).read_bytes()
    assert taken["CSV"].decode().splitlines()[1] == "x,y,text,group"
    assert len(taken["CSV"].decode().splitlines()) == 2002
    assert taken["SVG"].startswith(b"<svg")
    assert taken["PNG"].startswith(b"\x89PNG")

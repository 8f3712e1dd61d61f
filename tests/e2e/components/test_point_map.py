"""Points on a canvas are chosen by click and by key, one colour is seen alone, and the map is taken along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

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
    points.press("Home")
    box = points.bounding_box()
    for x, y in ((0.5, 0.5), (0.3, 0.6), (0.25, 0.7), (0.35, 0.65), (0.4, 0.7)):  # one of them meets a point
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(chosen).not_to_have_value(before)


def test_what_a_line_is_drawn_around_is_selected_counted_and_let_go(shown):
    page = shown(viewport={"width": 1280, "height": 900})
    points = page.get_by_test_id("map")
    expect(points).to_have_attribute("data-drawn", "2000")
    page.get_by_role("button", name="Lasso").click()
    box = points.bounding_box()
    corners = ((0.05, 0.05), (0.05, 0.95), (0.5, 0.95), (0.5, 0.05))
    for index, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if not index:
            page.mouse.down()
    page.mouse.up()
    selected = page.get_by_label("Selected")
    expect(selected).to_have_value(re.compile(r"^\d+$"))
    count = int(selected.input_value())
    assert 100 < count < 1900
    legend = page.locator(".k-map-legend small")
    assert sum(map(int, legend.all_text_contents())) == count
    page.get_by_label("Words").fill("point 19")
    expect(legend.first).to_have_text(re.compile(r"^\d{1,2}$"))
    lit = sum(map(int, legend.all_text_contents()))
    assert 0 < lit < count
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    svg = Path(download.value.path()).read_text()
    assert f"{lit} of 2000 points stand out: selected, with “point 19” in the title" in svg
    assert svg.count('stroke-width="1.4"') == lit
    assert sum(map(int, re.findall(r">(?:one|two|three) (\d+)<", svg))) == lit
    page.get_by_label("Words").fill("")
    expect(legend.first).to_have_text(re.compile(r"^\d{3}$"))
    points.press("Escape")
    expect(selected).to_have_value("0")
    page.get_by_role("button", name="Select all in view").press("Enter")  # without a mouse
    expect(selected).to_have_value(re.compile(r"^[1-9]\d+$"))


def test_a_region_is_named_where_it_lies_and_from_the_rim_one_gets_to_it(shown):
    page = shown(viewport={"width": 1280, "height": 900})
    points = page.get_by_test_id("map")
    expect(points).to_have_attribute("data-drawn", "2000")
    far = page.get_by_role("button", name="Go to far, 40 points")
    expect(far).to_have_text(re.compile("[←↑→↓↖↗↘↙] far · 40"))
    expect(page.locator(".k-region", has_text="crowd")).to_be_visible()
    far.press("Enter")
    expect(far).to_have_text("far")
    page.get_by_role("button", name="Back to the main part").click()
    expect(far).to_have_text(re.compile("far · 40"))


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
    lines = taken["CSV"].decode().splitlines()
    assert lines[0] == "# Map of points"
    assert lines[3] == "x,y,text,group"
    assert len(lines) == 2004
    svg = taken["SVG"].decode()
    assert svg.startswith("<svg")
    for words in ("Map of points", "Colour: group", "one ", "two ", "three ", "made by chance, seed 0"):
        assert words in svg
    assert taken["PNG"].startswith(b"\x89PNG")


def test_on_a_phone_names_stand_beside_the_points_and_points_beside_the_buttons(shown):
    page = shown(viewport={"width": 390, "height": 844})
    points = page.get_by_test_id("map")
    expect(points).to_have_attribute("data-drawn", "2000")
    crowd = page.locator(".k-region:not([data-rim])", has_text="crowd")
    expect(crowd).to_be_visible()
    assert painted(page, ".k-region:not([data-rim])") < 0.5
    assert painted(page, ".k-zoom") < 0.02
    room, tools = points.bounding_box(), page.locator(".k-map-tools").bounding_box()
    assert tools["y"] >= room["y"] + room["height"]


def painted(page, selector: str) -> float:
    """The largest share of pixels with points that stand behind one of the elements which are seen."""
    return page.evaluate(
        """(selector) => {
            const canvas = document.querySelector(".k-map canvas");
            const [room, context] = [canvas.getBoundingClientRect(), canvas.getContext("2d")];
            const scale = canvas.width / room.width;
            const seen = [...document.querySelectorAll(selector)].filter((each) => !each.hidden);
            return Math.max(...seen.map((each) => {
                const { left, top, width, height } = each.getBoundingClientRect();
                const place = [left - room.left, top - room.top, width, height].map((each) => Math.round(each * scale));
                const { data } = context.getImageData(...place);
                return data.filter((value, index) => index % 4 === 3 && value > 0).length / (data.length / 4);
            }));
        }""",
        selector,
    )


def test_until_its_points_have_come_a_map_shows_none_and_says_where_they_do_not(shown):
    page = shown()
    points, fetched, csv = (
        page.get_by_test_id("map"),
        page.get_by_role("button", name="Points that are fetched"),
        page.get_by_role("button", name="CSV"),
    )
    expect(points).to_have_attribute("data-drawn", "2000")
    expect(csv).to_be_enabled()
    page.route("**/points.json?*", lambda route: route.abort(), times=1)
    fetched.click()
    expect(page.locator("[data-part=source]")).to_contain_text("The points of this map did not come")
    expect(points).to_have_attribute("data-drawn", "0")
    expect(csv).to_be_disabled()
    two = {"x": [0, 1], "y": [0, 1], "text": ["one", "two"], "links": None}
    two["colours"] = {"group": {"labels": ["all"], "codes": [0, 0]}}
    page.route("**/points.json?*", lambda route: route.fulfill(json=two))
    fetched.click()
    expect(points).to_have_attribute("data-drawn", "2")
    expect(page.locator("[data-part=source]")).to_have_text("made by chance, seed 0")
    expect(csv).to_be_enabled()

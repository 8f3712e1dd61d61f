"""Maps that are seen and heard, and titles that find tunes, on a desktop and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from models.atlas.material import tune_points
from models.atlas.points import DrawnMap
from models.atlas.projection import nearest
from models.atlas.quality import judge
from models.music import corpora
from models.style.bundle import SHIPPED_STYLE, read_card
from models.title.tunes import tunes_of
from models.title.two_tower import load_towers
from tests.e2e.accessibility import expect_accessible
from webapp.context import Context
from webapp.maps import drawing
from webapp.runtime.settings import Settings

pytestmark = pytest.mark.slow

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
PATIENCE_MS = 120_000  # on a machine that trains and tests beside us
ABC = b"X:1\nT:The Test Jig\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd|dAF DFA|dAF def|gfe fed|ecA d3:|\n"
FILE = {"name": "jig.abc", "mimeType": "text/vnd.abc", "buffer": ABC}


@pytest.fixture(scope="module")
def maps(site) -> Iterator[dict[str, tuple[str, DrawnMap]]]:
    """Maps of some real tunes in the running application: kind → its id and what is on it. Drawing is tested apart."""
    settings = Settings(
        home=Path(site.environment["KALLOS_HOME"]), database_url=site.environment["KALLOS_DATABASE_URL"]
    )
    context = Context(settings)
    towers, pieces = load_towers(), corpora.load("oneills1850", limit=80)
    made = {}
    for kind in ("tunes", "titles", "joint"):
        points = tune_points(towers, tunes_of(pieces), pieces, kind)
        places = np.ascontiguousarray(points.vectors[:, :2])
        near = nearest(points.vectors, 10)
        quality = judge(points.vectors, places, points.colours, 0, near)
        drawn = DrawnMap(points, places, near, {"quality": quality.to_json()})
        made[kind] = (drawing.store(context.atlas, kind, towers.version, 0, drawn), drawn)
    yield made
    context.close()


def shown(visitor):
    expect(visitor.get("map")).to_have_attribute("data-drawn", re.compile(r"[1-9]\d*"), timeout=PATIENCE_MS)
    return visitor


def expect_to_sound(room) -> None:
    """The player in ``room`` plays and its clock moves on."""
    expect(room.locator(".k-play").first).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    expect(room.locator(".k-roll").first).not_to_have_attribute("aria-valuenow", "0", timeout=PATIENCE_MS)


@pytest.mark.realtime
@pytest.mark.walk
@pytest.mark.timeout(600)
def test_a_point_is_clicked_heard_read_and_found_again_by_its_link(visit, maps):
    map_id, drawn = maps["joint"]
    row = drawn.points.ids.index(next(name for name in drawn.points.ids if name.startswith("titles/")))
    x, y = drawn.places[row]
    visitor = visit(**DESKTOP)
    visitor.page.goto(f"{visitor.url}/maps?map={map_id}&colour=collection&x={x}&y={y}&zoom=60")
    shown(visitor)
    visitor.get("map").click()  # in its middle, once it stands where it stays
    panel = visitor.frame.locator("#map-point")
    expect(panel.locator("b")).to_have_text(drawn.points.texts[row], timeout=PATIENCE_MS)
    expect_accessible(visitor.page)
    expect_to_sound(panel)
    expect(panel.get_by_role("heading", name="Its tunes")).to_be_visible()
    visitor.get("score").click()
    expect(visitor.frame.locator(".k-paper svg")).to_be_visible(timeout=PATIENCE_MS)
    expect(visitor.frame.locator(".abcjs-note.k-sounds").first).to_be_visible(timeout=PATIENCE_MS)
    expect(panel.get_by_role("button", name="Open in Studio")).to_be_visible()
    neighbour = drawn.points.texts[int(drawn.neighbours.index[row, 0])]
    visitor.frame.locator("#map-neighbours").get_by_role("button").first.click()
    expect(panel.locator("b")).to_have_text(neighbour, timeout=PATIENCE_MS)
    expect_to_sound(panel)
    expect(visitor.page).to_have_url(re.compile(rf"point={int(drawn.neighbours.index[row, 0])}\b"))
    again = visit(**DESKTOP)
    again.page.goto(visitor.page.url)
    expect(again.frame.locator("#map-point b")).to_have_text(neighbour, timeout=PATIENCE_MS)
    expect(again.frame.locator("#map-colour input")).to_have_value("Colour: collection")


@pytest.mark.realtime
@pytest.mark.timeout(600)
def test_without_a_mouse_a_point_is_searched_or_reached_by_keys(visit, maps):
    _, drawn = maps["tunes"]
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/maps?kind=tunes")
    shown(visitor)
    field, panel = visitor.frame.locator("#map-search textarea"), visitor.frame.locator("#map-point")
    field.fill(drawn.points.texts[5].upper())
    expect(visitor.frame.locator("#map-found").get_by_role("button").first).to_have_text(drawn.points.texts[5])
    field.press("Enter")
    expect(panel.locator("b")).to_have_text(drawn.points.texts[5], timeout=PATIENCE_MS)
    expect_to_sound(panel)
    field.fill("no tune is called so")
    expect(visitor.frame.get_by_text("No title here has these words.")).to_be_visible()
    field.fill("")
    expect(visitor.frame.get_by_text("No title here has these words.")).to_be_hidden()
    visitor.get("map").focus()
    for key in ("+", "+", "ArrowLeft", "Enter"):
        visitor.page.keyboard.press(key)
    expect(visitor.page).to_have_url(re.compile(r"zoom=1\.8"))
    expect(panel.locator("b")).not_to_have_text(drawn.points.texts[5], timeout=PATIENCE_MS)
    visitor.get("Place your own MIDI or ABC-upload-button").set_input_files(FILE)
    expect(panel.locator("b")).to_have_text("The Test Jig", timeout=PATIENCE_MS)
    expect_to_sound(panel)
    expect(visitor.frame.locator("#map-neighbours").get_by_role("button")).to_have_count(10)
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= 390
    menu = visitor.frame.locator(".k-menu").first.bounding_box()
    assert menu["x"] + menu["width"] <= 390


@pytest.mark.timeout(600)
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_map_legend_and_zoom_are_in_one_viewport_and_what_is_selected_is_listed(visit, maps, device):
    map_id, _ = maps["tunes"]
    visitor = visit(**device)
    visitor.page.goto(f"{visitor.url}/maps?map={map_id}")
    shown(visitor)
    visitor.frame.locator("#map-search textarea").fill("the")
    found = visitor.frame.locator("#map-found")
    found.get_by_role("button").nth(3).click()
    expect(visitor.frame.locator("#map-point")).to_be_visible()
    assert found.bounding_box()["height"] > 100  # it stays beside the point that was taken from it
    visitor.frame.locator("#map-search textarea").fill("")
    expect(found.get_by_role("button")).to_have_count(0)
    visitor.page.evaluate("scrollTo(0, 0)")
    width, height = (device["viewport"][side] for side in ("width", "height"))
    for part in (visitor.get("map"), visitor.frame.locator(".k-zoom"), visitor.frame.locator(".k-map-legend")):
        box = part.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert visitor.frame.locator("main").count() == 1
    visitor.frame.get_by_role("button", name="Select all in view").click()
    selection = visitor.frame.locator("#map-selection")
    expect(selection).to_contain_text(re.compile(r"\d+ points selected"), timeout=PATIENCE_MS)
    expect(selection.locator(".k-play").nth(5)).to_be_visible()
    expect(selection.get_by_role("heading", name="Selection")).to_be_in_viewport()
    expect(selection.locator(".k-play").first).to_be_in_viewport()
    visitor.frame.get_by_role("button", name="Clear selection").click()
    expect(selection).to_be_hidden(timeout=PATIENCE_MS)


@pytest.mark.timeout(600)
def test_nothing_can_be_selected_before_the_points_are_there(visit, maps):
    map_id, _ = maps["tunes"]
    visitor, held = visit(**DESKTOP), []

    def hold(route):
        held.append(route)

    visitor.page.route(f"**/api/atlas/maps/{map_id}/points*", hold)
    visitor.page.goto(f"{visitor.url}/maps?map={map_id}")
    button = visitor.frame.get_by_role("button", name="Select all in view")
    expect(visitor.frame.locator("#map-quality")).to_contain_text("Meter", timeout=PATIENCE_MS)
    expect(button).to_be_disabled()
    assert held
    for route in held:
        route.continue_()
    button.click(timeout=PATIENCE_MS)
    expect(visitor.frame.locator("#map-selection")).to_contain_text("points selected", timeout=PATIENCE_MS)
    expect(visitor.frame.get_by_role("button", name="Clear selection")).to_be_visible()


def test_a_new_installation_shows_the_map_that_comes_with_the_weights(visit):
    visitor = visit(**DESKTOP)
    visitor.page.goto(f"{visitor.url}/maps?kind=clips")
    shown(visitor)
    expect(visitor.frame.get_by_text(f"model {read_card(SHIPPED_STYLE)['version']}").first).to_be_visible()
    expect(visitor.frame.locator("#draw-map")).to_be_hidden()


@pytest.mark.realtime
@pytest.mark.walk
@pytest.mark.timeout(600)
def test_words_find_tunes_near_which_music_is_composed_and_a_file_gets_names_with_the_odds_told(visit, maps):
    visitor = visit(**DESKTOP)
    visitor.page.goto(f"{visitor.url}/titles")
    expect(visitor.frame.locator("#odds-tunes")).to_contain_text("chance", timeout=PATIENCE_MS)
    expect_accessible(visitor.page)
    visitor.frame.locator("#words textarea").fill("The Mill Reel")
    visitor.frame.locator("#find-tunes").click()
    found = visitor.frame.locator("#tunes")
    expect(found.locator(".k-play")).to_have_count(8, timeout=PATIENCE_MS)
    expect_to_sound(found)
    expect(visitor.page).to_have_url(re.compile("words=The"))
    visitor.get("Your own MIDI or ABC-upload-button").set_input_files(FILE)
    ideas = visitor.frame.locator("#ideas")
    expect(ideas.locator(".k-play")).to_have_count(8, timeout=PATIENCE_MS)
    expect(visitor.frame.locator("#new-titles")).to_contain_text(
        re.compile(r"letter by letter: \w.*halves of known titles: \w")
    )
    ideas.locator(".k-play").first.click()
    expect_to_sound(ideas)
    expect(found.locator(".k-play").first).to_have_attribute("aria-pressed", "false")
    found.get_by_role("button", name=re.compile("^Compose like this")).first.click()
    expect(visitor.page).to_have_url(re.compile(r"/studio\?piece="), timeout=PATIENCE_MS)
    visitor.get("player-b").click(timeout=PATIENCE_MS)
    clock = visitor.frame.locator(".k-clip[data-side=b] .k-time")
    expect(clock).not_to_have_text(re.compile("^0:00"), timeout=PATIENCE_MS)

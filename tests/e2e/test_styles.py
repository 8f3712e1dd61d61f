"""The styles page in a browser: figures that can be read and taken along, and a walk that plays."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
COMPOSED_MS = 120_000  # on a machine that trains and tests beside us


@pytest.mark.timeout(900)
def test_a_cell_of_the_swaps_says_its_interval_and_plays_its_swap(visit):
    visitor = visit(**PHONE)
    page = visitor.page
    page.goto(f"{visitor.url}/styles?tab=swaps")
    table = page.get_by_role("region", name="What swaps do")
    expect(table.get_by_role("columnheader", name="follows donor")).to_be_visible(timeout=COMPOSED_MS)
    expect(page.locator("#swaps-told")).to_contain_text("A swapped style follows its donor")
    expect(page.locator("#swaps-about")).to_contain_text("evaluate.style of style-cpu")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    page.wait_for_function("!document.querySelector('[aria-busy=true]')")  # of components that are not started yet
    table.focus()
    page.keyboard.press("ArrowRight")  # to the first cell
    expect(page.locator("#swaps-matrix [data-part=readout]")).to_contain_text("95 %")
    page.keyboard.press("Enter")
    clips = page.locator("#swap-clips .k-clip")
    expect(clips).to_have_count(3, timeout=COMPOSED_MS)
    expect(clips.first).to_contain_text("With the donor's rhythm")
    playing = clips.first.get_by_role("button", name="Pause")
    expect(playing).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    with page.expect_download() as download:
        page.get_by_role("link", name="Side effects as CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert {"value", "low", "high", "model_sha256", "data_hash", "commit", "seed"} <= set(lines[0])

    page.get_by_role("tab", name="Leakage").click()
    expect(page).to_have_url(re.compile("tab=leakage"))
    page.get_by_role("radio", name="Read from latents").check(force=True)
    expect(page.locator("#leakage-told")).to_contain_text("attributes are read best from their own")
    expect(page.locator("#leakage-matrix").get_by_role("rowheader", name="pitch classes")).to_be_visible()


@pytest.mark.walk
@pytest.mark.timeout(900)
def test_a_walk_plays_and_opens_again_and_codes_have_pieces(visit):
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/styles")
    steps = visitor.frame.locator("#walk-steps").locator(".k-clip")
    expect(steps).to_have_count(5, timeout=COMPOSED_MS)  # the first walk is there before anything is pressed
    expect_accessible(visitor.page)
    visitor.frame.get_by_role("tab", name="Learned codes").click()
    expect(visitor.frame.locator("#code-told")).to_contain_text("Code 1: ", timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#code-pieces").locator(".k-clip")).to_have_count(10)  # two real pieces of each value
    visitor.frame.get_by_role("tab", name="A walk along a style").click()

    visitor.frame.get_by_role("radio", name="Tempo").check(force=True)
    visitor.frame.locator("#walk-seed input").fill("5")
    visitor.frame.locator("#walk-compose").click()
    expect(visitor.frame).to_have_url(re.compile(r"style=tempo&domain=\w+&seed=5"))
    play = steps.first.get_by_role("button", name="Play")
    play.click()
    expect(steps.first.get_by_role("button", name="Pause")).to_have_attribute(
        "aria-pressed", "true", timeout=COMPOSED_MS
    )
    visitor.frame.get_by_role("button", name="What moved").click()
    rows = visitor.frame.get_by_role("region", name="What moved").locator("tbody tr")
    tempi = [float(row.locator("td.k-own b").text_content() or "nan") for row in rows.all()]
    assert tempi[0] < tempi[-1]

    visitor.page.reload()
    expect(visitor.frame.locator("#walk-steps").locator(".k-clip")).to_have_count(5, timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#walk-seed input")).to_have_value("5")
    expect(visitor.frame.get_by_role("radio", name="Tempo")).to_be_checked()

    visitor.frame.get_by_role("button", name="Choose a clip").click()
    visitor.frame.locator("#walk-picking").get_by_role("button", name=re.compile("^Begin")).first.click()
    expect(visitor.frame).to_have_url(re.compile("source=clips"), timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#walk-about")).to_contain_text("From clips/")


def test_training_fits_one_screen(visit):
    visitor = visit(viewport={"width": 1280, "height": 800})
    visitor.page.goto(f"{visitor.url}/styles?tab=training")
    expect(visitor.frame.locator("#training-told")).not_to_be_empty()
    expect(visitor.frame.locator(".js-plotly-plot").first).to_be_visible()
    visitor.page.wait_for_function("document.documentElement.scrollHeight <= 800")


@pytest.mark.timeout(600)
def test_clips_lie_by_the_mood_that_is_read_from_a_style_and_play(visit):
    visitor = visit(**PHONE)
    page = visitor.page
    page.goto(f"{visitor.url}/styles?tab=mood")
    page.get_by_role("tab", name="Clips by what is read").click()
    points = page.locator("#mood-clips").get_by_test_id("map")
    expect(points).to_have_attribute("data-drawn", re.compile(r"[1-9]\d{2,}"), timeout=COMPOSED_MS)
    expect(page.locator("#mood-clips-told")).to_contain_text("From harmony alone")
    expect(page.locator("#mood-clips .k-map-legend button")).to_contain_text(["tense", "sad", "happy", "calm"])
    page.get_by_role("radio", name="Tempo").last.check(force=True)
    expect(page.locator("#mood-clips-told")).to_contain_text("From tempo alone")
    expect(page).to_have_url(re.compile(r"tab=mood&clips=dance&read=tempo$"))
    row = page.get_by_role("region", name="How often a mood is read rightly").get_by_role("row", name="tempo")
    expect(row.locator("td.k-own")).to_have_count(2)
    expect(page.locator("#mood-clips [data-part=source]")).to_contain_text("model style-cpu")
    with page.expect_download() as download:
        page.locator("#mood-clips").get_by_role("button", name="CSV").click()
    assert "x: valence, as it is read; y: arousal, as it is read" in download.value.path().read_text(encoding="utf-8")
    points.press("Enter")
    playing = page.locator("#mood-clip").get_by_role("button", name="Pause")
    expect(playing).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    page.get_by_role("radio", name="Pop piano").check(force=True)
    expect(page.locator("#mood-clips-told")).to_contain_text("A probe needs 20 of each half")
    expect(points).to_be_hidden()
    page.get_by_role("radio", name="Dance tunes").check(force=True)
    expect(points).to_have_attribute("data-drawn", re.compile(r"[1-9]\d{2,}"))
    points.press("Enter")
    page.get_by_role("link", name="Open on the map").click()
    expect(page).to_have_url(re.compile(r"maps\?map=.*point=\d+"))
    expect(page.locator("#map-point")).to_contain_text("Open in Studio")
    page.goto(f"{visitor.url}/styles?tab=mood&clips=dance&read=rhythm")
    expect(page.locator("#mood-clips-told")).to_contain_text("From rhythm alone")
    expect(page.get_by_role("radio", name="Rhythm").last).to_be_checked()
    page.get_by_role("tab", name="Moved and read").click()
    expect(page).to_have_url(re.compile(r"tab=mood$"))

"""Sounds are rated, dreamt and played for in a real browser: dropped, followed, stopped, kept."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import expect_accessible

pytestmark = pytest.mark.slow

LENGTH = re.compile(r"0:\d[1-9]")
STEP = re.compile(r"Step \d+ of")
DREAMING_MS = 300_000  # the most that a dream may take
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@pytest.mark.walk
def test_dropped_sounds_are_rated_and_one_that_is_none_is_named(site, visit, tmp_path: Path) -> None:
    visitor = visit(**PHONE)
    page = visitor.arrive().page
    clip = visitor.api("/api/offers")[0]["left"]
    heard, none = tmp_path / "heard.opus", tmp_path / "none.wav"
    heard.write_bytes(httpx.get(site.url + clip["audio_url"]).content)
    none.write_text("no sound")
    page.goto(f"{site.url}/rate")
    page.locator("#sounds input[type=file]").set_input_files([heard, none])
    expect(page.locator("#rated-said")).to_contain_text(f"{heard.name} is ")
    expect_accessible(page)
    expect(page.locator("#rated-said")).to_contain_text("none.wav")
    expect(page.locator("#ratings")).to_contain_text(heard.name)
    expect(page.locator("#plot-rated .js-plotly-plot .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.realtime
@pytest.mark.walk
def test_a_dream_goes_on_while_its_page_is_left_is_stopped_and_a_short_one_is_kept(site, visit) -> None:
    page, other = visit(**PHONE).page, visit().page
    said = page.locator("#dream-said")
    leave_and_stop(site, page, other, "dreams", ("#dream", "#cancel-dream", "#dream-said"))
    page.get_by_label("Whatever raises the rating").check()
    page.get_by_label("Steps").fill("12")
    page.locator("#dream").click()
    expect(said).to_contain_text("The rating went from", timeout=DREAMING_MS)
    page.locator("#keep-dream").click()
    kept = page.locator("#kept-dream")
    expect(kept).to_contain_text(LENGTH)
    page.reload()
    expect(kept).to_contain_text(LENGTH)
    expect(said).to_contain_text("The rating went from")
    # Gradio's player may stand at 0:00 after a reload while the machine is busy: what it was given is what counts
    trail = page.locator("#trail a[download]")
    expect(trail).to_have_attribute("href", re.compile("wav"))
    assert httpx.get(str(trail.get_attribute("href"))).content.startswith(b"RIFF")
    expect(page.get_by_label("Whatever raises the rating")).to_be_checked()
    expect(page.get_by_label("Steps")).to_have_value("12")


@pytest.mark.walk
def test_an_agent_goes_on_learning_while_its_page_is_left_and_is_stopped(site, visit) -> None:
    page, other = visit(**PHONE).page, visit().page
    leave_and_stop(site, page, other, "agent", ("#learn", "#cancel-agent", "#agent-said"))
    expect(page.locator("#plot-agent .js-plotly-plot .main-svg").first).to_be_visible()


def leave_and_stop(site, page: Page, other: Page, path: str, controls: tuple[str, str, str]) -> None:
    """What takes minutes is begun, found again by whoever began it alone, and stopped."""
    begin, cancel, said = controls
    page.goto(f"{site.url}/{path}")
    page.locator(begin).click()
    expect(page.locator(said)).to_contain_text("goes on if you leave")
    expect_accessible(page)
    page.goto(f"{site.url}/rate")
    expect(page.locator("#sounds")).to_be_visible()
    page.goto(f"{site.url}/{path}")
    expect(page.locator(said)).to_contain_text(STEP, timeout=DREAMING_MS)
    expect(page.locator(begin)).to_be_disabled()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    other.goto(f"{site.url}/{path}")
    expect(other.locator("input[type=radio]:checked").first).to_be_visible()  # it has been told what there is
    expect(other.locator(said)).not_to_contain_text(re.compile("Step|Stopped|goes on"))
    expect(other.locator(cancel)).to_be_hidden()
    page.locator(cancel).click()
    expect(page.locator(said)).to_contain_text("Stopped at step")
    page.reload()
    expect(page.locator(said)).to_contain_text("Stopped at step")
    expect(page.locator(begin)).to_be_enabled()

"""Sounds are rated, dreamt and played for in a real browser: dropped, followed, stopped, kept."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

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
    expect(page.locator("#rated-said")).to_contain_text("none.wav")
    expect(page.locator("#ratings")).to_contain_text(heard.name)
    expect(page.locator("#plot-rated .js-plotly-plot .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.realtime
@pytest.mark.walk
def test_a_dream_is_stopped_and_another_dreamt_to_its_end_and_kept(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/dreams")
    begin, cancel, said = page.locator("#dream"), page.locator("#cancel-dream"), page.locator("#dream-said")
    begin.click()
    expect(said).to_contain_text(STEP)
    cancel.click()
    expect(said).to_contain_text("Stopped at step")
    expect(cancel).to_be_hidden()
    page.get_by_label("Whatever raises the rating").check()
    begin.click()
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


@pytest.mark.parametrize(
    ("path", "controls"),
    [("dreams", ("#dream", "#cancel-dream", "#dream-said")), ("agent", ("#learn", "#cancel-agent", "#agent-said"))],
)
def test_what_takes_minutes_goes_on_while_its_page_is_left_and_is_no_strangers(site, visit, path, controls) -> None:
    begin, cancel, said = controls
    page, other = visit(**PHONE).page, visit().page
    page.goto(f"{site.url}/{path}")
    page.locator(begin).click()
    expect(page.locator(said)).to_contain_text("goes on if you leave")
    page.goto(f"{site.url}/rate")
    expect(page.locator("#sounds")).to_be_visible()
    page.goto(f"{site.url}/{path}")
    expect(page.locator(said)).to_contain_text(STEP, timeout=DREAMING_MS)
    page.reload()
    expect(page.locator(said)).to_contain_text(STEP)
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


@pytest.mark.walk
def test_an_agent_that_learns_is_followed_and_stopped(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/agent")
    page.locator("#learn").click()
    expect(page.locator("#plot-agent .js-plotly-plot .main-svg").first).to_be_visible()
    page.locator("#cancel-agent").click()
    expect(page.locator("#agent-said")).to_contain_text("Stopped")
    expect(page.locator("#learn")).to_be_enabled()

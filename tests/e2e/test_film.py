"""A film gets its music in a real browser: dropped, followed, seen and heard, taken along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models.music.midi import read_midi
from models.picture.shorts import SHORTS
from tests.e2e.accessibility import expect_accessible
from tests.models.picture.conftest import make_film

pytestmark = pytest.mark.slow

__all__ = ["make_film"]


def test_one_of_our_films_plays_with_its_music_by_one_click(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/film")
    expect_accessible(page)
    for _ in range(2):  # the second time it is kept
        page.get_by_role("button", name="On the road").click()
        expect(page.get_by_role("status").filter(has_text="5 of 5 cuts")).to_be_visible()
        video = page.locator("#film-video video")
        expect(video).to_have_js_property("paused", value=False)
        assert abs(video.evaluate("each => each.duration") - SHORTS["on-the-road"].seconds) < 0.2
        page.reload()


@pytest.mark.walk
def test_a_dropped_film_plays_with_its_music(site, visit, make_film: Callable[..., Path]) -> None:
    page = visit().page
    page.goto(f"{site.url}/film")
    page.get_by_role("button", name="Set it to music").click()
    expect(page.get_by_role("status").filter(has_text="Drop a film")).to_be_visible()
    page.locator("#film-files input[type=file]").set_input_files(make_film(seconds=6.0))
    expect(page.locator("#film-files")).to_contain_text("film")
    expect(page.get_by_role("button", name="Choose other files")).to_be_visible()  # not the key of a text
    page.get_by_role("button", name="Set it to music").click()
    expect(page.get_by_role("status").filter(has_text="6 seconds of film")).to_be_visible()
    video = page.locator("#film-video video")
    expect(video).to_have_js_property("readyState", 4)
    assert abs(video.evaluate("each => each.duration") - 6) < 0.2
    with page.expect_download() as download:
        page.get_by_role("button", name="Download MIDI").click()
    assert len(read_midi(Path(download.value.path())).notes) > 3


def test_a_film_that_is_under_way_is_found_again_by_its_listener_and_stopped(
    site, visit, make_film: Callable[..., Path]
) -> None:
    page, other = visit().page, visit().page
    begin, cancel, said = page.locator("#film-begin"), page.locator("#film-cancel"), page.locator("#film-said")
    page.goto(f"{site.url}/film")
    page.locator("#film-files input[type=file]").set_input_files(make_film(seconds=60.0))
    expect(page.locator("#film-files")).to_contain_text("film")
    begin.click()
    expect(cancel).to_be_visible()
    page.goto("about:blank")
    page.goto(f"{site.url}/film")
    expect(cancel).to_be_visible()
    expect(said).to_contain_text("…")
    expect(begin).to_be_disabled()
    other.goto(f"{site.url}/film")
    expect(other.locator("#film-begin")).to_be_enabled()  # it has been told what there is
    assert other.locator("#film-said").inner_text() == ""
    cancel.click()
    expect(said).to_have_text("Stopped.")
    page.reload()
    expect(said).to_have_text("Stopped.")
    expect(begin).to_be_enabled()

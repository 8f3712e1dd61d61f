"""Pictures move with a piece in a real browser: in time with its sound, and as a film to take along."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible

pytestmark = pytest.mark.slow

# for each time the picture is drawn: when, where it is, and where the sound is that leaves the loudspeaker then
DRAWN = """(() => {
  let sounding = null;
  window.drawn = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (at, from) {
    sounding = { context: this.context, at, from };
    return start.call(this, at, from);
  };
  const cover = CanvasRenderingContext2D.prototype.fillRect;
  CanvasRenderingContext2D.prototype.fillRect = function (...where) {
    if (this.canvas.dataset.testid === "moving-picture" && sounding) {
      const { context, at, from } = sounding;
      const heard = context.currentTime - at + from - (context.outputLatency || 0);
      window.drawn.push([performance.now(), heard, Math.floor(Number(this.canvas.dataset.place))]);
    }
    return cover.call(this, ...where);
  };
})()"""
LATE_S = 0.04
FILM_MS = 450_000  # some 240 frames, each of which takes 40 ms of a processor, and 170 ms of a slow one


@pytest.mark.walk
@pytest.mark.realtime
def test_pictures_move_in_time_with_a_piece(site, visit, tmp_path):
    visitor = visit()
    page = visitor.page
    page.add_init_script(DRAWN)
    page.goto(f"{site.url}/canvas")
    page.locator("#choices-canvas").get_by_role("button", name="Show").first.click()
    picture = page.get_by_test_id("moving-picture")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    expect(picture).to_be_in_viewport()
    expect_accessible(page)
    page.wait_for_function("window.drawn.filter(([, heard]) => heard > 0).length > 20")
    drawn = page.evaluate("window.drawn")
    page.get_by_test_id("player-a").click()
    (name,) = {"/".join(url.split("/")[3:5]) for url in [page.evaluate(AUDIO)]}
    times = visitor.api(f"/api/studio/{name}/pictures")["times_s"]
    late = [max(times[number] - heard, heard - times[number + 1]) for _, heard, number in drawn if heard > 0]
    assert np.median(late) < LATE_S  # a machine that does much else draws some of them late
    before = picture.evaluate("each => each.toDataURL()")
    Image.new("RGB", (200, 200), "teal").save(tmp_path / "own.png")
    page.locator("#canvas-files input[type=file]").set_input_files(tmp_path / "own.png")
    expect(page.locator("#canvas-said")).to_contain_text("1 picture of your own")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("player-a").click()
    assert picture.evaluate("each => each.toDataURL()") != before
    page.get_by_label("By main axes").check()
    expect(page.locator("#canvas-said")).to_have_text("")
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    for number in (2, 1):  # another piece while one sounds: nothing is drawn of both
        with page.expect_response(lambda answer: "/flac" in answer.url):
            page.locator("#choices-canvas").get_by_role("button", name="Show").nth(number).click()
        expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.locator("#choices-canvas .k-play").first.click()  # nothing sounds beside anything else
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Make a film of it").click()
    expect(page.locator("#canvas-said")).to_contain_text("Writing the film")
    page.locator("#canvas-cancel").click()
    expect(page.locator("#canvas-said")).to_have_text("Stopped.")
    page.goto(f"{site.url}/canvas?clip={name.partition('/')[2]}")
    expect(picture).to_have_attribute("data-place", re.compile(r"\d"))
    begins = np.interp(0, times, range(len(times)))  # the pictures of silent bars lie before the sound
    assert float(picture.get_attribute("data-place") or -1) == pytest.approx(begins, abs=0.01)
    page.goto(f"{site.url}/canvas?clip=nothing")
    expect(page.locator("#canvas-said")).to_have_text(re.compile("choose a piece below"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_piece_becomes_a_film_to_take_along(site, visit):
    page = visit().page
    page.goto(f"{site.url}/canvas")
    page.locator("#find-canvas :is(input, textarea)").fill("bonnie kate")  # half as long as a clip of pop
    page.get_by_role("button", name=re.compile("^Show: Bonnie Kate")).first.click()
    expect(page.get_by_test_id("player-a")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Make a film of it").click()
    load = page.get_by_role("button", name="Download MP4")
    expect(load).to_be_visible(timeout=FILM_MS)
    with page.expect_download() as download:
        load.click()
    assert download.value.suggested_filename.endswith(".mp4")


AUDIO = """() => performance.getEntriesByType("resource").map((each) => new URL(each.name).pathname)
  .find((path) => path.startsWith("/api/studio/") && path.endsWith("/flac"))"""

"""Live music in a real browser: steered on the map and by Chromium's own fake camera, and silent when it should be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from models.picture import readouts
from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until
from webapp.live.steering import drawings

pytestmark = pytest.mark.slow

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
BARS = re.compile("/bars(/second-half)?$")
ASKED = "performance.getEntriesByName('kallos.live').map((each) => [each.detail.bar, each.duration, each.detail.ms])"
PARTS = """performance.getEntriesByName('kallos.live').map(({startTime, duration, detail}) => (
  {...detail, at: startTime + duration}
))"""
COMPOSED_IN_TIME = "kallosSoundClock.standForAnswers(/api.live/)"  # however long a busy machine composes
INSTRUMENT = """(() => {
  window.sent = [];
  const output = {id: "one", name: "An instrument", send: (bytes, at) => window.sent.push([...bytes])};
  navigator.requestMIDIAccess = async () => ({outputs: new Map([["one", output]])});
})()"""


@pytest.fixture
def with_camera(chromium, launch_options) -> Iterator[Callable[[], Browser]]:
    options = {**launch_options, "args": [*launch_options["args"], *FAKE_CAMERA]}
    running = chromium.launch(**options)
    yield running
    running.close()


def bar_of(page) -> int:
    found = re.match(r"Bar (\d+)", page.get_by_test_id("live-bar").text_content() or "")
    return int(found.group(1)) if found else 0


def hear_bars(page, count: int) -> None:
    bar = "document.querySelector('[data-testid=live-bar]').textContent.match(/Bar ([0-9]+)/)?.[1]"
    listen_until(page, f"Number({bar} ?? 0) >= {bar_of(page) + count}")


@pytest.mark.walk
def test_the_map_and_the_camera_steer_the_next_bar(site, visit, with_camera):
    visitor = visit(with_camera.new_context(viewport={"width": 1280, "height": 900}))
    page = visitor.page
    page.add_init_script(INSTRUMENT)
    answers = []
    page.on("response", lambda each: answers.append(each) if BARS.search(each.url) else None)
    page.goto(f"{site.url}/studio")
    page.get_by_role("link", name="steer it live").click()
    page.get_by_role("button", name="Send MIDI…").click()
    expect_accessible(page)
    page.evaluate(COMPOSED_IN_TIME)
    page.get_by_label("MIDI instrument").select_option("one")
    page.get_by_test_id("live-play").click()
    hear_bars(page, 1)
    expect(page.get_by_test_id("live-play")).to_have_attribute("aria-pressed", "true")

    pictures, room = drawings(), page.get_by_test_id("live-map").bounding_box()
    brightest, darkest = (int(each) for each in (pictures.readouts[:, 0].argmax(), pictures.readouts[:, 0].argmin()))
    seen = {}
    for number in (brightest, darkest):
        x, y = pictures.places[number].tolist()
        page.mouse.move(room["x"] + x * room["width"], room["y"] + (1 - y) * room["height"])
        expect(page.get_by_test_id("live-map")).to_have_attribute("aria-valuetext", re.compile(pictures.names[number]))
        hear_bars(page, 2)  # of which the second was asked for after the change
        seen[number] = answers[-1].json()["readouts"]["brightness"]
    assert seen[darkest] < -0.5 < 0.3 < seen[brightest]
    page.get_by_test_id("live-map").focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_test_id("live-map")).not_to_have_attribute("aria-valuetext", "")

    page.get_by_role("radio", name="Camera").check()
    expect(page.get_by_test_id("live-camera")).to_contain_text("Nothing of the camera is recorded, stored or sent")
    expect(page.locator("[data-readout=brightness].k-seen")).to_be_visible()
    hear_bars(page, 3)
    sent = answers[-1].request.post_data_json
    assert set(sent) == set(readouts.READOUTS)  # five numbers, and no picture
    assert any(abs(value) > 0.05 for value in sent.values())
    asked = page.evaluate(ASKED)
    assert all(late >= 0 for _, late, _ in asked)
    print(
        "from asking to sounding, ms, and bars:", [(bar, round(ms), round(ms / length, 2)) for bar, ms, length in asked]
    )

    page.get_by_test_id("live-play").click()
    expect(page.get_by_test_id("live-play")).to_have_text("Start")
    messages = page.evaluate("window.sent")
    kinds = {status: sum(each[0] == status for each in messages) for status in (0xF8, 0xFA, 0xFC, 0x90)}
    assert kinds[0xFA] == kinds[0xFC] == 1
    # all halves as they sounded, less those of the end that were not yet due
    assert (kinds[0xF8], kinds[0x90]) in sums_of_halves([each.json() for each in answers if each.ok])[-4:]
    page.get_by_test_id("live-stop").click()
    expect(page.get_by_test_id("live-map")).to_be_visible()
    assert page.evaluate("document.querySelector('.k-live video').srcObject === null")
    page.evaluate("document.dispatchEvent(new CustomEvent('kallos.sounds', {detail: 'something else'}))")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def sums_of_halves(bars: list[dict]) -> list[tuple[int, int]]:
    """Clocks and notes up to each half of a bar; ``bars`` are the server's answers."""
    halves = {bar["number"]: bar for bar in bars if bar["from_tick"]}
    found = [(0, 0)]
    for first in (bar for bar in bars if not bar["from_tick"]):
        for bar, ticks in (
            (first, range(first["middle"])),
            (halves.get(first["number"], first), range(first["middle"], first["ticks"])),
        ):
            found.append((found[-1][0] + len(ticks), found[-1][1] + sum(each[0] in ticks for each in bar["notes"])))
    return found


def test_what_is_seen_after_a_bar_has_begun_is_heard_from_its_middle_beat_on(site, visit):
    page = visit().page
    halves = []
    page.on("response", lambda each: halves.append(each.json()) if each.url.endswith("/second-half") else None)
    page.goto(f"{site.url}/live")
    page.evaluate(COMPOSED_IN_TIME)
    page.get_by_test_id("live-play").click()
    hear_bars(page, 1)
    room = page.get_by_test_id("live-map").bounding_box()
    for turn in range(16):
        page.mouse.move(room["x"] + (0.1 + 0.8 * (turn % 2)) * room["width"], room["y"] + 0.5 * room["height"])
        hear_bars(page, 1)
        if len(halves) > 2:
            break
    page.get_by_test_id("live-play").click()
    sounding = [each for each in page.evaluate(PARTS) if each["from"]]
    assert len(halves) > 2
    assert [each["bar"] for each in sounding] == [each["number"] for each in halves][: len(sounding)]
    assert len(sounding) >= len(halves) - 1  # the last may have come after the pause
    assert all(each["from_tick"] == each["middle"] > 0 for each in halves)
    for each in sounding:
        (begin,) = (one["at"] for one in page.evaluate(PARTS) if one["bar"] == each["bar"] and not one["from"])
        assert abs(each["at"] - begin - each["ms"] / 2) < 0.2 * each["ms"]


def test_readouts_of_the_browser_are_those_of_films(site, visit):
    page = visit().page
    page.goto(f"{site.url}/live")
    rng = np.random.default_rng(0)
    picture = np.full((96, 96, 3), (230, 40, 60), dtype=np.uint8)
    picture[20:70, 30:80] = rng.integers(0, 256, (50, 50, 3))
    rgba = np.dstack([picture, np.full((96, 96), 255, dtype=np.uint8)]).ravel().tolist()
    found = page.evaluate(
        """async (pixels) => {
          const module = await import(new URL("static/kallos/components/live/camera_readouts.js", document.baseURI));
          return module.readoutsOf(Uint8ClampedArray.from(pixels), 96);
        }""",
        rgba,
    )
    np.testing.assert_allclose(found, readouts.of_pictures(picture[None])[0], atol=1e-5)


@pytest.mark.realtime
def test_no_camera_and_other_sound_are_met_with_plain_words(site, visit):
    page = visit().page
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page.goto(f"{site.url}/live")
    page.get_by_role("radio", name="Camera").click()
    expect(page.get_by_test_id("live-said")).to_contain_text("The camera was not allowed")
    expect(page.get_by_role("radio", name="Pictures")).to_be_checked()
    page.get_by_test_id("live-play").click()
    expect(page.get_by_test_id("live-bar")).to_contain_text("Bar 1 ")
    page.evaluate("document.dispatchEvent(new CustomEvent('kallos.sounds', {detail: 'something else'}))")
    expect(page.get_by_test_id("live-play")).to_have_attribute("aria-pressed", "false")
    page.route(
        "**/api/live/**", lambda route: route.fulfill(status=503, json={"error": "the generator does not answer"})
    )
    page.get_by_test_id("live-play").click()
    expect(page.get_by_test_id("live-said")).to_have_text("The generator does not answer.")
    expect(page.get_by_test_id("live-play")).to_have_text("Start")

"""Live music in a real browser: steered on the map and by Chromium's own fake camera, and silent when it should be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from models.picture import readouts
from webapp.live.picture_map import drawings

pytestmark = pytest.mark.slow

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
ASKED = "performance.getEntriesByName('kallos.live').map((each) => [each.detail.bar, each.duration, each.detail.ms])"
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


def wait_for_bars(page, count: int) -> None:
    wanted = bar_of(page) + count
    page.wait_for_function(
        """wanted => {
          const [, bar] = document.querySelector("[data-testid=live-bar]").textContent.match(/Bar ([0-9]+)/) ?? [0, 0];
          return Number(bar) >= wanted;
        }""",
        arg=wanted,
    )


def test_the_map_and_the_camera_steer_the_next_bar(site, visit, with_camera):
    visitor = visit(with_camera.new_context(viewport={"width": 1280, "height": 900}))
    page = visitor.page
    page.add_init_script(INSTRUMENT)
    answers = []
    page.on("response", lambda each: answers.append(each) if each.url.endswith("/bars") else None)
    page.goto(f"{site.url}/studio")
    page.get_by_role("link", name="steer it live").click()
    page.get_by_role("button", name="Send MIDI…").click()
    page.get_by_label("MIDI instrument").select_option("one")
    page.get_by_test_id("live-play").click()
    wait_for_bars(page, 1)
    expect(page.get_by_test_id("live-play")).to_have_attribute("aria-pressed", "true")

    pictures, room = drawings(), page.get_by_test_id("live-map").bounding_box()
    brightest, darkest = (int(each) for each in (pictures.readouts[:, 0].argmax(), pictures.readouts[:, 0].argmin()))
    seen = {}
    for number in (brightest, darkest):
        x, y = pictures.places[number].tolist()
        page.mouse.move(room["x"] + x * room["width"], room["y"] + (1 - y) * room["height"])
        expect(page.get_by_test_id("live-map")).to_have_attribute("aria-valuetext", re.compile(pictures.names[number]))
        wait_for_bars(page, 2)  # of which the second was asked for after the change
        seen[number] = answers[-1].json()["readouts"]["brightness"]
    assert seen[darkest] < -0.5 < 0.3 < seen[brightest]
    page.get_by_test_id("live-map").focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_test_id("live-map")).not_to_have_attribute("aria-valuetext", "")

    page.get_by_role("radio", name="Camera").check()
    expect(page.get_by_test_id("live-camera")).to_contain_text("Nothing of the camera is recorded, stored or sent")
    wait_for_bars(page, 3)
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
    bars = [each.json() for each in answers if each.ok]
    assert kinds[0xFA] == kinds[0xFC] == 1
    assert kinds[0xF8] in {sum(bar["ticks"] for bar in bars[: len(bars) - unsent]) for unsent in (0, 1)}
    assert kinds[0x90] in {sum(len(bar["notes"]) for bar in bars[: len(bars) - unsent]) for unsent in (0, 1)}
    page.get_by_test_id("live-stop").click()
    expect(page.get_by_test_id("live-map")).to_be_visible()
    assert page.evaluate("document.querySelector('.k-live video').srcObject === null")
    page.evaluate("document.dispatchEvent(new CustomEvent('kallos.sounds', {detail: 'something else'}))")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


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
    wait_for_bars(page, 1)
    page.evaluate("document.dispatchEvent(new CustomEvent('kallos.sounds', {detail: 'something else'}))")
    expect(page.get_by_test_id("live-play")).to_have_attribute("aria-pressed", "false")
    page.route(
        "**/api/live/**", lambda route: route.fulfill(status=503, json={"error": "the generator does not answer"})
    )
    page.get_by_test_id("live-play").click()
    expect(page.get_by_test_id("live-said")).to_have_text("The generator does not answer.")
    expect(page.get_by_test_id("live-play")).to_have_text("Start")

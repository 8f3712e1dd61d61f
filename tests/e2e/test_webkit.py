"""The compare page in WebKit, the engine of Safari and of every browser on a phone of Apple's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from selenium.webdriver import WebKitGTK
from selenium.webdriver.support.wait import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

pytestmark = pytest.mark.slow

PATIENCE_S = 180
TIMES = "return [...document.querySelectorAll('.k-time')].map((time) => time.textContent)"


def _mini_browser() -> Path | None:
    """WebKitGTK's own small browser, beside the library."""
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    return found[-1] if found else None


def _cannot(why: str) -> NoReturn:
    """Skip, but fail where WebKit was installed for this test."""
    if os.environ.get("KALLOS_REQUIRE_WEBKIT"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A screen to draw on: the one that is there, or a virtual one."""
    if os.environ.get("DISPLAY"):
        yield
        return
    if shutil.which("Xvfb") is None:
        _cannot("no screen, and no Xvfb to make one")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as answer:
            monkeypatch.setenv("DISPLAY", f":{answer.readline().strip()}")
        yield
        server.terminate()


@pytest.fixture
def webkit(screen: None) -> Iterator[WebKitGTK]:
    """WebKitGTK under its own driver; skips where it is not installed."""
    driver, browser = shutil.which("WebKitWebDriver"), _mini_browser()
    if driver is None or browser is None:
        _cannot("no WebKit found (Debian: webkit2gtk-driver)")
    options = Options()
    options.binary_location = str(browser)
    options.add_argument("--automation")
    running = WebKitGTK(options=options, service=Service(driver))
    yield running
    running.quit()


def until(webkit: WebKitGTK, ready: Callable[[WebKitGTK], object], what: str) -> None:
    WebDriverWait(webkit, PATIENCE_S, poll_frequency=0.2).until(ready, what)


@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # Selenium, of itself
def test_a_pair_plays_is_voted_on_and_the_next_one_sounds(webkit: WebKitGTK, site) -> None:
    webkit.get(site.url)

    def get(name: str):
        return webkit.find_element("css selector", f"[data-testid={name}]")

    until(webkit, lambda _: get("player-a").is_enabled(), "no pair can be played")
    get("player-a").click()
    until(webkit, lambda _: get("vote-left").is_enabled(), "A, then B were not heard")
    times = webkit.execute_script(TIMES)
    assert [time.startswith("0:00") for time in times] == [False, False]
    get("vote-left").click()
    until(webkit, lambda _: get("picks").text == "1 pick", "the vote was not stored")
    until(webkit, lambda _: not webkit.execute_script(TIMES)[0].startswith("0:00"), "the next pair does not sound")
    assert webkit.execute_script("return performance.getEntriesByName('kallos.next_pair').length") == 1
    webkit.get(f"{site.url}/taste")
    until(webkit, lambda _: get("taste-tempo").is_displayed(), "the taste page stays empty")

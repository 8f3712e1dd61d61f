"""A real browser in front of a real server: Chromium, Postgres, the generator and the worker, once for all tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    Frame,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.e2e import sound_clock
from tests.faults import fill_pool

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PATIENCE_MS = 150_000  # for a machine that trains or tests beside us
expect.set_options(timeout=PATIENCE_MS)
NOT_READY = 503  # "ask again in a second", as the page does
START_S = 240
LOG_SHOWN = 8000  # characters of what the server wrote, the last ones
CLIPS = 8  # recorded ones in the pool, so that every visitor has pairs and nobody waits for the composer


# The shell is the same engine without a browser's own windows, which take a third of its time.
SHELL, WHOLE = ("chromium-headless-shell",), ("chromium", "chromium-browser", "google-chrome", "chrome")


def _chromium(names: tuple[str, ...]) -> str:
    """``KALLOS_CHROMIUM``, a whole one, or the first of these that is there; skips or fails without any."""
    if found := os.environ.get("KALLOS_CHROMIUM") or next(
        (path for name in names if (path := shutil.which(name))), None
    ):
        return found
    message = "no Chromium found (KALLOS_CHROMIUM, or chromium on the PATH)"
    if os.environ.get("KALLOS_REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    """How to launch Chromium."""
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def launch_options() -> dict[str, Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
    return {"executable_path": _chromium(SHELL + WHOLE), "args": flags}


@pytest.fixture
def whole_browser(launch_options: dict[str, Any]) -> dict[str, Any]:
    """How to launch a Chromium that has settings and private windows; the shell has neither."""
    return {**launch_options, "executable_path": _chromium(WHOLE)}


@pytest.fixture(scope="package")
def browser(chromium: BrowserType, launch_options: dict[str, Any]) -> Iterator[Browser]:
    """One Chromium for all tests, each with contexts of its own."""
    running = chromium.launch(**launch_options)
    yield running
    running.close()


@dataclass
class Site:
    """The running application."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    environment: dict[str, str]

    def health(self) -> dict[str, Any]:
        report: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=10).json()
        return report

    @property
    def studies(self) -> str:
        """Where studies are made, with the key, as the server said when it started."""
        return re.findall(r"Studies are made at (\S+)", self.log.read_text(errors="replace"))[-1]

    def child(self, command: str) -> psutil.Process:
        """The supervised child that runs ``kallos COMMAND``."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if command in child.cmdline():
                    return child
            except psutil.Error:
                continue
        raise LookupError(f"no child runs {command}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def site(
    browser: Browser, make_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """``kallos serve`` with a database of its own, ready to serve a pair."""
    home, port = tmp_path_factory.mktemp("kallos"), _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KALLOS_")},
        "KALLOS_HOME": str(home / "home"),
        "KALLOS_POOL": "2",  # composing what nobody listens to takes the processors from the browser
        "KALLOS_RUNS": str(home / "runs"),  # named, so that no shipped run is copied there
        "KALLOS_DATABASE_URL": make_database(),
    }
    fill_pool(home / "home", CLIPS, sounding=True, database_url=environment["KALLOS_DATABASE_URL"])
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Site(f"http://localhost:{port}", process, log, environment)
    try:
        _wait_until_it_plays(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_plays(site: Site) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and site.process.poll() is None:
        try:
            report = httpx.get(f"{site.url}/healthz", timeout=5).json()
            if report["pool"]["pop"] >= CLIPS and report["generator"]["status"] == "ok":
                return
        except (httpx.HTTPError, KeyError, ValueError):
            pass
        time.sleep(0.3)
    pytest.fail(f"kallos serve did not get ready:\n{site.log.read_text(errors='replace')[-4000:]}")


def _tell(event: str, request: Request) -> None:
    """Print what a page asks of Gradio; it is shown where a test fails."""
    if "/gradio_api/queue/" in request.url:
        print(f"{time.time():.3f} {event} {request.url.rpartition('/')[2]} {(request.post_data or '')[-90:]}")


@dataclass
class Visitor:
    """Somebody in front of the compare page, on a screen or in a frame of another page."""

    context: BrowserContext
    page: Page
    url: str
    frame: Page | Frame = field(init=False)
    troubles: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frame = self.page
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self._meet(request.url))
        for event in ("request", "requestfinished", "requestfailed"):
            self.page.on(event, lambda request, event=event: _tell(event, request))

    def _meet(self, url: str) -> None:
        if not re.match(r"(https?://(localhost|127\.0\.0\.1)[:/]|data:|blob:|about:)", url):
            self.strangers.append(url)

    def get(self, test_id: str) -> Locator:
        return self.frame.get_by_test_id(test_id)

    def arrive(self, path: str = "/") -> Visitor:
        """Open the page and wait until a pair can be played."""
        self.page.goto(self.url + path)
        expect(self.get("player-a")).to_be_enabled()
        return self

    def hear(self, side: str) -> None:
        """Have this side sounding, whichever sounds now."""
        if self.get(f"player-{side}").get_attribute("aria-pressed") != "true":
            self.get(f"player-{side}").click()

    def be_silent(self) -> None:
        """Pause whatever sounds."""
        sounding = self.frame.locator(".k-play[aria-pressed=true]")
        sounding.evaluate_all("buttons => buttons.forEach((button) => button.click())")
        expect(sounding).to_have_count(0)

    def listen(self) -> None:
        """Hear both sides for as long as a vote needs; A may go over into B by itself in between."""
        hint = "document.querySelector('.k-hint').textContent"
        for side in ("a", "b"):
            lacks = f"/both|play|ready|{side.upper()} a little/.test({hint})"
            if self.frame.evaluate(lacks):
                self.hear(side)
                sound_clock.listen_until(self.frame, f"!{lacks}")
        expect(self.get("vote-left")).to_be_enabled()

    def vote(self, outcome: str) -> None:
        self.get(f"vote-{outcome}").click()

    def expect_picks(self, count: int) -> None:
        expect(self.get("picks")).to_have_text(f"{count} pick" + ("" if count == 1 else "s"))

    def expect_the_next_pair_to_sound(self, vote: int) -> None:
        """After this many votes: the page itself started the next pair, and time has passed on one of its clocks."""
        self.frame.wait_for_function(f"performance.getEntriesByName('kallos.next_pair').length === {vote}")
        moved = "[...document.querySelectorAll('.k-time')].some((time) => !time.textContent.startsWith('0:00'))"
        sound_clock.listen_until(self.frame, moved)

    def api(self, path: str, method: str = "GET") -> Any:
        """Ask the server as this listener, again where it is not ready yet; a refusal fails with its words."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while (reply := self._ask(path, method))[0] == NOT_READY and time.monotonic() < end:
            self.page.wait_for_timeout(500)
        status, answer = reply
        assert status < 400, f"{method} {path}: {status} {answer}"
        return answer

    def _ask(self, path: str, method: str) -> tuple[int, Any]:
        status, answer = self.frame.evaluate(
            """async ([path, method]) => {
                const token = localStorage.getItem("kallos.token");
                const reply = await fetch(path, {method, headers: {Authorization: `Bearer ${token}`}});
                return [reply.status, await reply.json()];
            }""",
            [path, method],
        )
        return status, answer

    def votes(self) -> list[tuple[str, str]]:
        """(offer, outcome) of every vote that the server has stored of this listener."""
        offers = self.api("/api/listener/export")["offers"]
        return [(offer["id"], offer["vote"]["outcome"]) for offer in offers if offer["vote"]]

    def offer_ids(self) -> list[str]:
        return [offer["offer_id"] for offer in self.api("/api/offers")]


def _end(visitors: list[Visitor]) -> None:
    for visitor in visitors:
        visitor.context.close()
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []
    assert [stranger for visitor in visitors for stranger in visitor.strangers] == []


@pytest.fixture
def visit(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """``visit(**context options)`` → a new anonymous visitor; none may meet an error or another host.

    Their players' time stands still until a test moves it on, but in tests that are marked ``realtime``.
    What the server wrote meanwhile is shown where a test fails.
    """
    visitors: list[Visitor] = []
    begun = site.log.stat().st_size
    real_time = request.node.get_closest_marker("realtime") is not None

    def make(context: BrowserContext | None = None, **options: Any) -> Visitor:
        context = context or browser.new_context(**(options or DESKTOP))
        if not real_time:
            sound_clock.install(context)
        visitors.append(Visitor(context, context.new_page(), site.url))
        return visitors[-1]

    yield make
    print(site.log.read_bytes()[begun:].decode(errors="replace")[-LOG_SHOWN:])
    _end(visitors)


@pytest.fixture
def listened(visit: Callable[..., Visitor]) -> Callable[[], Visitor]:
    """``listened()`` → a visitor who has heard their first pair, and whose players are silent."""

    def take() -> Visitor:
        visitor: Visitor = visit().arrive()
        visitor.listen()
        visitor.be_silent()
        return visitor

    return take

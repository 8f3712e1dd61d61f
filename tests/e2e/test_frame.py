"""The page inside a frame of another site, with and without storage of its own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from playwright.sync_api import BrowserContext, expect

pytestmark = pytest.mark.slow


@contextmanager
def shown_in_a_frame(address: str) -> Iterator[str]:
    """A page on another site that shows the one at ``address`` in a frame."""

    class Host(BaseHTTPRequestHandler):
        def do_GET(self):
            body = f'<iframe src="{address}/" width="1200" height="780" allow="autoplay"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def host(site) -> Iterator[str]:
    with shown_in_a_frame(site.url) as address:
        yield address


def enter(visitor, host):
    visitor.page.goto(host)
    frame = next(frame for frame in visitor.page.frames if frame.parent_frame)
    visitor.frame = frame
    expect(visitor.get("player-a")).to_be_enabled()


def vote_once(visitor):
    assert "kallos_listener" not in visitor.frame.evaluate("document.cookie")
    visitor.listen()
    visitor.vote("left")
    visitor.expect_picks(1)
    visitor.expect_the_next_pair_to_sound(1)


@pytest.fixture
def private_window(chromium, whole_browser) -> Iterator[BrowserContext]:
    browser = chromium.launch(**whole_browser)
    yield browser.new_context()
    browser.close()


def test_a_listener_in_a_frame_that_may_keep_nothing_is_known_by_the_token(visit, host, private_window):
    visitor = visit(private_window)  # there, Chromium denies storage and cookies to frames of other sites
    enter(visitor, host)
    denied = "(() => { try { return !window.localStorage; } catch { return true; } })()"
    assert visitor.frame.evaluate(denied)
    vote_once(visitor)
    visitor.frame.get_by_role("link", name="Your taste").click()
    expect(visitor.frame.locator(".k-lead")).to_contain_text("After 1 pick")


def test_a_listener_in_a_frame_of_another_site_is_known_again_after_a_reload(
    visit, host, chromium, whole_browser, tmp_path
):
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))  # frames may keep things
    visitor = visit(chromium.launch_persistent_context(tmp_path / "profile", **whole_browser))
    enter(visitor, host)
    vote_once(visitor)
    before = visitor.offer_ids()
    enter(visitor, host)
    visitor.expect_picks(1)
    assert visitor.offer_ids() == before


def switched_off(feature: str) -> list[str]:
    """The argument with which Playwright has its Chromium do without ``feature``, which browsers of people have."""
    started: list[str] = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that ends meanwhile
            started += each.cmdline()
    return [arg for arg in started if arg.startswith("--disable-features=") and feature in arg][:1]


def test_another_sites_frame_knows_nobody_who_listens_here(visit, host, chromium, whole_browser, tmp_path):
    """So whoever is led to click in a frame acts for a newcomer, and any site may be let show the pages."""
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))  # frames may keep things
    as_people_have_it = {"ignore_default_args": switched_off("ThirdPartyStoragePartitioning")}
    context = chromium.launch_persistent_context(tmp_path / "profile", **whole_browser, **as_people_have_it)
    visitor = visit(context).arrive()
    mine = visitor.page.evaluate("localStorage.getItem('kallos.token')")
    enter(visitor, host)
    theirs = visitor.frame.evaluate("localStorage.getItem('kallos.token')")
    assert mine
    assert theirs
    assert theirs != mine

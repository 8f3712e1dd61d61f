"""The demo of a component, as ``python -m webapp.ui.components.NAME`` serves it, and a page that shows it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import sound_clock

START_S = 120
PATIENCE_MS = 120_000
STARTED = "document.querySelector('[aria-busy=false]') && !document.querySelector('[aria-busy=true]')"
DESKTOP = {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture(scope="package")
def demos() -> Iterator[subprocess.Popen[str]]:
    """A process from which demos are forked."""
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    words = [sys.executable, "-m", "tests.e2e.components.demos"]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="module")
def demo(
    demos: subprocess.Popen[str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the running demo of the module's ``COMPONENT``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("demo") / "log"
    assert demos.stdin
    assert demos.stdout
    print(request.module.COMPONENT, port, log, sep="\t", file=demos.stdin, flush=True)
    process = psutil.Process(int(demos.stdout.readline()))
    try:
        _wait(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: psutil.Process, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.is_running():
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"the demo did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture
def shown(browser: Browser, demo: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """``shown(**context options)`` → the demo in a browser; it may meet no error and no other host.

    Its player's time stands still until a test moves it on, but in tests that are marked ``realtime``.
    """
    troubles: list[str] = []
    contexts = []
    real_time = request.node.get_closest_marker("realtime") is not None

    def show(**options: object) -> Page:
        context = browser.new_context(**(options or DESKTOP))  # type: ignore[arg-type]
        contexts.append(context)
        if not real_time:
            sound_clock.install(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda asked: _met(asked.url, troubles))
        page.goto(demo)
        page.wait_for_function(STARTED)
        return page

    yield show
    for context in contexts:
        context.close()
    assert troubles == []


def _met(url: str, troubles: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:")):
        troubles.append(f"asked {url}")

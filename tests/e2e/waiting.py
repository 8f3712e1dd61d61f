"""Waiting for what no page tells: a process, a file, a request that a test holds back."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page

PATIENCE_S = 150.0  # for a machine that trains or tests beside us
AGAIN_MS = 50


def wait_until(ready: Callable[[], object], what: str, page: Page | None = None, most_s: float = PATIENCE_S) -> None:
    """Look again and again until it is so. What ``page`` does meanwhile is handled: routes are called."""
    end = time.monotonic() + most_s
    while not ready():
        assert time.monotonic() < end, f"after {most_s:g} seconds still not: {what}"
        if page:
            page.wait_for_timeout(AGAIN_MS)
        else:
            time.sleep(AGAIN_MS / 1000)

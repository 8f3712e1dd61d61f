"""From a vote in a real browser to the next pair sounding, in milliseconds.

The page itself marks both ends: the click, and the moment at which the next clip has been started on the audio clock
(5 ms of fade and the device's own latency follow). Skips are counted like picks: the page does the same for both.
"""

from __future__ import annotations

import argparse
import shutil

import numpy as np
from playwright.sync_api import sync_playwright

MEASURED = "performance.getEntriesByName('kallos.next_pair').map((entry) => entry.duration)"


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


def chromium_path() -> str:
    """Where Chromium lies; raises ``NoBrowserError``."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise NoBrowserError("no Chromium found on the PATH")
    return path


def next_pair_ms(url: str, votes: int = 30, chromium: str | None = None) -> list[float]:
    """One figure a vote, on a new listener's page at ``url``; raises ``NoBrowserError``."""
    path = chromium or chromium_path()
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        page.get_by_test_id("player-a").click()
        for _ in range(votes):
            page.wait_for_timeout(1500)  # nobody votes sooner; the pair ahead is loaded meanwhile
            page.get_by_test_id("vote-skipped").click()
        measured: list[float] = page.evaluate(MEASURED)
        browser.close()
    return measured


def main() -> None:
    """Measure a page that runs already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://localhost:7860")
    parser.add_argument("--votes", type=int, default=30)
    given = parser.parse_args()
    found = np.array(next_pair_ms(given.url, given.votes))
    print(f"next pair after {len(found)} votes: p50 {np.median(found):.1f} ms, p95 {np.quantile(found, 0.95):.1f} ms")


if __name__ == "__main__":
    main()

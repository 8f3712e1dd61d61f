"""Frames of the canvas on a slow phone: script and layout of each, beside those of an empty page.

``python tests/bench/canvas.py`` starts Kallos on a fresh home, shows ten pieces on a page 390 pixels wide whose
processor is four times slower, and plays some seconds of each. A frame is all that runs before it is painted: every
``requestAnimationFrame`` callback and the layout that is left to be done after it, by the browser's clock. So whatever
else the machine does counts as well, which is why the load is printed. Painting itself doesn't count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from next_pair import chromium_path
from playwright.sync_api import Page, sync_playwright

WIDTH, HEIGHT, SLOWER = 390, 844, 4
PIECES, SECONDS = 10, 8.0
WANTED_MS = 8.0
# all callbacks of a frame are called with the same time; layout is forced after each of them
FRAMES = """(() => {
  const ask = window.requestAnimationFrame.bind(window);
  window.frames_ms = new Map();
  window.requestAnimationFrame = (act) => ask((now) => {
    const begun = performance.now();
    act(now);
    document.documentElement?.getBoundingClientRect();
    window.frames_ms.set(now, (window.frames_ms.get(now) ?? 0) + performance.now() - begun);
  });
})()"""
TAKEN = "() => { const found = [...window.frames_ms.values()]; window.frames_ms.clear(); return found; }"
EMPTY = "() => { const step = () => requestAnimationFrame(step); requestAnimationFrame(step); }"
SOUNDS = "document.querySelector('[data-testid=player-a]').getAttribute('aria-pressed') === 'true'"


def frames(url: str, pieces: int = PIECES, seconds: float = SECONDS) -> dict[str, list[float]]:
    """Milliseconds of each frame by what was shown, the empty page first; raises ``NoBrowserError``."""
    path = chromium_path()
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.add_init_script(FRAMES)
        found: dict[str, list[float]] = {}
        page.goto("data:text/html,<!doctype html><title>empty</title>")
        _slow(page, SLOWER)
        page.evaluate(EMPTY)
        found["an empty page"] = _watched(page, seconds)
        _slow(page, 1)
        page.goto(f"{url}/canvas")
        choices = page.locator("#choices-canvas").get_by_role("button", name="Show")
        choices.first.wait_for()
        for number in range(min(pieces, choices.count())):
            choices.nth(number).click()
            page.wait_for_function(SOUNDS)
            _slow(page, SLOWER)
            title = page.locator(".k-moving figcaption").inner_text()
            found[f"{number + 1}. {title}"] = _watched(page, seconds)
            _slow(page, 1)
            page.get_by_test_id("player-a").click()
        browser.close()
    return found


def _slow(page: Page, rate: float) -> None:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def _watched(page: Page, seconds: float) -> list[float]:
    """Milliseconds of the frames of so many seconds, without the first of them, in which everything is compiled."""
    page.wait_for_timeout(1000)
    page.evaluate(TAKEN)
    page.wait_for_timeout(1000 * seconds)
    taken: list[float] = page.evaluate(TAKEN)
    return taken


def summary(taken: list[float]) -> dict[str, Any]:
    """Median, 95th percentile and worst in milliseconds, and how many frames they are of."""
    if not taken:
        return {"median": None, "p95": None, "worst": None, "n": 0}
    median, high = np.quantile(taken, (0.5, 0.95))
    return {"median": round(median, 2), "p95": round(high, 2), "worst": round(max(taken), 2), "n": len(taken)}


def main() -> int:
    """Measure, print the table and the JSON line."""
    from bench import serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="of a Kallos that runs already; one is started without it")
    parser.add_argument("--pieces", type=int, default=PIECES)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each piece")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    if given.url:
        found = frames(given.url, given.pieces, given.seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="kallos-canvas-") as folder, serving(Path(folder)) as site:
            site.wait_for(given.pieces)
            found = frames(site.url, given.pieces, given.seconds)
    rows = {name: summary(taken) for name, taken in found.items()}
    shown = [each for taken in list(found.values())[1:] for each in taken]
    rows["all pieces"] = summary(shown)
    print(f"{'milliseconds of a frame':44} {'median':>7} {'p95':>7} {'worst':>7} {'frames':>7}")
    for name, row in rows.items():
        told = [f"{row[key]:7.2f}" if row[key] is not None else "      –" for key in ("median", "p95", "worst")]
        print(f"{name[:44]:44} {' '.join(told)} {row['n']:7d}")
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    load = [round(each, 1) for each in (before, os.getloadavg()[0])]
    print(
        f"{WIDTH} pixels, {SLOWER} times slower; ≤ {WANTED_MS:g} ms is wanted; load {load[0]} before, {load[1]} after"
    )
    about = {"width": WIDTH, "slower": SLOWER, "wanted_ms": WANTED_MS, "load": load, "machine": machine}
    print(json.dumps({"command": "bench.canvas", **about, "frames_ms": rows}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Maps: seconds until 20,000 points stand in the page, milliseconds a frame while dragged, seconds to draw one.

The points are made up, the page, its server and the drawing are real. Drawing is timed from the job to the stored map,
with corpora that were parsed before.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from next_pair import chromium_path
from playwright.sync_api import Page, sync_playwright

from models.atlas.points import DrawnMap, Points, packed
from models.atlas.projection import nearest
from models.atlas.quality import judge
from models.music.notes import Piece
from webapp.context import Context
from webapp.maps.drawing import draw, store
from webapp.runtime.settings import Settings

POINTS, LABELS, JUDGED = 20_000, 8, 500
FRAMES = """() => {
    window.frames_ms = [];
    let last = null;
    const step = (now) => {
        if (last !== null) window.frames_ms.push(now - last);
        last = now;
        if (window.frames_ms) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}"""


def crowd(count: int = POINTS) -> DrawnMap:
    """So many made-up points in a few heaps, every one with the same little tune."""
    rng = np.random.default_rng(0)
    heap = rng.integers(LABELS, size=count)
    places = (rng.normal(size=(LABELS, 2))[heap] + 0.3 * rng.normal(size=(count, 2))).astype(np.float32)
    notes = np.array([[24 * i, 24, 60 + i % 12, 80] for i in range(16)])
    tune = packed(Piece(notes, np.array([[96 * i, 96, 4, 4] for i in range(4)]), np.full(4, 100.0)))
    points = Points(
        ids=tuple(f"tunes/made/{i}" for i in range(count)),
        texts=tuple(f"The made-up tune number {i}" for i in range(count)),
        vectors=places,
        colours={"genre": tuple(f"heap {each}" for each in heap.tolist())},
        pieces=(tune,) * count,
        terms=("made up",) * count,
    )
    part = {name: labels[:JUDGED] for name, labels in points.colours.items()}
    quality = judge(places[:JUDGED], places[:JUDGED], part, 0).to_json()
    return DrawnMap(points, places, nearest(places, 10), {"quality": quality})


def in_the_page(url: str, map_id: str, times: int = 5) -> tuple[list[float], list[float]]:
    """Seconds from the address to the drawn map, each in a new browser context, and milliseconds of dragged frames.

    Raises ``NoBrowserError``.
    """
    path = chromium_path()
    seconds: list[float] = []
    frames: list[float] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        for _ in range(times):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{url}/maps?map={map_id}")
            page.wait_for_function("performance.getEntriesByName('kallos.map').length > 0")
            seconds.append(page.evaluate("performance.getEntriesByName('kallos.map')[0].startTime / 1000"))
            frames += _dragged(page)
            context.close()
        browser.close()
    return seconds, frames


def _dragged(page: Page) -> list[float]:
    box = page.get_by_test_id("map").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(500)
    page.mouse.move(*middle)
    page.mouse.down()
    page.evaluate(FRAMES)
    for step in range(60):
        page.mouse.move(middle[0] + 3 * step, middle[1] + 2 * (step % 20))
    found: list[float] = page.evaluate(
        "() => { const found = window.frames_ms; window.frames_ms = null; return found; }"
    )
    page.mouse.up()
    return found


def draw_seconds(context: Context) -> tuple[float, int]:
    """Seconds to draw the map of all tunes that are there, and how many they are."""
    draw(context.atlas, "tunes", 0, lambda *_: None)  # parses the corpora
    begun = time.monotonic()
    result = draw(
        context.atlas,
        "tunes",
        int(time.time()),
        lambda *_: None,
    )  # a seed that nobody has drawn
    return time.monotonic() - begun, result.points


def main() -> int:
    """``python tests/bench/maps.py URL KALLOS_HOME DATABASE_URL``: measure an application that runs."""
    url, home, database = sys.argv[1:4]
    context = Context(Settings(home=Path(home), database_url=database))
    seconds, frames = in_the_page(url, store(context.atlas, "tunes", "made-up", 0, crowd()))
    took, points = draw_seconds(context)
    context.close()
    print(
        f"{POINTS} points in the page after {np.median(seconds):.2f} s (longest of {len(seconds)}: {max(seconds):.2f})"
    )
    print(f"dragged: median frame {np.median(frames):.1f} ms, p95 {np.quantile(frames, 0.95):.1f} ms")
    print(f"{points} tunes drawn in {took:.1f} s")
    told = {"bench.map_20000_seconds": float(np.median(seconds)), "bench.project_5000_seconds": took}
    print(json.dumps({"command": "bench.maps", "metrics": told, "frame_ms": float(np.median(frames)), "tunes": points}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

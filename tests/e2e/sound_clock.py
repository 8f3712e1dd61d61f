"""The time of players in a page, which stands still until a test moves it on: ``tests/ui/sound_clock.js``."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Frame, Page

SCRIPT = Path(__file__).parents[1] / "ui" / "sound_clock.js"
MOST_S = 120.0  # of listening, after which what a test waits for does not come by it


def install(context: BrowserContext) -> None:
    """Let the players of all pages that this context opens from now on go by such a clock."""
    context.add_init_script(path=SCRIPT)


def listen(page: Page | Frame, seconds: float) -> None:
    """Let so much time pass for the players of a page, and all happen that happens meanwhile."""
    page.evaluate("ms => kallosSoundClock.advance(ms)", seconds * 1000)


def listen_until(page: Page | Frame, enough: str, most_s: float = MOST_S) -> None:
    """Let time pass for the players of a page until an expression of JavaScript is true."""
    moved = f"ms => kallosSoundClock.advance(ms, () => {enough})"
    assert page.evaluate(moved, most_s * 1000), f"{most_s:g} seconds of listening, and still not: {enough}"

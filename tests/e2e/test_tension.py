"""A folder of somebody's music is heard: what can be read of it, and the rest is left where it lies."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.walk]

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HEARD_MS = 180_000  # on a machine that trains and tests beside us
TUNE = "X:1\nT:{0}\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd|dAF DFA|dAF def|gfe fed|ecA d3:|\n"


@pytest.mark.timeout(600)
def test_a_folder_is_heard_and_what_is_no_music_stays_at_home(visit, tmp_path):
    folder = tmp_path / "tunes"
    (folder / "more").mkdir(parents=True)
    for name in ("first.abc", "more/second.ABC"):
        (folder / name).write_text(TUNE.format(name))
    for name in ("cover.png", ".DS_Store", "notes.pdf"):
        (folder / name).write_bytes(b"no music")
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/tension")
    expect(visitor.frame.locator("#heard-files input[type=file]")).to_be_attached(timeout=HEARD_MS)
    visitor.frame.locator("#heard-folder input[webkitdirectory]").set_input_files(folder)
    expect(visitor.frame.get_by_text("tunes has 2 MIDI or ABC files.")).to_be_visible()
    table = visitor.frame.locator("#scores")
    for name in ("first.abc", "second.ABC"):
        expect(table).to_contain_text(name, timeout=HEARD_MS)
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= 390

"""The studio where a file is dropped beside the button."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

TUNE = "X:1\nT:Dropped\nM:6/8\nL:1/8\nK:D\n" + "|dAF DFA|dAF def|gfe fed|cBA Bcd" * 4 + "|]\n"
SAID = ".k-desk [data-part=said]"

DROP = """([text, place]) => {
  const { left, top, width, height } = document.querySelector("#upload").getBoundingClientRect();
  const [clientX, clientY] = [left + place * width, top + height / 2];
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], "dropped.abc", { type: "text/vnd.abc" }));
  for (const name of ["dragenter", "dragover", "drop"]) {
    const below = document.elementFromPoint(clientX, clientY);
    below.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, clientX, clientY, dataTransfer }));
  }
}"""


def test_a_file_is_dropped_anywhere_within_the_dashes(site, visit):
    page = visit().page
    page.goto(f"{site.url}/studio")
    for place in (0.03, 0.5, 0.97):
        expect(page.locator("#choices-start .k-listed").first).to_be_visible()
        page.evaluate(DROP, [TUNE, place])
        expect(page.locator(SAID)).to_contain_text(
            "“Dropped”. Read from ABC as pop piano. These are its bars 1 to 8 of 16."
        )
        expect(page.get_by_test_id("player-a")).to_be_enabled()
        page.locator("#leave").click()

"""The studio where something fails: a file dropped beside the button, and a composer that does not answer."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

TUNE = "X:1\nT:Dropped\nM:6/8\nL:1/8\nK:D\n" + "|dAF DFA|dAF def|gfe fed|cBA Bcd" * 4 + "|]\n"
SAID = ".k-desk [data-part=said]"
ANSWERED_S = 120

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


@pytest.mark.parametrize("place", [0.03, 0.5, 0.97])
def test_a_file_is_dropped_anywhere_within_the_dashes(site, visit, place):
    page = visit().page
    page.goto(f"{site.url}/studio")
    expect(page.locator("#choices-start .k-listed").first).to_be_visible()
    page.evaluate(DROP, [TUNE, place])
    expect(page.locator(SAID)).to_contain_text(
        "“Dropped”. Read from ABC as pop piano. These are its bars 1 to 8 of 16."
    )
    expect(page.get_by_test_id("player-a")).to_be_enabled()


def test_a_composer_that_does_not_answer_is_named_and_asked_again(site, visit):
    page = visit().page
    page.goto(f"{site.url}/studio")
    page.locator("#choices-start").get_by_role("button", name=re.compile("^Start")).first.click()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    site.child("generator").kill()
    page.locator("#locks").get_by_text("Melody").click()
    expect(page.locator(SAID)).to_contain_text(
        "The composer does not answer just now; nothing is lost, try again in a moment. Try again"
    )
    expect(page.locator("#locks input").first).to_be_checked()
    again = page.get_by_role("button", name="Try again")
    end = time.monotonic() + ANSWERED_S
    while page.get_by_test_id("player-b").is_disabled():
        assert time.monotonic() < end, "the generator did not come back"
        if again.is_visible():
            again.click()
        time.sleep(0.5)
    expect(page.locator(SAID)).not_to_contain_text("does not answer")

"""The styles page in a browser: figures that can be read and taken along, and a walk that plays."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
COMPOSED_MS = 120_000  # on a machine that trains and tests beside us


@pytest.mark.timeout(900)
def test_figures_are_read_and_taken_along_and_a_walk_plays_and_opens_again(visit):
    visitor = visit(**PHONE)
    visitor.page.goto(f"{visitor.url}/styles#reading")
    table = visitor.frame.locator("#reading")
    expect(table.get_by_role("columnheader", name="harmony")).to_be_visible()
    expect(table.get_by_role("rowheader", name="pitch classes")).to_be_visible()
    expect(table.locator("h2")).to_be_focused()
    assert re.fullmatch(r"[−\d.]+", table.locator("td b").first.text_content() or "")
    expect(table.locator(".k-about")).to_contain_text("evaluate.relations of style-cpu")
    with visitor.page.expect_download() as download:
        table.get_by_role("link", name="CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert {"value", "low", "high", "model_sha256", "data_hash", "commit", "seed"} <= set(lines[0])
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]

    expect(visitor.frame.locator("#code-told")).to_contain_text("Code 1: ")
    expect(visitor.frame.locator("#code-pieces").locator(".k-clip")).to_have_count(10)  # two real pieces of each value

    visitor.frame.get_by_role("radio", name="Tempo").check(force=True)
    visitor.frame.locator("#walk-seed input").fill("5")
    visitor.frame.locator("#walk-compose").click()
    steps = visitor.frame.locator("#walk-steps").locator(".k-clip")
    expect(steps).to_have_count(5, timeout=COMPOSED_MS)
    expect(visitor.frame).to_have_url(re.compile(r"style=tempo&domain=\w+&seed=5"))
    play = steps.first.get_by_role("button", name="Play")
    play.click()
    expect(steps.first.get_by_role("button", name="Pause")).to_have_attribute(
        "aria-pressed", "true", timeout=COMPOSED_MS
    )
    rows = visitor.frame.get_by_role("region", name="What moved").locator("tbody tr")
    tempi = [float(row.locator("td.k-own b").text_content() or "nan") for row in rows.all()]
    assert tempi[0] < tempi[-1]

    visitor.page.reload()
    expect(visitor.frame.locator("#walk-steps").locator(".k-clip")).to_have_count(5, timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#walk-seed input")).to_have_value("5")
    expect(visitor.frame.get_by_role("radio", name="Tempo")).to_be_checked()

    visitor.frame.get_by_role("button", name="Choose a clip").click()
    visitor.frame.locator("#walk-picking").get_by_role("button", name=re.compile("^Begin")).first.click()
    expect(visitor.frame).to_have_url(re.compile("source=clips"), timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#walk-about")).to_contain_text("From clips/")

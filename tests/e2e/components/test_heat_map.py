"""A table that is tinted like a map of heat is read by its headers, and tells which cell was clicked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "heat_map"


def test_figures_are_read_by_row_and_column_and_a_click_tells_the_cell(shown):
    page = shown()
    table = page.get_by_role("region", name="Two styles")
    expect(table.get_by_role("columnheader", name="onsets")).to_be_visible()
    expect(table.get_by_role("rowheader", name="rhythm")).to_be_visible()
    expect(table.locator("td.k-own b")).to_have_text("0.93")
    expect(table.locator("td.k-negative b")).to_have_text("−0.08")
    expect(table.get_by_text("no figure")).to_have_count(1)
    table.get_by_text("−0.08").click()
    expect(page.get_by_label("Chosen")).to_have_value("row 0, column 1")

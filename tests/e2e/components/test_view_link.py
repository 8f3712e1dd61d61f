"""What was chosen stands in the address of the page, and a link opens the same again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "view_link"


def test_what_was_chosen_stands_in_the_address_and_is_there_again_after_a_reload(shown):
    page = shown()
    field = page.get_by_label("Colour")
    expect(field).to_have_value("red")
    field.click()
    page.get_by_role("option", name="green").click()
    expect(page).to_have_url(re.compile(r"\?colour=green$"))
    page.get_by_role("button", name="Link to this view").click()
    expect(page.get_by_role("textbox", name="Link to this view")).to_have_value(re.compile("colour=green"))
    page.reload()
    expect(field).to_have_value("green")

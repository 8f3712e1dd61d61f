"""Every page as a screen reader meets it: Chromium's own accessibility tree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

PAGES = (
    "", "four", "fit", "whole", "taste", "together", "make", "explore", "studio", "maps", "titles", "styles", "rate",
    "dreams", "agent", "tension", "film", "canvas", "live", "listeners", "studies", "retrieval", "runs", "about",
    "endpoints",
)  # fmt: skip
WITHOUT_A_WALK = ("together", "make", "explore", "about", "endpoints")  # of their own, elsewhere
ACTS = {  # roles of what one can act on
    "button", "link", "textbox", "searchbox", "combobox", "listbox", "slider", "spinbutton", "checkbox", "radio",
    "switch", "tab", "menuitem",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=pytest.mark.walk) if path in WITHOUT_A_WALK else path for path in PAGES]
)
def test_all_that_one_can_act_on_has_a_name_and_the_page_its_landmarks(site, visit, path: str) -> None:
    page = visit().page
    page.goto(site.studies if path == "studies" else f"{site.url}/{path}")
    expect(page.locator("summary[aria-label=Menu]")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_function("!document.querySelector('[aria-busy=true]')")  # of components that are not started yet
    tree = accessible(page)
    assert [node for node in tree if node[0] in ACTS and not node[1]] == []
    roles = [role for role, _, _ in tree]
    assert roles.count("main") == 1
    assert ("navigation", "Pages", None) in tree
    assert len([name for role, name, level in tree if role == "heading" and level == 1]) == 1
    levels = [level for role, _, level in tree if role == "heading"]
    assert all(below - above <= 1 for above, below in pairwise(levels)), levels


def accessible(page: Page) -> list[tuple[str, str, int | None]]:
    """``(role, name, level)`` of everything that a screen reader is told of, in its order."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [_node(each) for each in nodes if not each["ignored"]]


def _node(node: dict[str, Any]) -> tuple[str, str, int | None]:
    level = next((each["value"]["value"] for each in node.get("properties", ()) if each["name"] == "level"), None)
    return node["role"]["value"], node.get("name", {}).get("value", "").strip(), level


@pytest.mark.walk
def test_charts_have_names_and_tables_say_what_of(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/listeners?study=simulated")
    for name in ("Kinds of taste", "Calibration", "Popularity and beauty"):
        expect(page.get_by_role("img", name=f"{name}, chart")).to_be_visible()
    page.goto(f"{site.url}/maps")
    expect(page.get_by_role("grid", name="How far to trust the map")).to_be_visible()


def test_the_reference_of_the_http_interface_has_one_order_of_headings(site, visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/api/docs")
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    names = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map((each) => each.localName)")
    levels = [int(name[1]) for name in names]
    assert levels[0] == 1
    assert set(levels) == {1, 2, 3, 4, 5}
    assert all(below - above <= 1 for above, below in pairwise(levels)), levels
    tree = accessible(page)
    assert [role for role, _, _ in tree].count("main") == 1
    assert [node for node in tree if node[0] in ACTS and not node[1]] == []

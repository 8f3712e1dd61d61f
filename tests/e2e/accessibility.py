"""A page as a screen reader meets it: Chromium's own accessibility tree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from playwright.sync_api import Page, expect

ACTS = {  # roles of what one can act on
    "button", "link", "textbox", "searchbox", "combobox", "listbox", "slider", "spinbutton", "checkbox", "radio",
    "switch", "tab", "menuitem",
}  # fmt: skip


def expect_accessible(page: Page) -> None:
    """All that one can act on has a name, and the page its landmarks and one order of headings."""
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

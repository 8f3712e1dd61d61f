"""The header of every page: the way to the others, and the menu with what belongs to the listener alone.

``gr.Navbar`` would show the pages, but not what leads beside them: a menu, a current page for one that is not listed,
links that take the token along in a frame that keeps nothing, and few enough of them on a phone.
"""

from __future__ import annotations

from typing import Any

from webapp.ui.components.component import Component

Entry = tuple[str, str, str]  # key, address, label

PAGES: tuple[Entry, ...] = (
    ("listen", "./", "Listen"),
    ("make", "make", "Make"),
    ("explore", "explore", "Explore"),
    ("studies", "studies", "Studies"),
)
BELOW: dict[str, tuple[Entry, ...]] = {  # in a second row below one of PAGES
    "listen": (
        ("compare", "./", "Two at a time"),
        ("four", "four", "Best of four"),
        ("fit", "fit", "What fits"),
        ("taste", "taste", "Your taste"),
    ),
    "make": (
        ("studio", "studio", "Studio"),
        ("whole", "whole", "Whole pieces"),
        ("film", "film", "Film"),
        ("canvas", "canvas", "Canvas"),
        ("live", "live", "Live"),
    ),
    "explore": (
        ("maps", "maps", "Maps"),
        ("titles", "titles", "Titles"),
        ("retrieval", "retrieval", "Retrieval"),
        ("styles", "styles", "Styles"),
        ("tension", "tension", "Tension"),
        ("rate", "rate", "Rate"),
        ("dreams", "dreams", "Dreams"),
        ("agent", "agent", "Agent"),
        ("runs", "runs", "Runs"),
    ),
    "studies": (
        ("studies", "studies", "Your studies"),
        ("listeners", "listeners", "Listeners"),
    ),
}

MENU = """
<details class="k-menu">
  <summary aria-label="Menu">
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 6h14M3 10h14M3 14h14"/></svg>
  </summary>
  <div class="k-menu-list">
    <button type="button" data-do="link">Continue on another device</button>
    <button type="button" data-do="export">Download my data</button>
    <button type="button" data-do="delete" class="k-danger">Delete everything</button>
    <a href="about">About and privacy</a>
  </div>
</details>
"""

DIALOGUES = """
<dialog class="k-dialog" data-dialog="link" aria-labelledby="k-link-title">
  <h2 id="k-link-title">Continue on another device</h2>
  <p>Open this link there and your picks come along. <span data-part="expires"></span>
     Whoever has the link can vote as you, so keep it to yourself.</p>
  <input type="text" readonly aria-label="Link for your other device" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<dialog class="k-dialog" data-dialog="delete" aria-labelledby="k-delete-title">
  <h2 id="k-delete-title">Delete everything?</h2>
  <p>Your picks, what was learned from them, what was made for you and your Studio are removed for good.
     Download your data first if you want to keep a copy.</p>
  <p class="k-dialog-error" role="alert" data-part="error"></p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Keep it</button>
    <button type="button" class="k-solid" data-part="confirm">Delete everything</button>
  </div>
</dialog>
"""


class Header(Component):
    """The mark, the pages, of which ``current`` is marked, and the menu; below some pages those that belong to them."""

    script = "header.js"

    def __init__(self, current: str = "", **settings: Any) -> None:
        above = next((key for key, pages in BELOW.items() if current in {key, *(each for each, *_ in pages)}), "")
        called = {key: label for key, _, label in PAGES}
        below = _links(BELOW.get(above, ()), current)
        second = f'<nav class="k-below" aria-label="{called[above]}">{below}</nav>' if above else ""
        super().__init__(
            html_template=f"""
<div class="kallos" style="visibility: hidden">
  <header class="k-header">
    <a class="k-mark" href="./" aria-label="Kallos, home">Kallos</a>
    <nav aria-label="Pages">{_links(PAGES, above, "page" if above == current else "true")}</nav>
    {MENU}
  </header>
  {second}
  <p class="k-said" role="status" data-part="said"></p>
  {DIALOGUES}
</div>""",
            **settings,
        )


def _links(pages: tuple[Entry, ...], current: str, kind: str = "page") -> str:
    """Links to pages; ``kind``: what ``aria-current`` says of the current one."""
    marks = {current: f' aria-current="{kind}"'}
    return "".join(f'<a href="{href}"{marks.get(key, "")}>{label}</a>' for key, href, label in pages)

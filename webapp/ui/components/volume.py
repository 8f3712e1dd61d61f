"""How loud everything plays: one slider, remembered in the browser, for every player of every page."""

from __future__ import annotations

from typing import Any

from webapp.ui.components.component import Component

_TEMPLATE = """
<div class="kallos" style="visibility: hidden"><label class="k-volume">
  <svg viewBox="0 0 20 20" aria-hidden="true">
    <path d="M3 8v4h3l4 3.5v-11L6 8zM13 7.2a4 4 0 0 1 0 5.6M15.3 5a7 7 0 0 1 0 10"/></svg>
  <input type="range" min="0" max="100" step="5" value="100" aria-label="Volume" data-testid="volume"></label></div>"""


class Volume(Component):
    """The slider; it has no value, since it concerns this browser alone."""

    script = "volume.js"

    def __init__(self, **settings: Any) -> None:
        super().__init__(None, html_template=_TEMPLATE, **settings)

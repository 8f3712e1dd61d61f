"""Links to the parts of a long page, which goes to the part that its address names once all parts are there."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from webapp.ui.components.component import Component


class Contents(Component):
    """The parts of a page by ``elem_id``.

    A browser goes to the part after the ``#`` while a page loads, when Gradio has drawn nothing yet. This goes there
    when its value is set to ``True``, and has the part's heading in focus.
    """

    script = "contents.js"

    def __init__(self, parts: Mapping[str, str], value: bool | None = None, **settings: Any) -> None:  # noqa: FBT001
        links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in parts.items())
        super().__init__(
            value,
            html_template=f'<nav class="kallos k-contents" aria-label="Contents">{links}</nav>',
            **settings,
        )

"""Where a chart comes from, and the ways to take it along: PNG, SVG and CSV.

``gr.Plot`` exports nothing, and a ``gr.DownloadButton`` would need the pictures on the server, where Plotly draws none
without a browser of its own. So the browser that shows the chart draws it once more, on white paper, when asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.ui.components.component import Component


class ChartExports(Component):
    """The foot of a chart; its value has ``address``, ``source`` and ``empty``.

    Args:
        value: ``address``, where the chart is had by HTTP as ``{figure}``, and with ``form=csv`` its data; ``source``,
            where it comes from, in a line; ``empty``, what is said where there is nothing to draw.
        name: What the files are called: ``kallos-NAME.png``.
        title: What the chart is called: its heading in a picture, and for those who hear the buttons.
    """

    script = "chart_exports.js"

    def __init__(self, name: str, title: str, value: Mapping[str, Any] | None = None, **settings: Any) -> None:
        buttons = "".join(
            f'<button type="button" class="k-quiet k-small" data-take="{form}" data-file="kallos-{name}.{form}" '
            f'data-title="{title}" disabled>{form.upper()}</button>'
            for form in ("png", "svg", "csv")
        )
        super().__init__(
            value,
            html_template=f"""
<div class="kallos" style="visibility: hidden" data-chart="{name}">
  <p class="k-chart-empty" data-part="empty">Drawing…</p>
  <div class="k-chart-foot">
    <span data-part="source"></span>
    <span class="k-chart-take" role="group" aria-label="Download {title}">{buttons}</span>
  </div>
</div>""",
            **settings,
        )

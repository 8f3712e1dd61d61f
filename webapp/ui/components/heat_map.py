"""Figures by row and column as a table that is tinted like a map of heat, and still read aloud cell by cell.

``gr.Dataframe`` can tint cells, but knows no second line in a cell, no frame, and no header that stays beside its rows.
Run ``python -m webapp.ui.components.heat_map`` for a page of ten lines that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.ui.components.component import Component

MINUS = "−"
TINT = 45  # per cent at most, so that figures stay readable on it in light and dark

_TEMPLATE = """
<div class="kallos k-heat">
<div class="kallos k-matrix" tabindex="0" role="region" aria-label="{label}">
  <table>
    <caption class="k-hidden">{label}</caption>
    <thead>
      {{{{#if value.groups}}}}<tr><td class="k-none"></td>{{{{#each value.groups}}}}
        <th scope="colgroup" colspan="{{{{this.span}}}}">{{{{this.label}}}}</th>{{{{/each}}}}</tr>{{{{/if}}}}
      <tr><th scope="col">{{{{value.across}}}}</th>
      {{{{#each value.columns}}}}<th scope="col">{{{{this}}}}</th>{{{{/each}}}}</tr></thead>
    <tbody>{{{{#each value.rows}}}}<tr><th scope="row">{{{{this.name}}}}</th>{{{{#each this.cells}}}}
      <td class="{{{{this.look}}}}" style="--heat: {{{{this.heat}}}}%" data-row="{{{{this.row}}}}"
        data-column="{{{{this.column}}}}" data-hint="{{{{this.hint}}}}">{{{{#if this.text}}}}
        {{{{#if this.plays}}}}<button type="button" tabindex="-1"><b>{{{{this.text}}}}</b>
          <span class="k-hidden">{{{{this.hint}}}} {{{{this.plays}}}}</span></button>
        {{{{else}}}}<b>{{{{this.text}}}}</b>
          <small>{{{{this.beside}}}}</small><span class="k-hidden">{{{{this.hint}}}}</span>{{{{/if}}}}
        {{{{else}}}}<span class="k-hidden">no figure</span>{{{{/if}}}}</td>
    {{{{/each}}}}</tr>{{{{/each}}}}</tbody>
  </table>
</div>
{{{{#if value.readout}}}}<p class="k-readout" data-part="readout">{{{{value.readout}}}}</p>{{{{/if}}}}
</div>"""


class HeatMap(Component):
    """A table of figures, tinted by their size.

    Args:
        value: ``across`` (what a row is and what a column is), ``rows`` and ``columns`` (their names), and ``cells`` by
            row: ``None``, a number, or a mapping with ``value`` and where known ``heat`` (0 to 1, how strongly it is
            tinted), ``own`` (framed), ``low`` and ``high`` (its interval), ``compared`` (stands in brackets), ``hint``
            (a sentence that takes the place of both, read out below the table while the cell is pointed at or chosen
            with the arrow keys), ``plays`` (what a press of it does: the cell is a button). And where wanted
            ``groups`` of columns, ``{"label", "span"}`` each, and ``readout``: what stands there before.
        label: What the table is, for those who hear it.

    Events:
        select: A cell was clicked; ``gr.EventData`` has its ``row`` and ``column``, counted from 0.
    """

    script = "heat_map.js"

    def __init__(self, value: Mapping[str, Any] | None = None, *, label: str, **settings: Any) -> None:
        super().__init__(value, html_template=_TEMPLATE.format(label=label), **settings)

    def postprocess(self, value: Any) -> Any:
        """The table with its figures written out, as the template takes it."""
        if value is None:
            return {"across": "", "columns": [], "rows": [], "groups": [], "readout": ""}
        rows = [
            {"name": name, "cells": [_cell(cell, row, column) for column, cell in enumerate(cells)]}
            for row, (name, cells) in enumerate(zip(value["rows"], value["cells"], strict=True))
        ]
        about = {"groups": list(value.get("groups", ())), "readout": value.get("readout", "")}
        return {"across": value["across"], "columns": list(value["columns"]), "rows": rows, **about}


def figure(value: float | None) -> str:
    """A figure as the pages write it: the larger, the fewer decimals."""
    if value is None:
        return ""
    size = abs(value)
    text = f"{size:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def _cell(cell: Any, row: int, column: int) -> dict[str, Any]:
    told = {"value": cell} if isinstance(cell, int | float) else dict(cell or {})
    value, low, high = (told.get(name) for name in ("value", "low", "high"))
    beside = [f"{figure(low)} to {figure(high)}"] if low is not None and high is not None else []
    beside += [f"({figure(told['compared'])})"] if told.get("compared") is not None else []
    hint = str(told.get("hint") or "")
    looks = {"k-negative": value is not None and value < 0, "k-own": told.get("own"), "k-none": cell is None}
    return {
        "row": row,
        "column": column,
        "heat": round(TINT * (told.get("heat") or 0)),
        "look": " ".join(name for name, wanted in looks.items() if wanted),
        "text": figure(value),
        "beside": "" if hint else " ".join(beside),
        "hint": hint,
        "plays": str(told.get("plays") or ""),
    }


def compared(cells: Sequence[Sequence[Any]], name: str) -> list[list[Any]]:
    """Cells in whose brackets stands what they have under ``name``."""
    return [[cell and {**cell, "compared": cell.get(name)} for cell in row] for row in cells]


if __name__ == "__main__":
    import gradio as gr

    def told(event: gr.EventData) -> str:
        """Which cell was clicked."""
        return f"row {event.row}, column {event.column}"

    with gr.Blocks() as demo:
        cells = [[{"value": 0.93, "heat": 1, "own": True}, {"value": -0.08, "heat": 0.1}], [None, 0.5]]
        table = HeatMap(
            {"across": "from, to", "rows": ["rhythm", "tempo"], "columns": ["onsets", "speed"], "cells": cells},
            label="Two styles",
        )
        chosen = gr.Textbox(label="Chosen")
        table.select(told, outputs=chosen)
    demo.launch()

"""The matrix of moods on the Styles page: which style carries valence and arousal."""

from __future__ import annotations

from collections.abc import Mapping

from models.experiments.report import Metric
from webapp.research.styles.matrices import Matrix, figure, interval
from webapp.research.styles.tables import MOODS, Cell, Table

EXPLAINED = (
    "Held-out clips of pop piano, as two judges hear their mood. Moved: with the style of a clip of another mood, the "
    "share of the way there that a clip goes, 1 all of it. Read: how often a linear probe on a style's latents tells "
    "which half a clip is in, .5 by chance; harmony speaks of keys too, which hides the mode from such a probe."
)
CHANCE = 0.5  # of reading one of two halves


def moods(table: Table) -> Matrix:
    """A row a style, and for valence and arousal how far a swap moves it and how well it is read."""
    known = {(cell.row, cell.column): cell for cell in table.cells}
    cells = [[(cell := known.get((row, column))) and _shown(cell) for column in table.columns] for row in table.rows]
    value = {
        "across": "style",
        "rows": list(table.rows),
        "columns": [column.partition(" ")[0] for column in table.columns],
        "groups": [
            {"label": f"{how} by the style" if how == "moved" else f"{how} from it", "span": 2} for how in MOODS
        ],
        "cells": cells,
        "readout": "Point at a figure for its interval.",
    }
    return Matrix(value, told(known), (table,))


def told(known: Mapping[tuple[str, str], Cell]) -> str:
    """What carries either, most first, in a sentence; empty where nothing was measured."""
    found = []
    for mood in ("valence", "arousal"):
        values = {row: cell.metric for (row, column), cell in known.items() if column == f"{mood} moved"}
        sure = [row for row, metric in values.items() if (metric.low or 0) > 0]
        first = sorted(sure, key=lambda row: -(values[row].value or 0))[:3]
        if first:
            found.append(f"{mood} is carried by {_listed([f'{row} ({figure(values[row].value)})' for row in first])}")
    return f"{'; '.join(found)}." if found else ""


def _shown(cell: Cell) -> dict[str, object]:
    moved = cell.column.endswith("moved")
    value = cell.metric.value or 0.0
    heat = abs(value) if moved else max(0.0, 2 * (value - CHANCE))
    return {
        "value": cell.metric.value, "heat": round(min(1.0, heat), 3), "own": False,
        "hint": _hint(cell.row, cell.column.partition(" ")[0], cell.metric, moved=moved), "plays": "",
    }  # fmt: skip


def _hint(row: str, mood: str, metric: Metric, *, moved: bool) -> str:
    if moved:
        return f"With {row} of another clip, {mood} goes this share of the way to it: {interval(metric)}."
    return f"From the latents of {row} alone, the half of {mood} is read rightly in {interval(metric)}."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

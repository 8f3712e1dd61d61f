"""The matrices of the Styles page, made of tables: what swaps do, what one style tells of another, what carries mood.

Each cell has a sentence with its interval, and over each matrix stands what it comes to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.experiments.report import Metric
from webapp.research.styles.tables import BOTH, LABELS, MOODS, Cell, Table

LEFT = {"melody_kept": "tune kept", "original_found": "piece found", "cycle": "latent error"}
OWN = "follows donor"
MEASURES = {  # name → what is chosen, and the table that it is of
    "spearman": ("Correlation in music", "spearman"),
    "information": ("Information in music", "information"),
    "canonical": ("Correlation of latents", "canonical"),
    "shared": ("Information in latents", "shared"),
    "reading": ("Read from latents", "reading"),
}
EXPLAINED = {
    "spearman": "How the attributes that name the styles correlate in real clips of one kind of music (Spearman). No "
    "model can be expected to separate what goes together in music.",
    "information": "The same as mutual information in bits, which also finds relations that are not monotonic.",
    "canonical": "For every two styles, the two directions of their latents that correlate most, on songs that they "
    "were not chosen on (canonical correlation). Near the music's own figure, nothing was mixed in.",
    "shared": "Bits that those two directions tell of each other.",
    "reading": "The share of an attribute (R²) that linear regression on each style's latents explains on other songs. "
    "Framed: from its own style. Below 0: worse than knowing nothing.",
}
WORST = 3  # cells that a sentence names at most


@dataclass(frozen=True)
class Matrix:
    """What ``HeatMap`` draws, the sentence above it, and the tables that it is made of."""

    value: dict[str, Any]
    told: str
    tables: tuple[Table, ...]


def swaps(found: Mapping[str, Table]) -> Matrix:
    """A row a style that is swapped: how well it follows the donor, what else moves, and what is left of the piece."""
    parts = [found[name] for name in ("swaps", "drift", "after")]
    swapped, drift, after = map(_cells, parts)
    rows = parts[0].rows
    cells: list[list[Any]] = []
    for row in rows:
        plays = f"Press to hear {row} swapped."
        own = swapped.get((row, row))
        line: list[Any] = [own and _shown(own, _own(row, own.metric), plays)]
        for other in rows:
            moved = drift.get((row, other))
            line.append(moved and _shown(moved, _moved(row, other, moved.metric, swapped.get((row, other))), plays))
        for name in LEFT:
            left = after.get((row, name))
            line.append(left and _shown(left, _left(row, name, left.metric), plays))
        cells.append(line)
    groups = [("in the style", 1), ("side effects (standard deviations)", len(rows)), ("of the piece", len(LEFT))]
    value = {
        "across": "swapped",
        "rows": list(rows),
        "columns": [OWN, *rows, *LEFT.values()],
        "groups": [{"label": label, "span": span} for label, span in groups],
        "cells": cells,
        "readout": "Point at a figure for its interval; press it to hear such a swap.",
    }
    return Matrix(value, _swaps_told(swapped, drift, after), tuple(parts))


def leakage(found: Mapping[str, Table], measure: str) -> Matrix:
    """One of ``MEASURES`` for every two styles."""
    table = found[MEASURES[measure][1]]
    known = _cells(table)
    music = _cells(found["both"])
    cells = [
        [(cell := known.get((row, column))) and _shown(cell, _pair(measure, cell, music)) for column in table.columns]
        for row in table.rows
    ]
    value = {
        "across": table.across,
        "rows": [LABELS.get(row, row) for row in table.rows],
        "columns": [LABELS.get(column, column) for column in table.columns],
        "cells": cells,
        "readout": "Point at a figure for its interval.",
    }
    told = _reading_told(known) if measure == "reading" else _pairs_told(measure, known, found["both"])
    return Matrix(value, told, (table,))


def _cells(table: Table) -> dict[tuple[str, str], Cell]:
    return {(cell.row, cell.column): cell for cell in table.cells}


def _shown(cell: Cell, hint: str, plays: str = "") -> dict[str, Any]:
    return {"value": cell.metric.value, "heat": cell.heat, "own": cell.own, "hint": hint, "plays": plays}


def figure(value: float | None) -> str:
    """A figure in a sentence."""
    if value is None:
        return "not known"
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def interval(metric: Metric) -> str:
    """ "0.80 (95 %: 0.75 to 0.84, n = 500)"."""
    known = metric.low is not None and metric.high is not None
    told = f"95 %: {figure(metric.low)} to {figure(metric.high)}, " if known else "no interval was measured, "
    return f"{figure(metric.value)} ({told}n = {metric.n})"


def _own(row: str, metric: Metric) -> str:
    without = "" if metric.baseline is None else f" Without the swap: {figure(metric.baseline)}."
    return f"With {row} swapped, its correlation with the donor's is {interval(metric)}.{without}"


def _moved(row: str, other: str, metric: Metric, along: Cell | None) -> str:
    again = "" if metric.baseline is None else f" Composing the same again moves it {figure(metric.baseline)}."
    follows = f" Its correlation with the donor's {row}: {figure(along.metric.value)}." if along else ""
    return f"With {row} swapped, {other} moves by {interval(metric)} standard deviations.{again}{follows}"


def _left(row: str, name: str, metric: Metric) -> str:
    told = {
        "melody_kept": "of the tune's notes that survive without a swap this share is still there:",
        "original_found": "the share of pieces that are found among 100 by their melody is",
        "cycle": "the model that hears the result misses the donor's latents by",
    }[name]
    return f"With {row} swapped, {told} {interval(metric)}."


def _pair(measure: str, cell: Cell, music: Mapping[tuple[str, str], Cell]) -> str:
    """A cell of the leakage matrix in words, beside what the music itself joins."""
    row, column, metric = LABELS.get(cell.row, cell.row), LABELS.get(cell.column, cell.column), cell.metric
    beside = metric.chance if measure in {"information", "canonical", "shared"} else metric.baseline
    if measure == "reading":
        among = "" if beside is None else f" The named attributes of {column} alone tell {figure(beside)}."
        return f"Of {row}, the latents of {column} explain {interval(metric)}.{among}"
    what = "bits that one tells of the other" if measure in {"information", "shared"} else "correlation"
    told = f"{row} and {column}: {what} {interval(metric)}."
    told += "" if beside is None else f" Shuffled clips have {figure(beside)}."
    if measure in {"canonical", "shared"}:
        of = BOTH[0] if measure == "canonical" else BOTH[2]
        pairs = (f"{one} and {other}" for one, other in ((cell.row, cell.column), (cell.column, cell.row)))
        own = next((music[pair, of] for pair in pairs if (pair, of) in music), None)
        told += f" In the music itself: {figure(own.metric.value)}." if own else ""
    return told


def _known(cells: Mapping[tuple[str, str], Cell]) -> Iterator[tuple[str, str, float, Metric]]:
    for (row, column), cell in cells.items():
        if cell.metric.value is not None:
            yield row, column, cell.metric.value, cell.metric


def _swaps_told(
    swapped: Mapping[tuple[str, str], Cell],
    drift: Mapping[tuple[str, str], Cell],
    after: Mapping[tuple[str, str], Cell],
) -> str:
    """What the matrix of swaps comes to."""
    own = {row: value for row, column, value, _ in _known(swapped) if row == column}
    beyond = {
        (row, column): value - (metric.baseline or 0) for row, column, value, metric in _known(drift)
    }  # fmt: skip
    kept = {row: value for row, column, value, _ in _known(after) if column == "melody_kept"}
    told = []
    if own:
        least, most = min(own, key=own.__getitem__), max(own, key=own.__getitem__)
        told.append(
            f"A swapped style follows its donor ({figure(own[least])} for {least} to {figure(own[most])} for {most}; "
            "1 is exact)"
        )
    if beyond:
        row, column = max(beyond, key=beyond.__getitem__)
        told.append(
            f"the largest side effect is on {column} when {row} is swapped, {figure(beyond[row, column])} standard "
            "deviations beyond those of composing again"
        )
    if kept:
        least = min(kept, key=kept.__getitem__)
        told.append(f"a swap of {least} keeps least of the tune, {100 * kept[least]:.0f} %")
    return f"{'; '.join(told)}." if told else ""


def _pairs_told(measure: str, known: Mapping[tuple[str, str], Cell], both: Table) -> str:
    """What a symmetric matrix comes to."""
    pairs = {
        tuple(sorted((row, column))): (value, metric) for row, column, value, metric in _known(known) if row != column
    }
    if not pairs:
        return ""
    if measure == "canonical" and both.told:
        return both.told
    sure = [pair for pair, (_, metric) in pairs.items() if _apart(metric)]
    unit = " bits" if measure in {"information", "shared"} else ""
    first = sorted(pairs, key=lambda pair: -abs(pairs[pair][0]))[:WORST]
    named = _listed([f"{LABELS.get(a, a)} and {LABELS.get(b, b)} ({figure(pairs[a, b][0])}{unit})" for a, b in first])
    where = "latents" if measure in {"canonical", "shared"} else "real music"
    return f"In {where} {len(sure)} of {len(pairs)} pairs go together beyond chance, most of all {named}."


def _apart(metric: Metric) -> bool:
    """Whether an interval excludes what chance would give."""
    if metric.low is None or metric.high is None:
        return False
    chance = metric.chance or 0.0
    return metric.low > chance or metric.high < chance


def _reading_told(known: Mapping[tuple[str, str], Cell]) -> str:
    """What can be read from which latents, in a sentence."""
    own = {row: value for row, _, value, _ in _known({place: cell for place, cell in known.items() if cell.own})}
    if not own:
        return ""
    other = {
        (row, column): value - (metric.baseline or 0)
        for row, column, value, metric in _known(known)
        if not known[row, column].own
    }
    best = [row for row in own if all(own[row] >= known[place].metric.value for place in other if place[0] == row)]  # type: ignore[operator]  # what is known has a value
    told = f"{len(best)} of {len(own)} attributes are read best from their own style's latents"
    if other:
        row, column = max(other, key=other.__getitem__)
        value = known[row, column].metric.value
        told += (
            f"; most of what leaks is {LABELS.get(row, row)} in the latents of {LABELS.get(column, column)}, which "
            f"explain {figure(value)} of it, {figure(other[row, column])} more than that style's own attributes do"
        )
    return f"{told}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


MOODS_EXPLAINED = (
    "Held-out clips of pop piano, as two judges hear their mood. Moved: with the style of a clip of another mood, the "
    "share of the way there that a clip goes, 1 all of it. Read: how often a linear probe on a style's latents tells "
    "which half a clip is in, .5 by chance; harmony speaks of keys too, which hides the mode from such a probe."
)
CHANCE = 0.5  # of reading one of two halves


def moods(table: Table) -> Matrix:
    """A row a style, and for valence and arousal how far a swap moves it and how well it is read."""
    known = {(cell.row, cell.column): cell for cell in table.cells}
    cells = [
        [(cell := known.get((row, column))) and _shown_moods(cell) for column in table.columns] for row in table.rows
    ]
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


def _shown_moods(cell: Cell) -> dict[str, object]:
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

"""The matrix of moods, over what the shipped judges' evaluation measured."""

from __future__ import annotations

import pytest

from models.style.bundle import SHIPPED_STYLE
from models.style.latents import STYLE_GROUPS
from webapp.research.styles import matrices
from webapp.research.styles.tables import all_tables


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    found = {table.name: table for table in all_tables(SHIPPED_STYLE, tmp_path_factory.mktemp("runs"))}
    return found["moods"]


def test_every_style_has_how_far_it_moves_a_mood_and_how_well_the_mood_is_read_from_it(table) -> None:
    assert table.current
    matrix = matrices.moods(table)
    assert matrix.value["rows"] == list(STYLE_GROUPS)
    assert matrix.value["columns"] == ["valence", "arousal"] * 2
    assert sum(group["span"] for group in matrix.value["groups"]) == 4
    cells = [cell for row in matrix.value["cells"] for cell in row]
    assert all("95 %" in cell["hint"] for cell in cells)
    moved = {cell.row: cell.metric.value for cell in table.cells if cell.column == "valence moved"}
    most = max(moved, key=moved.__getitem__)
    assert matrix.told.startswith(f"valence is carried by {most} ({moved[most]:.2f})")

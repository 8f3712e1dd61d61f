"""The two matrices of the Styles page over what the shipped weights' evaluations measured."""

from __future__ import annotations

import pytest

from models.style.bundle import SHIPPED_STYLE
from models.style.latents import STYLE_GROUPS
from webapp.research.styles import matrices
from webapp.research.styles.tables import all_tables


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return {table.name: table for table in all_tables(SHIPPED_STYLE, tmp_path_factory.mktemp("runs"))}


def test_swaps_have_what_follows_what_moves_and_what_is_left_in_one_row(found) -> None:
    matrix = matrices.swaps(found)
    assert [group["span"] for group in matrix.value["groups"]] == [1, len(STYLE_GROUPS), 3]
    assert len(matrix.value["columns"]) == sum(group["span"] for group in matrix.value["groups"])
    assert all(len(row) == len(matrix.value["columns"]) for row in matrix.value["cells"])
    rhythm = dict(zip(matrix.value["columns"], matrix.value["cells"][0], strict=True))
    own = {(cell.row, cell.column): cell.metric for cell in found["swaps"].cells}["rhythm", "rhythm"]
    assert rhythm["follows donor"]["value"] == own.value
    assert f"{own.low:.2f} to {own.high:.2f}, n = {own.n}" in rhythm["follows donor"]["hint"]
    assert rhythm["rhythm"] is None  # a style can't move besides itself
    assert "With rhythm swapped, texture moves by" in rhythm["texture"]["hint"]
    assert rhythm["texture"]["plays"]


def test_without_figures_nothing_is_said(tmp_path) -> None:
    (tmp_path / "card.json").write_text('{"version": "v1"}', encoding="utf-8")
    empty = {table.name: table for table in all_tables(tmp_path, tmp_path / "runs")}
    assert matrices.swaps(empty).told == ""
    assert {matrices.leakage(empty, measure).told for measure in matrices.MEASURES} == {""}

from __future__ import annotations

from webapp.ui.components.heat_map import HeatMap, compared, figure


def test_the_larger_a_figure_the_fewer_decimals_it_has():
    assert [figure(each) for each in (0.125, 12.34, 123.4, -0.5, -0.001, None)] == [
        "0.12",
        "12.3",
        "123",
        "−0.50",
        "0.00",
        "",
    ]


def test_a_cell_has_its_interval_what_it_stands_beside_its_tint_and_its_frame():
    cell = {"value": -0.2, "low": -0.3, "high": -0.1, "heat": 0.5, "own": True, "baseline": 0.05}
    [[row]] = compared([[cell]], "baseline")
    shown = HeatMap.postprocess(None, {"across": "a, b", "rows": ["a"], "columns": ["b", "c"], "cells": [[row, None]]})
    first, second = shown["rows"][0]["cells"]
    assert (first["text"], first["beside"], first["look"]) == ("−0.20", "−0.30 to −0.10 (0.05)", "k-negative k-own")
    assert first["heat"] == 22
    assert (second["text"], second["look"]) == ("", "k-none")


def test_a_cell_with_a_sentence_of_its_own_leaves_its_interval_to_that():
    cell = {"value": 0.2, "low": 0.1, "high": 0.3, "hint": "0.20, from 0.10 to 0.30.", "plays": "Press to hear it."}
    value = {"across": "", "rows": ["a"], "columns": ["b"], "cells": [[cell]], "groups": [{"label": "c", "span": 1}]}
    shown = HeatMap.postprocess(None, {**value, "readout": "Point at a figure."})
    [only] = shown["rows"][0]["cells"]
    assert (only["beside"], only["hint"], only["plays"]) == ("", cell["hint"], cell["plays"])
    assert (shown["groups"], shown["readout"]) == (value["groups"], "Point at a figure.")

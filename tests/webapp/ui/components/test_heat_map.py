from __future__ import annotations

from webapp.ui.components.heat_map import HeatMap, compared


def test_a_cell_has_its_interval_what_it_stands_beside_its_tint_and_its_frame():
    cell = {"value": -0.2, "low": -0.3, "high": -0.1, "heat": 0.5, "own": True, "baseline": 0.05}
    [[row]] = compared([[cell]], "baseline")
    shown = HeatMap.postprocess(None, {"across": "a, b", "rows": ["a"], "columns": ["b", "c"], "cells": [[row, None]]})
    first, second = shown["rows"][0]["cells"]
    assert (first["text"], first["beside"], first["look"]) == ("−0.20", "−0.30 to −0.10 (0.05)", "k-negative k-own")
    assert first["heat"] == 22
    assert (second["text"], second["look"]) == ("", "k-none")

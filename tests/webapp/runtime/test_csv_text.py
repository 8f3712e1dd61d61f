"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import pandas as pd

from webapp.runtime.csv_text import cell, of_frame, table


def test_no_text_is_a_formula() -> None:
    for text in ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "  =1", "＝1"):
        assert cell(text) == f"'{text}"
        assert f"'{text[:2]}" in table(["a"], [[text]]) or "'" in table(["a"], [[text]])
        frame = pd.DataFrame({"a": [text], "=b": [1]})
        assert f"'{text}" in of_frame(frame)
        assert "'=b" in of_frame(frame)


def test_all_else_stays_as_it_is() -> None:
    for value in ("pop", "-1.5", "+3", "", None, -2, 3.5, "a=b"):
        assert cell(value) is value

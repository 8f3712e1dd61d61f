"""CSV for people to download: no cell of it is a formula in a spreadsheet, whoever wrote what stands in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> Any:
    """The value; a text that a spreadsheet would take for a formula stands behind an apostrophe (OWASP).

    A text that is a number stays one.
    """
    if not isinstance(value, str) or not value.lstrip(" ").startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def table(columns: Sequence[str], lines: Iterable[Sequence[Any]], *, end: str = "\r\n") -> str:
    """A line of ``columns``, then ``lines``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerow([cell(each) for each in columns])
    writer.writerows([[cell(each) for each in line] for line in lines])
    return text.getvalue()


def of_frame(frame: pd.DataFrame) -> str:
    """A data frame without its index."""
    safe = frame.map(cell).rename(columns=cell)
    return str(safe.to_csv(index=False))

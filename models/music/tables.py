"""Tables as spreadsheets, scripts and people write them: one reader for every CSV file that a folder may hold.

Between columns commas, semicolons or tabs, as the first line has them; any line ends; UTF-8, UTF-16 or Windows-1252;
names of columns in any case. Names of files are found as a table means them: with backslashes, composed or decomposed
letters (NFC, NFD), and in other capitals where only one file is meant.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

DELIMITERS = (",", ";", "\t")
MOST_BYTES = 200 * 1024 * 1024


class TableError(ValueError):
    """This is no table that can be read; the message says what it is and what is needed."""


@dataclass(frozen=True)
class Table:
    """The names of the ``columns`` in small letters, and ``rows`` of text by column with their ``lines`` in the file.

    A row that is short has empty text; what is behind the last column is left out, and so are empty lines.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    lines: list[int]

    def require(self, names: Iterable[str]) -> None:
        """Raises ``TableError`` where a column is missing."""
        if missing := [name for name in names if name not in self.columns]:
            raise TableError(
                f"it has no column {' and no column '.join(missing)}; its first line names the columns, and they are "
                f"{', '.join(self.columns) or 'none'}"
            )


def read_table(path: Path) -> Table:
    """The table in a file; raises ``TableError``, without the name of the file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TableError(f"it is larger than {MOST_BYTES >> 20} MB; split it")
        text = text_of(path.read_bytes())
    except OSError as error:
        raise TableError(f"it can't be opened ({error.strerror})") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    skipped = first.lower().startswith("sep=")  # as spreadsheets say what stands between the columns
    text = rest if skipped else text
    head = text.lstrip("\n").partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline="\n"), delimiter=max(DELIMITERS, key=head.count), skipinitialspace=True
    )
    try:
        columns = tuple(name.strip().lower() for name in next(filter(any, reader), []))
        found = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise TableError(f"it is no table of text ({error}); save it as CSV UTF-8") from error
    if not any(columns):
        raise TableError("it is empty; a first line that names the columns is needed")
    rows = [(line + skipped, row) for line, row in found if any(cell.strip() for cell in row)]
    return Table(columns, [_row(columns, row) for _, row in rows], [line for line, _ in rows])


def _row(columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    row = dict.fromkeys(filter(None, columns), "")
    for name, cell in zip(columns, cells, strict=False):
        if name:
            row[name] = unicodedata.normalize("NFC", cell.strip())
    return row


def text_of(data: bytes) -> str:
    """Bytes as text without marks of their order: UTF-16 by its mark or its zeros, UTF-8, or else Windows-1252.

    Raises ``TableError`` for what is no text.
    """
    try:
        text = data.decode(_wide(data) or "utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if "\x00" in text:
        raise TableError("it holds binary data and no text; save it as text in UTF-8")
    return text.replace("\ufeff", "")


def _wide(data: bytes) -> str:
    """Which UTF-16 the bytes are, by their mark or by where the zeros of Latin letters stand; empty for none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:400]
    first, second = head[::2].count(0), head[1::2].count(0)
    if len(head) % 2 or max(first, second) * 4 < len(head):
        return ""
    return "" if min(first, second) else "utf-16-be" if first else "utf-16-le"


def number(text: str) -> float:
    """A number, also with a decimal comma; not-a-number for anything else, as "1,234" that may be thousands."""
    if re.fullmatch(r"\s*[1-9]\d{0,2},\d{3}\s*", text):
        return float("nan")
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return float("nan")


def plain(name: str) -> str:
    """A path as a table may write it: with forward slashes, composed letters, and nothing for "this folder"."""
    text = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return PurePosixPath(text).as_posix() if text else ""


class Names:
    """Finds what a table calls a file among the names that are there."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = {plain(name): name for name in names}
        self._loose: dict[str, list[str]] = {}
        for key, name in self._exact.items():
            self._loose.setdefault(key.casefold(), []).append(name)

    def find(self, wanted: str) -> str | None:
        """The name that is there; None where there is none, or where capitals alone tell several apart."""
        key = plain(wanted)
        alike = self._loose.get(key.casefold(), [])
        return self._exact.get(key) or (alike[0] if len(alike) == 1 else None)

    def find_clip(self, wanted: str) -> str:
        """The same of a clip, that a table may call by its path; what is not there stays as it is called."""
        return self.find(wanted) or self.find(PurePosixPath(plain(wanted)).name) or plain(wanted)

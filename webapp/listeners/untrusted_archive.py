"""An export that a visitor uploads, read in a process with little memory and time, and refused where it is absurd.

``read`` starts ``python -m webapp.listeners.untrusted_archive``, which unpacks and checks the file on its standard
input and writes it back as plain JSON. What comes back is small enough to be parsed here: a bounded number
of finite values. Only Python's own library is imported, so that the child starts at once.
"""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

WHOLE = "listener.json"
MOST_BYTES = 10_000_000  # of JSON, unpacked
MEMORY_BYTES = 640 << 20
SECONDS = 10
MOST_VALUES = 1_000_000
DEEPEST = 16
MOST_TEXT = 100_000
MOST_ROWS = {
    "offers": 10_000, "fours": 5_000, "clips": 2_000, "studio": 500, "plays": 10_000, "cards": 100, "duets": 100,
}  # fmt: skip
MOST_OTHER_ROWS = 1_000
LARGEST = 1e12
LONGEST_S = 240.0  # of a clip's sound
MOST_NOTES, MOST_BARS, LONGEST_PIECE_S = (
    8_000,
    600,
    600.0,
)  # of a piece: a whole one of 64 bars has a few thousand notes
TICKS_A_QUARTER = 24
MOST_LINES, MOST_LETTERS, MOST_PICKS, FARTHEST = 3, 120, 1_000_000, 100.0  # of what a card says
LEAST_CHANCE = 1e-9  # of what was drawn: no policy has drawn anything rarer
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)  # there was no Kallos before
CHANCES = {"pair_probability", "four_probability", "order_probability", "p_left", "p_equal", "p_right"}
BROKEN, ABSURD = 3, 4  # how the child ends


class BrokenFileError(ValueError):
    """This can't be read as the file of a listener."""


class AbsurdFileError(ValueError):
    """It can be read, and holds what no listener's file holds; the message says what."""


def read(file: bytes) -> Any:
    """What is in a zip or a bare JSON file; raises ``BrokenFileError`` or ``AbsurdFileError``."""
    if len(file) > MOST_BYTES:
        raise AbsurdFileError(f"it has {len(file)} bytes; at most {MOST_BYTES} can be brought")
    try:
        child = subprocess.run(  # noqa: S603 (our own program, no shell)
            [sys.executable, "-m", __name__], input=file, capture_output=True, timeout=3 * SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AbsurdFileError("it takes too long to read") from None
    if child.returncode == ABSURD:
        raise AbsurdFileError(child.stderr.decode(errors="replace")[:300])
    if child.returncode == BROKEN:
        raise BrokenFileError(child.stderr.decode(errors="replace")[:300])
    if child.returncode != 0:  # the kernel or Python stopped it
        raise AbsurdFileError("it takes too much memory or time to read")
    return json.loads(child.stdout)


def checked(file: bytes, *, most_bytes: int = MOST_BYTES) -> Any:
    """As ``read``, in this process."""
    data = _parsed(_unpacked(file, most_bytes))
    if not isinstance(data, dict):
        raise BrokenFileError(f"it holds {type(data).__name__}, not an object")
    for name, rows in data.items():
        most = MOST_ROWS.get(name, MOST_OTHER_ROWS)
        if isinstance(rows, list) and len(rows) > most:
            raise AbsurdFileError(f"it has {len(rows)} {name[:40]}; at most {most} can be brought")
    _check_values(data)
    for part in ("clips", "studio"):
        for row in _objects(data.get(part)):
            _check_music(row.get("notes"))
    for card in _objects(data.get("cards")):
        _check_card(card.get("about"))
    return data


def _unpacked(file: bytes, most_bytes: int) -> bytes:
    try:
        if not zipfile.is_zipfile(io.BytesIO(file)):
            return file
        with zipfile.ZipFile(io.BytesIO(file)) as archive, archive.open(WHOLE) as whole:
            data = whole.read(most_bytes + 1)  # what a zip says of its size may be a lie
    except (KeyError, OSError, ValueError, EOFError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise BrokenFileError(f"it is no zip of a listener ({error})") from None
    except RuntimeError as error:  # a password
        raise BrokenFileError(f"it can't be unpacked ({error})") from None
    if len(data) > most_bytes:
        raise AbsurdFileError(f"{WHOLE} in it has more than {most_bytes} bytes; no more can be brought")
    return data


def _parsed(text: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AbsurdFileError(f"it has a number that is none: {constant}")

    try:
        return json.loads(text, parse_constant=refuse, parse_int=_whole)
    except AbsurdFileError:
        raise
    except RecursionError:
        raise AbsurdFileError("its lists lie too deep in one another") from None
    except ValueError as error:
        raise BrokenFileError(f"it is no JSON ({error})") from None


def _whole(digits: str) -> int:
    if len(digits) > 19:
        raise AbsurdFileError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _check_values(data: Any) -> None:
    latest = datetime.now(UTC) + timedelta(days=1)
    waiting: list[tuple[str, Any, int]] = [("", data, 0)]
    seen = 0
    while waiting:
        key, value, depth = waiting.pop()
        seen += 1
        if seen > MOST_VALUES or depth > DEEPEST:
            raise AbsurdFileError(f"it holds more than {MOST_VALUES} values, or lists that lie too deep in one another")
        if isinstance(value, dict):
            for name in value:
                _check_text(name)
            waiting += [(name, each, depth + 1) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(key, each, depth + 1) for each in value]
        elif isinstance(value, str):
            _check_text(value)
            if key.endswith("_at"):
                _check_time(key, value, latest)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            _check_number(key, value)


def _objects(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _check_music(piece: Any) -> None:
    """As far as it says what rendering and drawing cost; ``Piece.from_json`` checks the rest."""
    if not piece:  # a picture's
        return
    notes, bars, tempi = (
        (piece.get(name) if isinstance(piece, dict) else None) for name in ("notes", "bars", "tempo_bpm")
    )
    if not (isinstance(notes, list) and isinstance(bars, list) and isinstance(tempi, list)):
        raise AbsurdFileError("a piece in it has no lists of notes, bars and tempi")
    if len(notes) > MOST_NOTES or len(bars) > MOST_BARS:
        raise AbsurdFileError(
            f"a piece in it has {len(notes)} notes in {len(bars)} bars; at most {MOST_NOTES} in {MOST_BARS} are taken"
        )
    try:
        seconds = sum(60 * bar[1] / TICKS_A_QUARTER / tempo for bar, tempo in zip(bars, tempi, strict=True))
        right = all(bar[1] > 0 for bar in bars) and all(tempo > 0 for tempo in tempi) and seconds <= LONGEST_PIECE_S
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError):
        right = False
    if not right:
        raise AbsurdFileError(f"a piece in it has no bars that last {LONGEST_PIECE_S:g} seconds at most")


def _check_card(about: Any) -> None:
    """That a card says what cards of ours say: some lines of some words, and numbers that can be drawn."""
    lines = about.get("lines") if isinstance(about, dict) else None
    right = (
        isinstance(about, dict)
        and set(about) == {"picks", "lines", "accuracy"}
        and _is_whole(about["picks"], MOST_PICKS)
        and isinstance(lines, list)
        and len(lines) <= MOST_LINES
        and all(_is_line(line) for line in lines)
        and _is_accuracy(about["accuracy"])
    )
    if not right:
        raise AbsurdFileError("a card in it says something else than cards do")


def _is_line(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and set(line) == {"words", "less", "more", "effect", "sd"}
        and all(
            isinstance(line[name], str) and 0 < len(line[name]) <= MOST_LETTERS for name in ("words", "less", "more")
        )
        and all(line[name].isprintable() for name in ("words", "less", "more"))
        and _is_number(line["effect"], -FARTHEST, FARTHEST)
        and _is_number(line["sd"], 0, FARTHEST)
    )


def _is_accuracy(given: Any) -> bool:
    if given is None:
        return True
    return (
        isinstance(given, dict)
        and all(_is_number(given.get(name), 0, 1) for name in ("value", "low", "high"))
        and _is_whole(given.get("n"), MOST_PICKS)
    )


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and _is_number(value, 0, most)


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT or "\0" in text:
        raise AbsurdFileError("it has a text that is too long or that no database takes")


def _check_time(key: str, text: str, latest: datetime) -> None:
    try:
        when = datetime.fromisoformat(text)
        right = when.tzinfo is not None and FIRST_DAY <= when <= latest
    except ValueError:
        right = False
    if not right:
        raise AbsurdFileError(f"{key} is {text[:40]!r}; it must be a time between {FIRST_DAY:%Y} and now")


def _check_number(key: str, value: float) -> None:
    if not math.isfinite(value) or (isinstance(value, float) and abs(value) > LARGEST):
        raise AbsurdFileError(f"{key} is {value!r}, larger than anything there is")
    if key in CHANCES and not LEAST_CHANCE <= value <= 1:
        raise AbsurdFileError(f"{key} is {value!r}; a probability lies between {LEAST_CHANCE:g} and 1")
    if key == "seconds" and not 0 < value <= LONGEST_S:
        raise AbsurdFileError(f"{key} is {value!r}; a clip plays for at most {LONGEST_S:g}")
    if key.endswith("_ms") and not 0 <= value <= 86_400_000:
        raise AbsurdFileError(f"{key} is {value!r}; it must be a time of one day at most")


def _main() -> int:
    import resource  # noqa: PLC0415 (where there is such a thing)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        data = checked(sys.stdin.buffer.read(MOST_BYTES + 1))
        sys.stdout.write(json.dumps(data, separators=(",", ":")))
    except AbsurdFileError as error:
        print(error, file=sys.stderr, end="")
        return ABSURD
    except BrokenFileError as error:
        print(error, file=sys.stderr, end="")
        return BROKEN
    return 0


if __name__ == "__main__":
    try:
        status = _main()
    except MemoryError:
        status = 1
    sys.exit(status)

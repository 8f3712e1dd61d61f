"""Repeats of an ABC tune written out: ``|: :|``, numbered endings, and a part order such as ``P:AABA``.

ABC standard 2.1, sections 4.8 to 4.10: https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .notes import MusicError

MAX_BARS = 5_000
MAX_TIMES = 8
MOST_PARTS = 64


@dataclass
class Measure:
    """What stands between two bar lines; times in units (``abc_measures.WHOLE`` a whole note) from its start."""

    notes: list[tuple[int, int, int, bool]] = field(default_factory=list)  # onset, duration, pitch, tied to the next
    length: int = 0
    meter: tuple[int, int] | None = (4, 4)
    tempi: list[tuple[int, float]] = field(default_factory=list)  # when it changes, and to how many quarters a minute
    chord: str | None = None
    opens: bool = False  # a repeat starts here
    closes: int = 0  # the section is played this many more times
    endings: tuple[int, ...] = ()  # an ending starts here, for these passes
    section: bool = False  # ends with a double bar
    part: str = ""


def written_out(measures: list[Measure], order: str = "") -> list[Measure]:
    """The measures in the order in which they sound; raises ``MusicError`` beyond ``MAX_BARS``."""
    if not order:
        return _without_repeats(measures)
    parts: dict[str, list[Measure]] = {}
    for measure in measures:
        parts.setdefault(measure.part, []).append(measure)
    letters = _part_order(order)
    if not letters or any(letter not in parts for letter in letters):
        return _without_repeats(measures)
    out = list(_without_repeats(parts.get("", [])))
    for letter in letters:
        out += _without_repeats(parts[letter])
        _check(out)
    return out


def _check(out: list[Measure]) -> None:
    if len(out) > MAX_BARS:
        raise MusicError(f"the tune has more than {MAX_BARS} bars with its repeats written out; fewer are allowed")


def _part_order(order: str) -> str:
    """``A2BA`` as ``AABA``, ``((AB)3.C)2`` as ``ABABABCABABABC``; more than 64 parts are refused."""
    groups = [""]
    for sign in re.findall(r"[A-Z]\d*|\(|\)\d*|[^\s.*]", order):
        if sign == "(":
            groups.append("")
            continue
        if sign[0] == ")" and len(groups) > 1:
            again = groups.pop()
        elif "A" <= sign[0] <= "Z":
            again = sign[0]
        else:
            return ""
        groups[-1] += again * min(int(sign[1:4] or 1), MOST_PARTS + 1)
        if len(groups[-1]) > MOST_PARTS:
            raise MusicError(
                f"the part order {order[:40]!r} plays more than {MOST_PARTS} parts; at most that many are allowed"
            )
    return groups[0] if len(groups) == 1 else ""


def _without_repeats(measures: list[Measure]) -> list[Measure]:
    out: list[Measure] = []
    start = 0
    while start < len(measures):
        end = _section_end(measures, start)
        out += _section(measures[start:end])
        _check(out)
        start = end
    return out


def _section_end(measures: list[Measure], start: int) -> int:
    """One past the last measure of the repeated section that begins at ``start``, with all its endings."""
    index = start
    while index < len(measures):
        measure = measures[index]
        if index > start and measure.opens:
            return index
        if measure.closes and not _ending_follows(measures, index):
            return index + 1
        if _closed_before(measures, start, index) and measure.section and not _ending_follows(measures, index):
            return index + 1
        index += 1
    return len(measures)


def _ending_follows(measures: list[Measure], index: int) -> bool:
    follows = index + 1 < len(measures) and measures[index + 1].endings
    return bool(follows and min(measures[index + 1].endings) > 1)


def _closed_before(measures: list[Measure], start: int, index: int) -> bool:
    return any(measure.closes for measure in measures[start:index])


def _section(measures: list[Measure]) -> list[Measure]:
    first = next((i for i, m in enumerate(measures) if m.endings), None)
    if first is None:
        times = 1 + max((m.closes for m in measures), default=0)
        return measures * min(times, MAX_TIMES)
    body = measures[:first]
    endings: list[tuple[tuple[int, ...], list[Measure]]] = []
    for measure in measures[first:]:
        if measure.endings:
            endings.append((measure.endings, []))
        endings[-1][1].append(measure)
    passes = min(max(max(numbers) for numbers, _ in endings), MAX_TIMES)
    if passes == 1 and any(m.closes for m in measures):
        passes = 2
    out: list[Measure] = []
    for number in range(1, passes + 1):
        out += body
        out += next((bars for numbers, bars in endings if number in numbers), [])
    return out

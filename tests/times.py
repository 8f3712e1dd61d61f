"""Seconds a file and a test, of what ``make test``, ``test-ci`` and ``test-all`` ran last: ``make times``.

Set-up and tear-down count, so what tests share is counted where it was first needed.
"""

from __future__ import annotations

import signal
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

KEPT = Path(".times")
FILES, TESTS = 25, 25  # that are shown: those that take longest


def seconds(report: Path) -> dict[str, dict[str, float]]:
    """File → test → seconds, cases of one test together."""
    taken: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for case in ElementTree.parse(report).iter("testcase"):
        taken[case.attrib["file"]][case.attrib["name"].partition("[")[0]] += float(case.attrib["time"])
    return taken


def table(report: Path) -> str:
    """What one run took, as Markdown."""
    taken = seconds(report)
    files = {file: sum(tests.values()) for file, tests in taken.items()}
    tests = {f"{file}::{test}": s for file, of_file in taken.items() for test, s in of_file.items()}
    suite = next(ElementTree.parse(report).iter("testsuite")).attrib
    lines = [
        f"## {report.stem}: {suite['tests']} cases of {len(tests)} tests in {len(files)} files",
        f"{float(suite['time']):.0f} s by the clock, {sum(files.values()):.0f} s in tests.",
    ]
    for what, of, shown in (("file", files, FILES), ("test", tests, TESTS)):
        lines += ["", f"| s | {what} |", "|---:|:---|"]
        lines += [f"| {of[name]:.1f} | {name} |" for name in sorted(of, key=lambda name: -of[name])[:shown]]
    return "\n".join(lines)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough
    reports = sorted(KEPT.glob("*.xml"))
    print("\n\n".join(map(table, reports)) or "Nothing has run yet: make test, make test-ci or make test-all.")

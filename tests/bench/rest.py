"""What the application costs while nobody is there: processor and disk of each of its processes.

``python tests/bench/rest.py`` starts it on a fresh home, leaves it alone and prints a row a minute.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

COMMANDS = ("serve", "generator", "worker")


@dataclass(frozen=True)
class Spent:
    """By kind of process: seconds of a core, and bytes written to the disk where the system counts them."""

    cpu_s: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)


def spent(processes: Iterable[psutil.Process]) -> Spent:
    """What they have spent since they began, each with its children that have ended."""
    total = Spent()
    for process in processes:
        try:
            kind, times = kind_of(process), process.cpu_times()
            total.cpu_s[kind] += times.user + times.system + times.children_user + times.children_system
            if hasattr(process, "io_counters"):
                total.written[kind] += process.io_counters().write_bytes
        except psutil.Error:
            continue
    return total


def rest(processes: Callable[[], Iterable[psutil.Process]], seconds: float) -> Spent:
    """What they spend in so many seconds."""
    before = spent(processes())
    time.sleep(seconds)
    now = spent(processes())
    now.cpu_s.subtract(before.cpu_s)  # where a process has ended, its time is with its parent's
    now.written.subtract(before.written)
    return now


def kind_of(process: psutil.Process) -> str:
    """Which part of the application a process is: ``serve``, ``worker``, ``checkpointer`` …"""
    words = process.cmdline()
    if words and words[0].startswith("postgres:"):
        about = " ".join(words).removeprefix("postgres:").strip()
        return "backends" if about.startswith("postgres") else about
    return next((word for word in words if word in COMMANDS), "postmaster" if "postgres" in words[0] else "other")


def main() -> None:
    """Print what each minute costs."""
    from bench import serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kallos-rest-") as folder, serving(Path(folder), visited=False) as site:
        print(
            f"well after {site.start_seconds:.1f} s; a core's seconds: {_text(spent(site.processes()).cpu_s)}",
            flush=True,
        )
        for minute in range(1, given.minutes + 1):
            cost = rest(site.processes, 60.0)
            share = Counter({kind: seconds / 0.6 for kind, seconds in cost.cpu_s.items()})
            written = Counter({kind: wrote / 1000 for kind, wrote in cost.written.items()})
            print(
                f"{minute:2d} min: {share.total():5.1f} % of a core ({_text(share)}), "
                f"{written.total():.0f} kB written ({_text(written)}), {site.memory_mb():.0f} MB, {site.pool()}",
                flush=True,
            )


def _text(figures: Counter[str]) -> str:
    return ", ".join(f"{kind} {figure:.1f}" for kind, figure in figures.most_common() if round(figure, 1))


if __name__ == "__main__":
    sys.exit(main())

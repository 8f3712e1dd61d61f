"""Logs of finished runs, small enough to come with the weights: ``python -m models.experiments.slim_logs RUNS OUT``.

Figures keep four digits. Predictions are kept of each condition's first seed, with the nearest few items.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.experiments.run_log import rows

DIGITS = 4
NEAREST = 4


def slim(found: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The rows of a finished log that are kept; raises ``ValueError`` where it has not ended."""
    if not found or found[-1]["kind"] != "end":
        raise ValueError("the run has not ended; only a finished one is shipped")
    first_seed = found[0].get("seed", 0) == 0
    for row in found:
        if row["kind"] == "prediction":
            if first_seed:
                yield {**row, "top": row["top"][:NEAREST]}
        else:
            yield row


def rounded(value: Any) -> Any:
    """The same with every figure in it rounded."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="a folder with log.jsonl files at any depth")
    parser.add_argument("out", type=Path, help="the same files are written below it")
    given = parser.parse_args(argv)
    paths = sorted(given.runs.rglob("log.jsonl"))
    if not paths:
        raise SystemExit(f"{given.runs} has no log.jsonl below it; give a folder of runs")
    for path in paths:
        try:
            kept = list(slim(rows(path)))
        except ValueError as error:
            raise SystemExit(f"{path}: {error}") from error
        target = given.out / path.relative_to(given.runs)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            json.dumps(rounded({**row, "line": i}), ensure_ascii=False, separators=(",", ":"))
            for i, row in enumerate(kept)
        )
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()

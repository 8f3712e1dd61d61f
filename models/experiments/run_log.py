"""The log of a training run, JSON lines, each numbered: what a job takes into a database while the run goes on.

Rows: ``run`` (what it is: ``what``, ``seed``, ``data``, ``commit``, ``steps`` in all, ``config`` of the model,
``hyperparameters`` of its training), ``metrics`` (step, part, values), ``prediction`` (step, direction, query, rank,
the ten nearest items), ``result`` (a figure of a study) and ``end``. A run that was killed is taken up from its last
saved state: lines written after that state are dropped and come again, the same, so there is no gap and none is there
twice.

``python -m models.experiments.run_log RUNS OUT`` makes logs of finished runs small enough to come with the weights:
figures keep four digits, and predictions are kept of each condition's first seed, with the nearest few items.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from models.music.files import replacing

DIGITS = 4
NEAREST = 4


class RunLog:
    """Appends rows to ``path``; ``lines`` tells how many there are."""

    def __init__(self, path: Path, keep: int = 0) -> None:
        """Begin after the first ``keep`` rows of ``path``; raises ``ValueError`` where there are fewer."""
        kept = path.read_bytes().splitlines(keepends=True)[:keep] if keep else []
        if len(kept) < keep:
            raise ValueError(f"{path} has {len(kept)} lines, its saved state knows of {keep}; begin without --resume")
        with replacing(path) as part:
            part.write_bytes(b"".join(kept))
        self.lines = keep
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, kind: str, **values: Any) -> None:
        """One row, on the disk when this returns to the caller."""
        row = {"line": self.lines, "kind": kind, **values}
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()
        self.lines += 1


@dataclass(frozen=True)
class ParsedLog:
    """The whole rows of a log, and how many of its lines could not be read."""

    rows: list[Mapping[str, Any]]
    broken: int


def run_row(what: str, **about: Any) -> str:
    """The line with which a log without numbers begins: what is trained (``what``), on which data, by which commit."""
    return json.dumps({"kind": "run", "what": what, **about}, ensure_ascii=False)


def rows(path: Path) -> list[Mapping[str, Any]]:
    """The whole rows of a log; a last line that is only half written is left out."""
    return parsed(path.read_bytes()).rows if path.exists() else []


def parsed(log: bytes) -> ParsedLog:
    """The whole rows of what was read of a log, as ``RunLog`` writes them, whoever wrote it.

    Logs without numbers and kinds (of the style model and its prior: ``{step, figure, …}``, or ``{step, validation}``)
    get both. Their writers append, so a run that was killed and taken up goes back to a step it had logged before: what
    it had logged from there on is left out, and so is all of a run that began anew. A line that is no JSON object, such
    as one that was only half written when its run was killed, is counted as broken.
    """
    found: list[Mapping[str, Any]] = []
    broken = 0
    for line, text in enumerate(log[: log.rfind(b"\n") + 1].split(b"\n")[:-1]):
        try:
            row = json.loads(text)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            broken += 1
        elif row.get("kind") == "run":
            found = [{**row, "line": line}]
        elif "kind" in row:
            found.append({**row, "line": line})
        elif "step" in row:
            values = row.get("validation", {name: value for name, value in row.items() if name != "step"})
            part = "validation" if "validation" in row else "train"
            while found and "part" in found[-1] and (found[-1]["step"], found[-1]["part"]) >= (row["step"], part):
                found.pop()
            found.append({"line": line, "kind": "metrics", "step": row["step"], "part": part, "values": values})
    return ParsedLog(found, broken)


def ended(path: Path) -> bool:
    """Whether the run of this log came to its end."""
    found = rows(path)
    return bool(found) and found[-1]["kind"] == "end"


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
    """Command line: RUNS, and OUT for what is kept of them."""
    parser = argparse.ArgumentParser(description="Make logs of finished runs small enough to come with the weights.")
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

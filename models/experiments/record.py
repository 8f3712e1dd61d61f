"""Figures kept beside the weights that they are of: ``evaluation.json`` in a model's folder, a list of last lines.

A page reads them without running anything, so reading is strict and needs neither torch nor the music. Every line says
which weights, data, commit and seed it comes from; one of other weights is kept, and ``of_weights`` says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from models.experiments.report import SCHEMA, Metric

FILE = "evaluation.json"
KEYS = ("command", "schema", "data", "model", "commit", "seed", "metrics")
METRIC_KEYS = tuple(entry.name for entry in fields(Metric))


class RecordError(ValueError):
    """``evaluation.json`` is not a list of last lines; the message says where and which command writes it again."""


@dataclass(frozen=True)
class Evaluation:
    """One command's last line, read: see the contract for the names of ``metrics``."""

    command: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    commit: str
    seed: int
    metrics: Mapping[str, Metric]

    def of_weights(self, sha256: str | None) -> bool:
        """Whether these figures are of the weights with this digest."""
        return sha256 is not None and self.model.get("sha256") == sha256


def save(folder: Path, line: Mapping[str, Any]) -> Path:
    """Put a last line into the record in ``folder``, in place of an earlier one of the same command.

    Raises ``RecordError`` where the line or what lies there already is not what it should be.
    """
    path = folder / FILE
    check(line, path.name)
    kept = [each for each, found in _entries(path) if found.command != line["command"]]
    part = path.with_suffix(".part")
    part.write_text(json.dumps([*kept, line], indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def read(folder: Path) -> dict[str, Evaluation]:
    """Command → its figures; empty where nothing was saved. Raises ``RecordError``."""
    path = folder / FILE
    found = [evaluation for _, evaluation in _entries(path)]
    if len({each.command for each in found}) < len(found):
        raise RecordError(f"{path.name} has two entries of one command; delete it and save them again")
    return {each.command: each for each in found}


def _entries(path: Path) -> list[tuple[Any, Evaluation]]:
    """Each entry as it lies there and as read."""
    if not path.exists():
        return []
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordError(f"{path.name} is not JSON ({error}); delete it and evaluate with --save again") from error
    if not isinstance(lines, list):
        raise RecordError(f"{path.name} holds no list of last lines; delete it and evaluate with --save again")
    return [(line, check(line, f"{path.name}, entry {place}")) for place, line in enumerate(lines)]


def check(line: Any, where: str) -> Evaluation:
    """A last line as it was read; raises ``RecordError``, which says ``where``, for anything else."""

    def wrong(what: str) -> RecordError:
        return RecordError(f"{where}: {what}; evaluate again")

    if not isinstance(line, Mapping) or set(line) != set(KEYS):
        raise wrong(f"its keys must be {', '.join(KEYS)}")
    if line["schema"] != SCHEMA:
        raise wrong(f"schema {line['schema']!r} was given, {SCHEMA} is read")
    if not (isinstance(line["command"], str) and isinstance(line["commit"], str) and isinstance(line["seed"], int)):
        raise wrong("command and commit must be text, seed a whole number")
    for part in ("data", "model", "metrics"):
        if not isinstance(line[part], Mapping):
            raise wrong(f"{part} must be an object")
    metrics = {}
    for name, metric in line["metrics"].items():
        if not isinstance(metric, Mapping) or set(metric) != set(METRIC_KEYS):
            raise wrong(f"{name} must have {', '.join(METRIC_KEYS)}")
        if not all(_is_figure(value) for value in metric.values()) or not isinstance(metric["n"], int):
            raise wrong(f"{name} has something else than finite numbers and nulls")
        metrics[name] = Metric(**metric)
    return Evaluation(line["command"], line["data"], line["model"], line["commit"], line["seed"], metrics)


def _is_figure(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))

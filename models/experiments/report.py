"""How evaluations report, and how their figures are kept beside the weights that they are of.

A command prints a table for people, then one JSON object for programs as the last line. Every figure has a 95 %
interval and stands beside its baseline, chance and reference where there are any.

``evaluation.json`` in a model's folder is a list of last lines. A page reads them without running anything, so reading
is strict and needs neither torch nor the music. Every line says which weights, data, commit and seed it comes from; one
of other weights is kept, and ``of_weights`` says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from models.experiments.provenance import commit
from models.metrics.intervals import finite_mean
from models.music.files import replacing

SCHEMA = 1
DRAWS = 500

EVALUATION_FILE = "evaluation.json"
KEYS = ("command", "schema", "data", "model", "commit", "seed", "metrics")


@dataclass(frozen=True)
class Metric:
    """A figure, its 95 % interval and what it stands beside; None where there is nothing to say."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    baseline: float | None = None
    chance: float | None = None
    reference: float | None = None


@dataclass
class Report:
    """The metrics of one command, in the order in which they were added."""

    command: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    seed: int
    metrics: dict[str, Metric] = field(default_factory=dict)

    def add(self, name: str, metric: Metric) -> None:
        """Add one figure under its contract name."""
        self.metrics[name] = metric

    def print(self, words: Mapping[str, str] | None = None, title: str = "") -> None:
        """The table, in which figures are called by ``words``, then the JSON line."""
        called = words or {}
        table = Table("figure", "value", "95 %", "n", "baseline", "chance", "reference", title=title or self.command)
        for name, metric in self.metrics.items():
            interval = f"{_shown(metric.low)} to {_shown(metric.high)}".removeprefix(" to ").removesuffix(" to ")
            beside = (metric.baseline, metric.chance, metric.reference)
            table.add_row(called.get(name, name), _shown(metric.value), interval, str(metric.n), *map(_shown, beside))
        Console(width=120).print(table)
        print(json.dumps(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """The last line as an object; not-a-number becomes null."""
        metrics = {
            name: {key: _finite(value) for key, value in asdict(metric).items()}
            for name, metric in self.metrics.items()
        }
        return {
            "command": self.command,
            "schema": SCHEMA,
            "data": dict(self.data),
            "model": dict(self.model),
            "commit": commit(),
            "seed": self.seed,
            "metrics": metrics,
        }


def over_songs(
    songs: Sequence[str],
    statistic: Callable[[npt.NDArray[np.int64]], float],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """``statistic`` of clip indices, with a bootstrap over songs: all clips of a song are drawn together.

    Without any song the figure is null.
    """
    if len(songs) == 0:
        return Metric(None, baseline=baseline, chance=chance, reference=reference)
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    members = [np.flatnonzero(owner == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    samples = [
        statistic(np.concatenate([members[i] for i in rng.integers(len(names), size=len(names))])) for _ in range(draws)
    ]
    with np.errstate(invalid="ignore"):
        finite = np.array(samples)[np.isfinite(samples)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (math.nan, math.nan)
    value = statistic(np.arange(len(songs)))
    return Metric(value, float(low), float(high), len(songs), baseline, chance, reference)


def mean_over_songs(
    songs: Sequence[str],
    values: npt.ArrayLike,
    *,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """Mean of ``values`` ``(clips,)`` with an interval over songs; not-a-number entries are left out."""
    data = np.asarray(values, dtype=np.float64)

    def mean(rows: npt.NDArray[np.int64]) -> float:
        return finite_mean(data[rows])

    return over_songs(songs, mean, baseline=baseline, chance=chance, reference=reference)


def ratio_over_songs(
    songs: Sequence[str],
    amounts: npt.ArrayLike,
    numbers: npt.ArrayLike,
    *,
    baseline: float | None = None,
    chance: float | None = None,
    reference: float | None = None,
) -> Metric:
    """Sum of ``amounts`` over sum of ``numbers`` ``(clips,)``, such as bits over notes, with an interval over songs."""
    amount, number = np.asarray(amounts, dtype=np.float64), np.asarray(numbers, dtype=np.float64)

    def ratio(rows: npt.NDArray[np.int64]) -> float:
        total = float(number[rows].sum())
        return float(amount[rows].sum()) / total if total > 0 else math.nan

    return over_songs(songs, ratio, baseline=baseline, chance=chance, reference=reference)


def over_halves(
    songs: Sequence[str],
    statistics: Callable[[npt.NDArray[np.int64]], Mapping[str, float]],
    *,
    seed: int = 0,
    draws: int = 20,
) -> dict[str, Metric]:
    """Several ``statistics`` of clip indices at once, with intervals from random halves of the songs.

    For estimates that a clip drawn twice would spoil, such as nearest-neighbour information: the spread of a statistic
    over halves drawn without replacement is that of the whole sample (delete-half jackknife: Shao & Wu 1989), and 1.96
    standard deviations to each side are the interval.
    """
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    rng = np.random.default_rng(seed)
    halves = [
        statistics(np.flatnonzero(np.isin(owner, rng.permutation(len(names))[: (len(names) + 1) // 2])))
        for _ in range(draws if len(names) > 3 else 0)
    ]
    found = {}
    for name, value in statistics(np.arange(len(songs))).items():
        drawn = np.array([half[name] for half in halves])
        drawn = drawn[np.isfinite(drawn)]
        spread = 1.96 * float(drawn.std(ddof=1)) if len(drawn) > 1 else math.nan
        found[name] = Metric(value, value - spread, value + spread, len(songs))
    return found


def _shown(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def save_evaluation(folder: Path, line: Mapping[str, Any]) -> Path:
    """Put a last line into the record in ``folder``, in place of an earlier one of the same command.

    Raises ``RecordError`` where the line or what lies there already is not what it should be.
    """
    path = folder / EVALUATION_FILE
    check_evaluation(line, path.name)
    kept = [each for each, found in _entries(path) if found.command != line["command"]]
    with replacing(path) as part:
        part.write_text(json.dumps([*kept, line], indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def read_evaluations(folder: Path) -> dict[str, Evaluation]:
    """Command → its figures; empty where nothing was saved. Raises ``RecordError``."""
    path = folder / EVALUATION_FILE
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
    return [(line, check_evaluation(line, f"{path.name}, entry {place}")) for place, line in enumerate(lines)]


def check_evaluation(line: Any, where: str) -> Evaluation:
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

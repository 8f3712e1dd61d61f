"""What a style model's training log says of each style: the loss of the element that it tells, and its rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.style.latents import GROUPS
from models.train.run_log import rows

LOG, PROBES = "log.jsonl", "curiosity.jsonl"
LOSS_OF = {  # what is told of the notes from each group's latents, mostly
    "content": "pitch", "rhythm": "position", "register": "height", "harmony": "chroma", "dynamics": "velocity",
    "tempo": "tempo", "texture": "thickness",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Validations of a run at ``steps``: ``losses`` (nats; squared octaves and log2 where an element has those) and
    ``bits`` a bar by group; ``fill`` is the command that makes such a run.
    """

    steps: tuple[int, ...]
    losses: Mapping[str, tuple[float, ...]]
    bits: Mapping[str, tuple[float, ...]]
    about: Mapping[str, Any]
    fill: str


@dataclass(frozen=True)
class Probes:
    """What a curious run found at ``steps``: ``costs`` (nats a note) and ``progress`` by arm, the ``hardest`` arm."""

    steps: tuple[int, ...]
    costs: tuple[Mapping[str, float], ...]
    progress: tuple[Mapping[str, float], ...]
    hardest: tuple[str, ...]
    about: Mapping[str, Any]
    fill: str


def probes(folder: Path, runs: Path) -> Probes:
    """The log of learning progress beside the weights, else that of ``runs/style``; without steps where none is there.

    Raises ``ValueError`` where a log can't be read.
    """
    fill = f"python -m models.train.style --curious --out '{runs / 'style'}'"
    for path in (folder / PROBES, runs / "style" / PROBES):
        found = rows(path)
        if not found:
            continue
        try:
            steps, hardest = (
                tuple(int(row["step"]) for row in found), tuple(str(row["hardest"][0]) for row in found),
            )  # fmt: skip
            costs, progress = (
                tuple({str(arm): float(value) for arm, value in row[key].items()} for row in found)
                for key in ("cost", "progress")
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"the log {path.name} of {path.parent.name} can't be read: {error}") from error
        return Probes(steps, costs, progress, hardest, {"log": f"{path.parent.name}/{PROBES}"}, fill)
    return Probes((), (), (), (), {}, fill)


def latest(folder: Path, runs: Path) -> Run:
    """The log beside the weights, else that of ``runs/style``; without validations where there is none.

    Raises ``ValueError`` where a log can't be read.
    """
    fill = f"python -m models.train.style --out '{runs / 'style'}'"
    for path in (folder / LOG, runs / "style" / LOG):
        found = [row for row in rows(path) if row.get("part") == "validation"]
        if not found:
            continue
        try:
            steps, told = tuple(int(row["step"]) for row in found), [row["values"] for row in found]
            bits = {group: _series(told, f"kl.{group}", 1 / math.log(2)) for group in GROUPS}
            losses = {group: _series(told, name) for group, name in LOSS_OF.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"the log {path.name} of {path.parent.name} can't be read: {error}") from error
        about = {"log": f"{path.parent.name}/{LOG}"}
        return Run(steps, _whole(losses, len(steps)), _whole(bits, len(steps)), about, fill)
    return Run((), {}, {}, {}, fill)


def _series(told: list[Mapping[str, float]], name: str, scale: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each[name]) * scale for each in told if name in each)


def _whole(series: Mapping[str, tuple[float, ...]], count: int) -> dict[str, tuple[float, ...]]:
    """Those that were logged at every one of ``count`` validations."""
    return {name: values for name, values in series.items() if len(values) == count}

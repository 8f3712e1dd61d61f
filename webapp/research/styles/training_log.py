"""What a style model's training log says of each style, and its curves.

A curve is a line a style: the loss of the element that it tells, its rate, its swaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.experiments.run_log import rows
from models.style.latents import GROUPS
from webapp.research.figures import Drawn
from webapp.research.plots import Source, hardest
from webapp.runtime import commands
from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

LOG, PROBES, CARD = "log.jsonl", "curiosity.jsonl", "card.json"
SHIPPED = "the model that plays"
HEAD_BYTES = 65_536
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


def choices(folder: Path, runs: Path) -> dict[str, Path]:
    """Style runs by name, each with its folder: ``SHIPPED`` (the model that plays), then those below ``runs``.

    Of the shipped model at least the last validation is known, from its card. Those with a log come first.
    """
    logs = sorted(path for path in runs.rglob(LOG) if _tells_styles(path)) if runs.is_dir() else []
    found = {path.parent.relative_to(runs).as_posix(): path.parent for path in logs}
    shipped = {SHIPPED: folder}
    return shipped | found if (folder / LOG).exists() else found | shipped


def chosen(folder: Path, runs: Path, name: str = "") -> tuple[str, Run, Probes]:
    """The run of this name, or that of ``runs/style`` or the first there is; what it logged, and its learning progress.

    Raises ``KeyError`` where there is no such run and ``ValueError`` where its log can't be read.
    """
    there = choices(folder, runs)
    if not name:
        name = "style" if next(iter(there)) != SHIPPED and "style" in there else next(iter(there))
    out = ("--out", str(runs / "style"))
    fill = commands.python("models.train.style", *out)
    curious = commands.python("models.train.style", "--curious", *out)
    return name, _run(there[name], fill), _probes(there[name], curious)


def _tells_styles(path: Path) -> bool:
    """Whether a log is a style model's: its first line says so, or, in older ones, names its losses."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    first = head.partition(b"\n")[0]
    return b'"what": "style"' in first if b'"kind": "run"' in first else b'"thickness"' in head


def _probes(folder: Path, fill: str) -> Probes:
    path = folder / PROBES
    found = rows(path)
    try:
        steps, hardest = tuple(int(row["step"]) for row in found), tuple(str(row["hardest"][0]) for row in found)
        costs, progress = (
            tuple({str(arm): float(value) for arm, value in row[key].items()} for row in found)
            for key in ("cost", "progress")
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"the log {path.name} of {path.parent.name} can't be read: {error}") from error
    return Probes(steps, costs, progress, hardest, {"log": f"{path.parent.name}/{PROBES}"} if found else {}, fill)


def _run(folder: Path, fill: str) -> Run:
    path = folder / LOG
    found = [(row["step"], row["values"]) for row in rows(path) if row.get("part") == "validation"]
    about = {"log": f"{folder.name}/{LOG}"}
    if not found and not path.exists():
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        found = [(card["steps"], card["validation"])] if "validation" in card else []
        about = {"log": f"{folder.name}/{CARD}, which keeps the last validation alone"}
    try:
        steps, told = tuple(int(step) for step, _ in found), [values for _, values in found]
        bits = {group: _series(told, f"kl.{group}", 1 / math.log(2)) for group in GROUPS}
        losses = {group: _series(told, name) for group, name in LOSS_OF.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the log {path.name} of {folder.name} can't be read: {error}") from error
    return Run(steps, _whole(losses, len(steps)), _whole(bits, len(steps)), about if found else {}, fill)


def _series(told: list[Mapping[str, float]], name: str, scale: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each[name]) * scale for each in told if name in each)


def _whole(series: Mapping[str, tuple[float, ...]], count: int) -> dict[str, tuple[float, ...]]:
    """Those that were logged at every one of ``count`` validations."""
    return {name: values for name, values in series.items() if len(values) == count}


COLUMNS = ("step", "style", "loss", "share", "hardest")
CURVES = {  # name → what is chosen, and what stands at the axis
    "losses": ("Loss left", "loss, share of the first"),
    "bits": ("Bits a bar", "bits a bar of its latents"),
    "curiosity": ("Cost of swaps", "nats a note, share of the first"),
}
ONE = "Of this run only the last validation was kept; a curve needs two."
NONE = "No style model has been validated in this run yet."
NOT_CURIOUS = "This run did not choose what to train on by learning progress, so its swaps were not measured."


def draw(style_folder: Path, settings: Settings, name: str, what: str = "losses") -> Drawn:
    """One of ``CURVES`` at every validation of a run; raises as ``chosen`` does, and ``NotAllowed`` for another."""
    if what not in CURVES:
        raise NotAllowed(f"the curve {what[:20]!r} was asked for; there are {', '.join(CURVES)}")
    folder, runs = style_folder, settings.runs_folder
    name, run, probes = chosen(folder, runs, name)
    frame = pd.DataFrame(_told(run, probes, what), columns=list(COLUMNS))
    source = Source((name,), *(tuple(filter(None, [each])) for each in _data_and_commit(choices(folder, runs)[name])))
    missing = NOT_CURIOUS if what == "curiosity" else ONE if run.steps else NONE
    drawn = hardest(frame, source, CURVES[what][1], of="loss" if what == "bits" else "share")
    return Drawn(drawn, frame, source, {"told": _sentence(frame, what) if len(frame) else missing})


def _data_and_commit(folder: Path) -> tuple[str | None, str | None]:
    """What a run was trained on and with, as its log begins with, or its model's card."""
    about = next((row for row in rows(folder / LOG) if row["kind"] == "run"), None)
    if about is None and (folder / CARD).exists():
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        about = {"data": card.get("data", {}).get("hash"), "commit": card.get("commit")}
    return (about or {}).get("data"), (about or {}).get("commit")


def _told(run: Run, probes: Probes, what: str) -> Iterator[tuple[int, str, float, float, bool]]:
    """Rows of the frame; what is measured once makes no curve, but rates stand beside one another then."""
    steps: Sequence[int] = probes.steps if what == "curiosity" else run.steps
    series: Mapping[str, Sequence[float]] = run.bits if what == "bits" else run.losses
    if what == "curiosity":
        arms = dict.fromkeys(arm for costs in probes.costs for arm in costs)
        whole = [arm for arm in arms if all(arm in costs for costs in probes.costs)]
        series = {arm: [costs[arm] for costs in probes.costs] for arm in whole}
    for place, step in enumerate(steps if len(steps) > 1 or what == "bits" else ()):
        shares = {style: values[place] / values[0] for style, values in series.items() if values[0] > 0}
        most = max(shares, key=shares.__getitem__, default="") if place and what != "bits" else ""
        yield from ((step, style, series[style][place], share, style == most) for style, share in shares.items())


def _sentence(frame: pd.DataFrame, what: str) -> str:
    """What the curves come to at their end."""
    last = frame[frame["step"] == frame["step"].max()].sort_values("loss" if what == "bits" else "share")
    least, most = last.iloc[0], last.iloc[-1]
    if what == "bits":
        bits = f"{most['style']} hold {most['loss']:.1f} bits a bar, the most, and those of {least['style']}"
        return f"At step {most['step']:,} the latents of {bits} {least['loss']:.1f}."
    of = "loss it began with" if what == "losses" else "cost it began with"
    return (
        f"At step {most['step']:,} {most['style']} is the hardest: {100 * most['share']:.0f} % of the {of} is left; "
        f"of {least['style']} {100 * least['share']:.0f} %."
    )

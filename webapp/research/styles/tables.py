"""What was measured of the style model as tables and curves: from the record beside its weights, and its training log.

A table has a row and a column for every figure, says where they come from, and which command fills it if it is empty.
A curve is a line a style: its loss, its learning rate, or its swaps.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from models.experiments.report import Evaluation, Metric, read_evaluations
from models.experiments.run_log import rows
from models.metrics.music_statistics import ATTRIBUTES
from models.style.bundle import WEIGHTS
from models.style.latents import CODE_COUNT, GROUPS, STYLE_GROUPS
from webapp.research.figures import Drawn
from webapp.research.plots import Source, hardest
from webapp.runtime import commands, csv_text
from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

LOG, PROBES, CARD = "log.jsonl", "curiosity.jsonl", "card.json"
SHIPPED = "the model that plays"
HEAD_BYTES = 65_536
LOSS_OF = {  # the loss of the notes' element that each group's latents predict, mostly
    "content": "pitch", "rhythm": "position", "register": "height", "harmony": "chroma", "dynamics": "velocity",
    "tempo": "tempo", "texture": "thickness",
}  # fmt: skip

COLUMNS = ("step", "style", "loss", "share", "hardest")
CURVES = {  # name → what is chosen, and what stands at the axis
    "losses": ("Loss left", "loss, share of the first"),
    "bits": ("Bits a bar", "bits a bar of its latents"),
    "curiosity": ("Cost of swaps", "nats a note, share of the first"),
}
ONE = "Of this run only the last validation was kept; a curve needs two."
NONE = "No style model has been validated in this run yet."
NOT_CURIOUS = "This run did not choose what to train on by learning progress, so its swaps were not measured."

STYLE, RELATIONS, OF_CODES = "evaluate.style", "evaluate.relations", "evaluate.codes"
OF_MOOD, JUDGES = "evaluate.mood", "mood-cpu"
MOODS = {"moved": "transfer", "read": "probe"}  # how a style and a mood go together, and what its figures are called
LABELS = {
    "onsets_per_bar": "onsets a bar", "mean_pitch": "mean pitch", "mode": "mode", "mean_velocity": "mean velocity",
    "tempo_bpm": "tempo", "notes_per_onset": "notes an onset", "contour": "contour", "leap": "leap",
    "chroma": "pitch classes", "melody_kept": "tune kept", "original_found": "original found", "cycle": "cycle error",
    "bits_per_bar": "bits a bar", "open": "open dimensions",
    **{str(code): f"code {code}" for code in range(1, CODE_COUNT + 1)},
}  # fmt: skip
CHROMA = "chroma"
BOTH = ("correlation in music", "correlation in latents", "bits in music", "bits in latents")
ABOUT = ("command", "model_version", "model_sha256", "data_hash", "data_n", "commit", "seed")


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
    """Of a curious run at ``steps``: ``costs`` (nats a note) and ``progress`` by arm, and the ``hardest`` arm."""

    steps: tuple[int, ...]
    costs: tuple[Mapping[str, float], ...]
    progress: tuple[Mapping[str, float], ...]
    hardest: tuple[str, ...]
    about: Mapping[str, Any]
    fill: str


def logged_runs(folder: Path, runs: Path) -> dict[str, Path]:
    """Style runs by name, each with its folder: ``SHIPPED`` (the model that plays), then those below ``runs``.

    Of the shipped model at least the last validation is known, from its card. Those with a log come first.
    """
    logs = sorted(path for path in runs.rglob(LOG) if _tells_styles(path)) if runs.is_dir() else []
    logged = {path.parent.relative_to(runs).as_posix(): path.parent for path in logs}
    shipped = {SHIPPED: folder}
    return shipped | logged if (folder / LOG).exists() else logged | shipped


def chosen_run(folder: Path, runs: Path, name: str = "") -> tuple[str, Run, Probes]:
    """The run of this name, or that of ``runs/style`` or the first there is; what it logged, and its learning progress.

    Raises ``KeyError`` where there is no such run and ``ValueError`` where its log can't be read.
    """
    available = logged_runs(folder, runs)
    if not name:
        name = "style" if next(iter(available)) != SHIPPED and "style" in available else next(iter(available))
    out = ("--out", str(runs / "style"))
    fill = commands.python("models.train.style", *out)
    curious = commands.python("models.train.style", "--curious", *out)
    return name, _run(available[name], fill), _probes(available[name], curious)


def _tells_styles(path: Path) -> bool:
    """Whether a log is a style model's: its first line says so, or, in older ones, names its losses."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    first = head.partition(b"\n")[0]
    return b'"what": "style"' in first if b'"kind": "run"' in first else b'"thickness"' in head


def _probes(folder: Path, fill: str) -> Probes:
    path = folder / PROBES
    logged = rows(path)
    try:
        steps, hardest = tuple(int(row["step"]) for row in logged), tuple(str(row["hardest"][0]) for row in logged)
        costs, progress = (
            tuple({str(arm): float(value) for arm, value in row[key].items()} for row in logged)
            for key in ("cost", "progress")
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"the log {path.name} of {path.parent.name} can't be read: {error}") from error
    return Probes(steps, costs, progress, hardest, {"log": f"{path.parent.name}/{PROBES}"} if logged else {}, fill)


def _run(folder: Path, fill: str) -> Run:
    path = folder / LOG
    validations = [(row["step"], row["values"]) for row in rows(path) if row.get("part") == "validation"]
    about = {"log": f"{folder.name}/{LOG}"}
    if not validations and not path.exists():
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        validations = [(card["steps"], card["validation"])] if "validation" in card else []
        about = {"log": f"{folder.name}/{CARD}, which keeps the last validation alone"}
    try:
        steps, values_of_steps = tuple(int(step) for step, _ in validations), [values for _, values in validations]
        bits = {group: _series(values_of_steps, f"kl.{group}", 1 / math.log(2)) for group in GROUPS}
        losses = {group: _series(values_of_steps, name) for group, name in LOSS_OF.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the log {path.name} of {folder.name} can't be read: {error}") from error
    return Run(steps, _whole(losses, len(steps)), _whole(bits, len(steps)), about if validations else {}, fill)


def _series(validations: list[Mapping[str, float]], name: str, scale: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each[name]) * scale for each in validations if name in each)


def _whole(series: Mapping[str, tuple[float, ...]], count: int) -> dict[str, tuple[float, ...]]:
    """Those that were logged at every one of ``count`` validations."""
    return {name: values for name, values in series.items() if len(values) == count}


def draw_curve(style_folder: Path, settings: Settings, name: str, what: str = "losses") -> Drawn:
    """One of ``CURVES`` at every validation of a run; raises as ``chosen_run`` does, and ``NotAllowed`` for another."""
    if what not in CURVES:
        raise NotAllowed(f"the curve {what[:20]!r} was asked for; there are {', '.join(CURVES)}")
    folder, runs = style_folder, settings.runs_folder
    name, run, probes = chosen_run(folder, runs, name)
    frame = pd.DataFrame(_rows(run, probes, what), columns=list(COLUMNS))
    where = _data_and_commit(logged_runs(folder, runs)[name])
    source = Source((name,), *(tuple(filter(None, [each])) for each in where))
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


def _rows(run: Run, probes: Probes, what: str) -> Iterator[tuple[int, str, float, float, bool]]:
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


@dataclass(frozen=True)
class Cell:
    """A figure in a table; ``heat`` in 0..1 is how strongly it is to be tinted, ``own`` marks what is framed."""

    row: str
    column: str
    metric: Metric
    heat: float
    own: bool = False


@dataclass(frozen=True)
class Table:
    """Figures by row and column; ``about`` is their source (keys of ``ABOUT``), None where nothing was measured.

    ``fill``: the command that measures it. ``current``: whether the figures are of the weights that play.
    """

    name: str
    across: str  # what a row is and what a column is, as the corner says it
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    about: Mapping[str, Any] | None
    fill: str
    current: bool
    told: str = ""  # what the figures come to, in a sentence

    def to_json(self) -> dict[str, Any]:
        """For the page: ``cells`` by row, null where there is no figure."""
        known = {(cell.row, cell.column): cell for cell in self.cells}
        return {
            "name": self.name,
            "across": self.across,
            "rows": [LABELS.get(row, row) for row in self.rows],
            "columns": [LABELS.get(column, column.replace(".", " ")) for column in self.columns],
            "cells": [[_shown(known.get((row, column))) for column in self.columns] for row in self.rows],
            "about": self.about,
            "fill": self.fill,
            "current": self.current,
            "told": self.told,
        }

    def to_csv(self) -> str:
        """One line a figure, with its interval, what it stands beside, and where it comes from."""
        about = [(self.about or {}).get(key) for key in ABOUT]
        lines = [[self.name, cell.row, cell.column, *asdict(cell.metric).values(), *about] for cell in self.cells]
        return csv_text.table(["table", "row", "column", *asdict(Metric(None)), *ABOUT], lines, end="\n")


@dataclass(frozen=True)
class Plan:
    """What a table is made of: the name of the figure in each place, and the command that measures them.

    ``own`` places are framed. Figures are tinted by their size, or by their share of the largest in the table or in
    their column.
    """

    name: str
    across: str
    names: Mapping[tuple[str, str], str]
    command: str
    own: frozenset[tuple[str, str]] = frozenset()
    largest: Literal["", "table", "column"] = ""


def all_tables(folder: Path, runs: Path, run: str = "") -> list[Table]:
    """Every table of the model in ``folder``; those of training are of the ``run`` among ``logged_runs``.

    Raises ``RecordError`` where the record is not one, ``OSError`` or ``ValueError`` where card or log can't be read,
    and ``KeyError`` where there is no such run.
    """
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    sha256 = card.get("sha256", {}).get("style")
    found = read_evaluations(folder)
    measured = [
        _table(plan, found.get(plan.command), sha256, commands.evaluation(plan.command, folder)) for plan in plans()
    ]
    _, logged, probes = chosen_run(folder, runs, run)
    return [*measured, _of_mood(WEIGHTS / JUDGES), *_of_training(logged), _of_probes(probes)]


def plans() -> list[Plan]:
    """The tables that evaluations fill."""
    pairs = list(itertools.product(STYLE_GROUPS, STYLE_GROUPS))
    same = frozenset(pair for pair in pairs if pair[0] == pair[1])
    swaps = {pair: f"swap.{pair[0]}.own" if pair in same else f"swap.{pair[0]}.on.{pair[1]}" for pair in pairs}
    drift = {pair: f"drift.{pair[0]}.{pair[1]}.sd" for pair in pairs}
    after = {
        (group, name): f"swap.{group}.{name}" for group in STYLE_GROUPS for name in ("melody_kept", "original_found")
    }
    after |= {(group, "cycle"): f"cycle.{group}" for group in STYLE_GROUPS}
    reading = {(name, group): f"read.{name}.{group}" for name in (*ATTRIBUTES, CHROMA) for group in GROUPS}
    codes = {
        (str(code), name): f"codes.{code}.{name}" for code in range(1, CODE_COUNT + 1) for name in ("bits", *ATTRIBUTES)
    }
    rates = {(group, name): f"rate.{group}.{name}" for group in GROUPS for name in ("bits_per_bar", "open")}
    return [
        Plan("swaps", "swapped, measured", swaps, STYLE, own=same),
        Plan("drift", "swapped, moved", drift, STYLE),
        Plan("after", "swapped, after", after, STYLE),
        Plan("both", "styles, measured", _side_by_side(), RELATIONS),
        Plan("spearman", "", _both_ways("data", tuple(ATTRIBUTES), "spearman"), RELATIONS),
        Plan("information", "", _both_ways("data", tuple(ATTRIBUTES), "bits"), RELATIONS, largest="table"),
        Plan("reading", "read, from", reading, RELATIONS, own=frozenset([*ATTRIBUTES.items(), (CHROMA, "harmony")])),
        Plan("canonical", "", _both_ways("canonical", GROUPS), RELATIONS),
        Plan("shared", "", _both_ways("canonical", GROUPS, "bits"), RELATIONS, largest="table"),
        Plan("codes", "code, named", codes, OF_CODES),
        Plan("rates", "latents, rate", rates, RELATIONS, largest="column"),
    ]


def _table(plan: Plan, found: Evaluation | None, sha256: str | None, fill: str) -> Table:
    metrics = (
        {place: found.metrics[name] for place, name in plan.names.items() if name in found.metrics} if found else {}
    )
    values = {place: abs(metric.value) for place, metric in metrics.items() if metric.value is not None}
    scale = {}
    for place in values:
        among = [value for other, value in values.items() if plan.largest == "table" or other[1] == place[1]]
        scale[place] = (max(among) or 1.0) if plan.largest else 1.0
    return Table(
        name=plan.name,
        across=plan.across,
        rows=tuple(dict.fromkeys(row for row, _ in plan.names)),
        columns=tuple(dict.fromkeys(column for _, column in plan.names)),
        cells=tuple(
            Cell(*place, metrics[place], min(1.0, value / scale[place]), own=place in plan.own)
            for place, value in values.items()
        ),
        about=_about(found) if found and values else None,
        fill=fill,
        current=found is not None and found.of_weights(sha256),
        told=_difference(metrics) if plan.name == "both" else "",
    )


def _of_mood(judges: Path) -> Table:
    """How far swapping each style moves valence and arousal, and how well these are read from its latents."""
    card = json.loads((judges / "card.json").read_text(encoding="utf-8"))
    names = {
        (group, f"{mood} {how}"): f"mood.{figure}.{group}.{mood}"
        for group in STYLE_GROUPS
        for how, figure in MOODS.items()
        for mood in ("valence", "arousal")
    }
    plan = Plan("moods", "style, mood", names, OF_MOOD)
    fill = commands.python(f"models.{OF_MOOD}", "--save")
    return _table(plan, read_evaluations(judges).get(OF_MOOD), card["sha256"]["mood"], fill)


def _of_training(run: Run) -> list[Table]:
    """Losses and rates of each style at every validation of a run."""
    steps = [str(step) for step in run.steps]
    about = {"command": "train.style", **run.about} if run.steps else None
    found = []
    for name, across, series in (("losses", "step, style", run.losses), ("bits", "step, latents of", run.bits)):
        cells = []
        for place, step in enumerate(steps):
            shares = {group: values[place] / values[0] for group, values in series.items() if values[0] > 0}
            hardest = max(shares, key=lambda group: shares[group], default=None) if name == "losses" and place else None
            cells += [
                Cell(step, group, Metric(values[place]), min(1.0, shares.get(group, 0.0)), own=group == hardest)
                for group, values in series.items()
            ]
        columns = tuple(group for group in GROUPS if group in series)
        found.append(Table(name, across, tuple(steps), columns, tuple(cells), about, run.fill, current=True))
    return found


def _of_probes(found: Probes) -> Table:
    """What each arm of a curious run cost whenever it was asked, with its learning progress as baseline."""
    arms = tuple(dict.fromkeys(arm for costs in found.costs for arm in costs))
    cells = [
        Cell(
            str(step), arm, Metric(cost, baseline=progress.get(arm)),
            min(1.0, cost / (found.costs[0].get(arm) or cost or 1.0)), own=arm == hardest,
        )
        for step, costs, progress, hardest in zip(
            found.steps, found.costs, found.progress, found.hardest, strict=True
        )
        for arm, cost in costs.items()
    ]  # fmt: skip
    about = {"command": "train.style", **found.about} if found.steps else None
    return Table(
        "curiosity", "step, told with another's", tuple(map(str, found.steps)), arms, tuple(cells), about, found.fill,
        current=True,
    )  # fmt: skip


def _side_by_side() -> dict[tuple[str, str], str]:
    """For every two styles: correlation and information of what names them in the music, and of their latents."""
    attribute = {group: name for name, group in reversed(ATTRIBUTES.items())}
    found: dict[tuple[str, str], str] = {}
    for one, other in itertools.combinations(STYLE_GROUPS, 2):
        music, latents = f"data.{attribute[one]}.{attribute[other]}", f"canonical.{one}.{other}"
        names = (f"{music}.spearman", latents, f"{music}.bits", f"{latents}.bits")
        found |= {(f"{one} and {other}", column): name for column, name in zip(BOTH, names, strict=True)}
    return found


def _difference(metrics: Mapping[tuple[str, str], Metric]) -> str:
    """What it means where latents go together more than the music does, and where they don't."""
    excess: dict[str, tuple[float, float]] = {}
    pairs = {row for row, _ in metrics}
    for row in sorted(pairs):
        music, latents = (metrics.get((row, column)) for column in BOTH[:2])
        if music is None or latents is None or None in (music.value, music.low, music.high, latents.value, latents.low):
            continue
        most = max(abs(music.low or 0), abs(music.high or 0))
        if (latents.low or 0) > most:
            excess[row] = (abs(latents.value or 0), abs(music.value or 0))
    if not pairs:
        return ""
    if not excess:
        return "In no pair do the latents correlate clearly more than the music does."
    worst = max(excess, key=lambda row: excess[row][0] - excess[row][1])
    in_latents, in_music = excess[worst]
    return (
        f"In {len(excess)} of {len(pairs)} pairs the latents correlate clearly more than the music does, most for "
        f"{worst} ({in_latents:.2f} against {in_music:.2f}): there one style's latents also hold some of the other."
    )


def _both_ways(prefix: str, names: Sequence[str], *suffix: str) -> dict[tuple[str, str], str]:
    """A symmetric matrix of pairs, its diagonal without a figure."""
    found = {}
    for one, other in itertools.product(names, names):
        first, second = sorted((one, other), key=names.index)
        found[one, other] = ".".join((prefix, first, second, *suffix))
    return found


def _about(found: Evaluation) -> dict[str, Any]:
    return {
        "command": found.command,
        "model_version": found.model.get("version"),
        "model_sha256": found.model.get("sha256"),
        "data_hash": found.data.get("hash"),
        "data_n": found.data.get("n"),
        "commit": found.commit,
        "seed": found.seed,
    }


def _shown(cell: Cell | None) -> dict[str, Any] | None:
    return {**asdict(cell.metric), "heat": round(cell.heat, 3), "own": cell.own} if cell else None

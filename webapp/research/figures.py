"""Figures of the dashboards and reports by name: which data they draw, where it comes from, and the same as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from sqlalchemy.orm import Session

from db.queries import research
from db.tables import TrainingRun
from webapp.research import retrieval, runs
from webapp.research.plots import Source, ablations, confusions, curves, grid, ranks, variants
from webapp.research.retrieval import DIRECTIONS, MEASURES, WHOLE, Study, condition_of
from webapp.research.runs import name_of
from webapp.runtime import csv_text
from webapp.runtime.errors import NotAllowed, NotYours

MOST_CURVES = 12  # conditions; more can't be told apart
MOST_RUNS, MOST_PANELS = 48, 12  # of a grid of curves
FIRST_PANELS = 6  # where none are chosen


@dataclass(frozen=True)
class FigureRequest:
    """What a figure is of; each takes what it needs, and what isn't given is chosen."""

    study: str = ""
    direction: str = "title_to_melody"
    measure: str = "mrr"
    query: str = ""
    conditions: tuple[str, ...] = ()
    genre: str = WHOLE
    runs: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    smoothing: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """A figure, the frame that it draws, where that comes from, and what else the page tells."""

    figure: go.Figure
    frame: pd.DataFrame
    source: Source
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """``{figure, source, rows, details}`` as plotly.js takes it."""
        figure = json.loads(self.figure.to_json())
        return {"figure": figure, "source": str(self.source), "rows": len(self.frame), "details": self.details}

    def to_csv(self) -> str:
        """The frame, below a line that says where it comes from."""
        return f"# {self.source}\n{csv_text.of_frame(self.frame)}"


def draw(session: Session, name: str, request: FigureRequest) -> Drawn:
    """The figure called ``name``; raises ``NotYours`` where there is no such study or run, ``NotAllowed`` otherwise."""
    if name not in FIGURES:
        raise NotYours(f"there is no plot {name[:40]!r}; there are {', '.join(FIGURES)}")
    for given, allowed in ((request.direction, DIRECTIONS), (request.measure, MEASURES)):
        if name != "runs" and given not in allowed:
            raise NotAllowed(f"{given[:40]!r} was given; there are {', '.join(allowed)}")
    return FIGURES[name](session, request)


def _study(session: Session, request: FigureRequest) -> Study:
    studies = {study.name: study for study in retrieval.all_studies(session)}
    if request.study not in studies:
        raise NotYours(f"there is no study {request.study[:80]!r}; there are {', '.join(studies) or 'none yet'}")
    return studies[request.study]


def _conditions(study: Study, request: FigureRequest, most: int) -> list[str]:
    """The conditions asked for, or the first ones that are whole, then others."""
    there = sorted({condition_of(run) for run in study.runs}, key=lambda name: ("-no_" in name, name))
    return [name for name in there if name in request.conditions] or there[:most]


def _source(runs: Sequence[TrainingRun]) -> Source:
    found = [{getattr(run, name) for run in runs} - {None} for name in ("data_hash", "commit")]
    return Source(tuple(map(name_of, runs)), *(tuple(sorted(each)) for each in found))


def _of_study(study: Study) -> Source:
    """The results' own log where the test tunes were evaluated, or the runs."""
    return _source([study.log] if study.tested and study.log else study.runs)


def _variants(session: Session, request: FigureRequest) -> Drawn:
    study = _study(session, request)
    frame, tested = retrieval.variants_frame(session, study, request.direction, request.measure)
    shown = f"{MEASURES[request.measure]}, {DIRECTIONS[request.direction]} ({'test' if tested else 'validation'})"
    bars = frame[frame["seed"].isna()].sort_values("value", ascending=request.measure == "mean_log_rank")
    table = json.loads(bars.drop(columns="seed").to_json(orient="records"))
    source = _of_study(study) if tested else _source(study.runs)
    return Drawn(variants(frame, source, shown), frame, source, {"table": table, "tested": tested})


def _curves(session: Session, request: FigureRequest) -> Drawn:
    study = _study(session, request)
    chosen = _conditions(study, request, MOST_CURVES)
    frame = retrieval.curves_frame(session, study, request.direction, chosen)
    source = _source([run for run in study.runs if condition_of(run) in chosen])
    shown = f"validation MRR, {DIRECTIONS[request.direction]}"
    return Drawn(curves(frame, source, shown), frame, source, {"conditions": chosen})


def _ranks(session: Session, request: FigureRequest) -> Drawn:
    study = _study(session, request)
    chosen = _conditions(study, request, 1)
    frame, confused = retrieval.ranks_frame(session, study, request.direction, request.query, chosen)
    source = _source([run for run in study.runs if condition_of(run) in chosen])
    return Drawn(ranks(frame, source), frame, source, {"confused": confused, "conditions": chosen})


def _confusions(comparison: str, asked_for: str, answered: str) -> Callable[[Session, FigureRequest], Drawn]:
    def figure(session: Session, request: FigureRequest) -> Drawn:
        study = _study(session, request)
        chosen = _conditions(study, request, 1)[:1]
        frame = retrieval.confusions_frame(session, study, comparison, chosen[0])
        drawn = confusions(frame, source := _of_study(study), asked=asked_for, answered=answered)
        return Drawn(drawn, frame, source, {"conditions": chosen})

    return figure


def _ablations(session: Session, request: FigureRequest) -> Drawn:
    study = _study(session, request)
    frame = retrieval.ablations_frame(session, study, "ablation", f"{request.direction}.mrr", request.genre)
    source = _of_study(study)
    return Drawn(ablations(frame, source, f"MRR, {DIRECTIONS[request.direction]}"), frame, source, _costs(frame))


def _costs(frame: pd.DataFrame) -> dict[str, Any]:
    """The rows as a table, the dearest first."""
    return {"table": json.loads(frame.sort_values("value").to_json(orient="records"))}


def _probe_ablations(session: Session, request: FigureRequest) -> Drawn:
    study = _study(session, request)
    both = request.genre == REEL_OR_HORNPIPE
    measure, genre = ("reel_or_hornpipe", WHOLE) if both else ("recall", request.genre)
    frame = retrieval.ablations_frame(session, study, "probe_ablation", measure, genre)
    source = _of_study(study)
    return Drawn(ablations(frame, source, "recall"), frame, source, _costs(frame))


def _runs(session: Session, request: FigureRequest) -> Drawn:
    there = {name_of(run): run for run in research.all_runs(session)}
    if unknown := [name for name in request.runs if name not in there]:
        raise NotYours(f"there is no run {unknown[0][:80]!r}; there are {', '.join(list(there)[:20]) or 'none yet'}")
    if not 1 <= len(request.runs) <= MOST_RUNS:
        raise NotAllowed(f"{len(request.runs)} runs were given; give 1 to {MOST_RUNS}")
    if not 0 <= request.smoothing < 1:
        raise NotAllowed(f"smoothing {request.smoothing} was given; it must be 0 or more, and below 1")
    chosen = [there[name] for name in dict.fromkeys(request.runs)]
    figures = runs.figures_of(session, chosen)
    shown = [name for name in figures if name in request.figures][:MOST_PANELS] or figures[:FIRST_PANELS]
    frame, source = runs.curves_frame(session, chosen, shown), _source(chosen)
    drawn = grid(frame, source, list(map(name_of, chosen)), shown, request.smoothing)
    return Drawn(drawn, frame, source, {"figures": figures, "shown": shown})


REEL_OR_HORNPIPE = "reel or hornpipe"
FIGURES: Mapping[str, Callable[[Session, FigureRequest], Drawn]] = {
    "variants": _variants,
    "curves": _curves,
    "ranks": _ranks,
    "nearest": _confusions("nearest", "asked for", "nearest"),
    "probe": _confusions("probe", "type", "read as"),
    "ablations": _ablations,
    "probe_ablations": _probe_ablations,
    "runs": _runs,
}

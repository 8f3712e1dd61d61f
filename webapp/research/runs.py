"""What the Runs page shows of training runs: how far each is, what it was trained with, and its curves.

Figures have plain names: what the loss is called in one log and the mean in another is one figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from db.queries import research
from db.tables import TrainingRun
from webapp.research.training_runs import FOLLOWED, QUIET_S

LOSSES = {("style", "total"), ("titles", "loss"), ("pieces", "loss"), ("pieces", "mean"), ("prior", "loss")}
LOSS = "loss"
DIRECTIONS = {"title_to_melody": "title → tune", "melody_to_title": "tune → title"}
MEASURES = {
    "mrr": "MRR", "chance_mrr": "MRR of chance", "dcg": "DCG", "ndcg": "nDCG", "recall_1": "recall@1",
    "recall_5": "recall@5", "recall_10": "recall@10", "median_rank": "median rank", "mean_log_rank": "mean log rank",
}  # fmt: skip
ELEMENTS = {  # nats a note, in the style model's log
    "position": "onset", "height": "octave", "chroma": "pitch classes", "thickness": "notes at once",
    "sounding": "notes still held", "loudness": "loudness", "apart": "what styles tell of one another",
}  # fmt: skip
UPKEEP = {
    "gradient": "gradient norm", "learning_rate": "learning rate", "scale": "sharpness of the contrast",
    "notes_per_second": "notes a second", "steps_per_second": "notes a second",
}  # fmt: skip
ORDER = (
    LOSS, "MRR", "MRR,", "recall@1,", "recall@5,", "recall@10,", "nDCG,", "mean log rank,", "median rank,", "DCG,",
    "loss,", "nats",
)  # fmt: skip


def figure_of(kind: str, name: str) -> str:
    """What people call the figure that runs of a kind (titles, style, prior, pieces) log as ``name``."""
    if (kind, name) in LOSSES:
        return LOSS
    if name in UPKEEP:
        return UPKEEP[name]
    direction, _, measure = name.rpartition(".")
    if measure in MEASURES and direction in {"", *DIRECTIONS}:
        return f"{MEASURES[measure]}, {DIRECTIONS[direction]}" if direction else MEASURES[measure]
    if direction == "kl":
        return f"nats of {measure} a bar"
    if kind in {"style", "pieces"}:
        told = ", ".join(ELEMENTS.get(part, part.replace("_", " ")) for part in name.split("."))
        return f"loss, {told}"
    return re.sub(r"[._]+", " ", name)


def rank(figure: str) -> tuple[int, str]:
    """Where a figure stands among others: the loss first, then how well it does, the gradient and the like last."""
    if figure in UPKEEP.values():
        return len(ORDER) + 1, figure
    if figure.startswith("MRR of chance"):
        return len(ORDER), figure
    found = (place for place, begins in enumerate(ORDER) if figure == begins or figure.startswith(begins + " "))
    return next(found, len(ORDER)), figure


NO_SETTING = frozenset({"line", "kind", "what", "run", "data", "commit", "steps", "tunes", FOLLOWED, "broken_lines"})
CURVES = ("run", "part", "figure", "step", "value")


def name_of(run: TrainingRun) -> str:
    """What people call a run: its folder below the folder of runs, and the log's name where it isn't the usual one."""
    path = Path(run.path)
    return path.parent.as_posix() if path.name == "log.jsonl" else path.with_suffix("").as_posix()


def state_of(run: TrainingRun, step: int = 0) -> str:
    """``ended``, ``running``, or ``stopped`` where nothing was logged for two minutes; ``step``: its last one."""
    steps = run.about.get("steps")
    if run.ended or (steps and step >= steps):
        return "ended"
    age = datetime.now(UTC) - run.logged_at if run.logged_at else None
    return "running" if age is not None and age.total_seconds() < QUIET_S else "stopped"


def listing(session: Session) -> list[dict[str, Any]]:
    """All runs, the one that was logged to last first."""
    last = research.last_steps(session)
    return [
        _told(run, last.get(run.id, 0)) for run in research.all_runs(session) if run.kind not in {"study", "unreadable"}
    ]


def _told(run: TrainingRun, step: int) -> dict[str, Any]:
    state = state_of(run, step)
    return {
        "name": name_of(run),
        "path": run.path,
        "kind": run.kind,
        "preset": run.about.get("preset"),
        "seed": run.about.get("seed"),
        "data": run.data_hash,
        "commit": run.commit,
        "state": state,
        "step": step,
        "steps": run.about.get("steps"),
        "seconds_left": seconds_left(run, step) if state == "running" else None,
        "settings": settings_of(run.about),
        "broken_lines": run.about.get("broken_lines", 0),
        "outcome": {key: value for key, value in (run.outcome or {}).items() if key not in {"line", "kind"}},
        "logged_at": run.logged_at.isoformat() if run.logged_at else None,
    }


def seconds_left(run: TrainingRun, step: int) -> float | None:
    """How long a run will go on, by how fast it was seen to go; None where its log doesn't say how many steps it has.

    Nor is it known of a run that was only just found.
    """
    steps, since = run.about.get("steps"), run.about.get(FOLLOWED)
    if not steps or not since or run.logged_at is None or step <= since["step"]:
        return None
    took = (run.logged_at - datetime.fromisoformat(since["at"])).total_seconds()
    return float(max(0.0, took / (step - since["step"]) * (steps - step)))


def settings_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was trained with, by name, as its log's first row tells; what lies within parts has their names."""
    return dict(_flat({name: value for name, value in about.items() if name not in NO_SETTING}))


def _flat(part: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if isinstance(value, Mapping):
            above = "" if name in {"config", "hyperparameters"} else f"{name} "
            yield from _flat(value, f"{within}{above}")
        elif value not in (None, [], ""):
            told = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield f"{within}{name}".replace("_", " "), told


def figures_of(session: Session, runs: Sequence[TrainingRun]) -> list[str]:
    """Every figure that any of these runs logged, the loss first."""
    found = {figure_of(run.kind, name) for run in runs for name in research.figure_names(session, run.id)}
    return sorted(found, key=rank)


def curves_frame(session: Session, runs: Sequence[TrainingRun], figures: Sequence[str]) -> pd.DataFrame:
    """``run, part, figure, step, value`` of these figures, in the order of steps."""
    lines: list[tuple[Any, ...]] = []
    for run in runs:
        named = {name: figure_of(run.kind, name) for name in research.figure_names(session, run.id)}
        wanted = [name for name, figure in named.items() if figure in figures]
        lines += [
            (name_of(run), each["part"], named[each["name"]], each["step"], each["value"])
            for each in (research.points(session, [run.id], wanted) if wanted else ())
        ]
    return pd.DataFrame(lines, columns=list(CURVES))

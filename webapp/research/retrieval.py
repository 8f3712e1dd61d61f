"""What the dashboards show of training runs: which there are, and the data frame behind each plot.

Runs whose folders lie in one folder are a study, with its results in that folder's own log. While a study still goes
on, its variants are shown by their best validation so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from db.queries import training_runs as rows
from db.tables import TrainingRun

QUIET_S = 120.0  # a run that hasn't logged for so long has stopped
DIRECTIONS = {"title_to_melody": "title → melody", "melody_to_title": "melody → title"}
MEASURES = {"mrr": "MRR", "ndcg": "nDCG", "recall_10": "recall@10", "mean_log_rank": "mean log rank"}
WHOLE = "of all types"


@dataclass(frozen=True)
class Study:
    """A folder's runs of title towers, and the log of its results, where there is one."""

    name: str
    runs: tuple[TrainingRun, ...]
    log: TrainingRun | None

    @property
    def tested(self) -> bool:
        """Whether the test tunes were asked."""
        return self.log is not None and self.log.ended


def name_of(run: TrainingRun) -> str:
    """What people call a run: its folder below the folder of runs, and the log's name where it isn't the usual one."""
    path = Path(run.path)
    return path.parent.as_posix() if path.name == "log.jsonl" else path.with_suffix("").as_posix()


def condition_of(run: TrainingRun) -> str:
    """Variant and ablation of a run of title towers: its name without the seed."""
    return str(run.about.get("run", name_of(run))).rpartition("-")[0]


def state_of(run: TrainingRun, now: datetime | None = None) -> str:
    """``ended``, ``running``, or ``stopped`` where nothing was logged for two minutes."""
    if run.ended:
        return "ended"
    age = (now or datetime.now(UTC)) - run.logged_at if run.logged_at else None
    return "running" if age is not None and age.total_seconds() < QUIET_S else "stopped"


def all_studies(session: Session) -> list[Study]:
    """Every folder with runs of title towers, the one that was logged to last first."""
    folders: dict[str, list[TrainingRun]] = {}
    logs: dict[str, TrainingRun] = {}
    for run in rows.all_runs(session):
        if run.kind == "study":
            logs[name_of(run)] = run
        elif run.kind == "titles":
            folders.setdefault(Path(name_of(run)).parent.as_posix(), []).append(run)
    return [
        Study(name, tuple(sorted(found, key=lambda run: run.path)), logs.get(name)) for name, found in folders.items()
    ]


def listing(session: Session) -> list[dict[str, Any]]:
    """All runs for the Runs page, the one that was logged to last first."""
    steps = rows.last_steps(session)
    return [
        {
            "name": name_of(run),
            "path": run.path,
            "kind": run.kind,
            "preset": run.about.get("preset"),
            "seed": run.about.get("seed"),
            "data": run.data_hash,
            "commit": run.commit,
            "state": state_of(run),
            "step": steps.get(run.id, 0),
            "broken_lines": run.about.get("broken_lines", 0),
            "outcome": {key: value for key, value in (run.outcome or {}).items() if key not in {"line", "kind"}},
            "logged_at": run.logged_at.isoformat() if run.logged_at else None,
        }
        for run in rows.all_runs(session)
        if run.kind not in {"study", "unreadable"}
    ]


def variants_frame(session: Session, study: Study, direction: str, measure: str) -> pd.DataFrame:
    """``condition, seed, value, low, high, chance, n`` of variants that hear and read everything.

    On the test tunes, or validated so far.
    """
    ablated = {condition_of(run) for run in study.runs if run.about.get("without")}
    if study.tested and study.log is not None:
        found = _results(session, study.log, comparison="variant", measure=f"{direction}.{measure}")
        whole = ~found["condition"].isin(ablated)
        return found.loc[whole, ["condition", "seed", "value", "low", "high", "chance", "n"]]
    name, expected = f"{direction}.{measure}", f"{direction}.chance_mrr"
    validated = _validated(session, [r for r in study.runs if condition_of(r) not in ablated], [name, expected])
    begun = validated[(validated["name"] == name) & (validated["step"] > 0)]  # who knows nothing may be lucky
    runs = begun.groupby(["condition", "run_id"], sort=True)["value"]
    best = runs.min() if measure == "mean_log_rank" else runs.max()
    chance = validated[validated["name"] == expected]["value"].mean() if measure == "mrr" else None
    told: list[dict[str, Any]] = []
    for condition, values in best.groupby(level=0):
        about = {"condition": condition, "chance": chance, "n": len(values)}
        mean, low, high = values.mean(), values.min(), values.max()
        told.append({**about, "seed": None, "value": mean, "low": low, "high": high})
        told += [{**about, "seed": seed, "value": value} for seed, value in enumerate(values)]
    return pd.DataFrame(told, columns=["condition", "seed", "value", "low", "high", "chance", "n"])


def curves_frame(session: Session, study: Study, direction: str, conditions: Sequence[str]) -> pd.DataFrame:
    """``condition, run, step, value, chance``: validation MRR of the runs of these conditions."""
    name, expected = f"{direction}.mrr", f"{direction}.chance_mrr"
    runs = [run for run in study.runs if condition_of(run) in conditions]
    found = _validated(session, runs, [name, expected])
    wide = found.pivot_table(index=["condition", "run", "step"], columns="name", values="value").reset_index()
    wide = wide.reindex(columns=["condition", "run", "step", name, expected])
    return wide.rename(columns={name: "value", expected: "chance"})


def ranks_frame(
    session: Session, study: Study, direction: str, query: str, conditions: Sequence[str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """``run, step, rank, pool, nearest`` of one query; and the ten nearest at each run's last validation."""
    runs = {run.id: run for run in study.runs if condition_of(run) in conditions}
    found = rows.predictions(session, list(runs), direction, query)
    lines = [
        {
            "run": runs[each["run_id"]].about.get("run"),
            "step": each["step"],
            "rank": each["rank"],
            "pool": each["pool"],
            "nearest": each["top"][0]["label"] if each["top"] else "",
        }
        for each in found
    ]
    last = {each["run_id"]: {"step": each["step"], "rank": each["rank"], "top": each["top"]} for each in found}
    confused = [{"run": runs[run_id].about.get("run"), **told} for run_id, told in last.items()]
    return pd.DataFrame(lines, columns=["run", "step", "rank", "pool", "nearest"]), confused


def confusions_frame(session: Session, study: Study, comparison: str, condition: str) -> pd.DataFrame:
    """``genre, read_as, value, n``: of the nearest tunes to titles (``nearest``), or of the probe (``probe``)."""
    columns = ["genre", "read_as", "value", "n"]
    if study.log is None:
        return pd.DataFrame(columns=columns)
    found = _results(session, study.log, comparison=comparison, measure="share")
    return found[found["condition"] == condition][columns]


def ablations_frame(session: Session, study: Study, comparison: str, measure: str, genre: str) -> pd.DataFrame:
    """``without, variant, value, low, high, p, n`` of ablations (``ablation`` or ``probe_ablation``)."""
    columns = ["without", "variant", "value", "low", "high", "p", "n"]
    if study.log is None:
        return pd.DataFrame(columns=columns)
    found = _results(session, study.log, comparison=comparison, measure=measure)
    found = found[found["genre"].isna() if genre == WHOLE else found["genre"] == genre]
    names = [name.partition("-no_") for name in found["condition"]]
    return found.assign(variant=[name[0] for name in names], without=[name[2] for name in names])[columns]


def measured_genres(session: Session, study: Study) -> dict[str, list[str]]:
    """The types that ablations are told for, by comparison."""
    if study.log is None:
        return {}
    found = rows.results(session, study.log.id)
    return {
        comparison: sorted({row["genre"] for row in found if row["comparison"] == comparison and row["genre"]})
        for comparison in ("ablation", "probe_ablation")
    }


def figures_of(session: Session, run: TrainingRun) -> list[str]:
    """The names of everything that the run logged figures of."""
    return rows.figure_names(session, run.id)


def overview(session: Session) -> list[dict[str, Any]]:
    """Every study as the Retrieval page chooses from them: its conditions, what it watches, how far it is."""
    return [
        {
            "name": study.name,
            "preset": study.runs[0].about.get("preset"),
            "conditions": sorted({condition_of(run) for run in study.runs}, key=lambda name: ("-no_" in name, name)),
            "runs": len(study.runs),
            "ended": sum(run.ended for run in study.runs),
            "lines": sum(run.lines for run in study.runs),
            "running": any(state_of(run) == "running" for run in study.runs),
            "tested": study.tested,
            "watched": rows.watched(session, study.runs[0].id),
            "genres": measured_genres(session, study),
        }
        for study in all_studies(session)
    ]


def pair_frame(session: Session, pair: Sequence[TrainingRun], name: str) -> pd.DataFrame:
    """``run, part, step, value`` of one figure of two runs."""
    names = {run.id: name_of(run) for run in pair}
    found = rows.points(session, list(names), [name])
    lines = [{"run": names[each["run_id"]], **{key: each[key] for key in ("part", "step", "value")}} for each in found]
    return pd.DataFrame(lines, columns=["run", "part", "step", "value"])


def _results(session: Session, log: TrainingRun, *, comparison: str, measure: str) -> pd.DataFrame:
    """The results of one comparison and measure; missing numbers are NaN."""
    found = [row for row in rows.results(session, log.id) if row["comparison"] == comparison]
    numbers = ["seed", "value", "low", "high", "p", "chance"]
    table = pd.DataFrame(
        [row for row in found if row["measure"] == measure], columns=["condition", "genre", "read_as", "n", *numbers]
    )
    return table.astype(dict.fromkeys(numbers, float))


def _validated(session: Session, runs: Sequence[TrainingRun], names: Sequence[str]) -> pd.DataFrame:
    """``run_id, run, condition, step, name, value`` of what was validated."""
    about = {run.id: (str(run.about.get("run")), condition_of(run)) for run in runs}
    lines = [
        {"run": about[each["run_id"]][0], "condition": about[each["run_id"]][1], **each}
        for each in rows.points(session, list(about), names)
        if each["part"] == "validation"
    ]
    return pd.DataFrame(lines, columns=["run_id", "run", "condition", "step", "part", "name", "value"])

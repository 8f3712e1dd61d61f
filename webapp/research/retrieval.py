"""What the Retrieval page shows of studies of title towers: which there are, and the data frame behind each plot.

Runs whose folders lie in one folder are a study, with its results in that folder's own log. While a study still goes
on, its variants are shown by their best validation so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from db.queries import research
from db.tables import TrainingRun
from webapp.research.runs import name_of, state_of

DIRECTIONS = {"title_to_melody": "title → melody", "melody_to_title": "melody → title"}
MEASURES = {
    "mrr": "MRR", "dcg": "DCG", "ndcg": "nDCG", "recall_10": "recall@10", "mean_log_rank": "mean log rank",
}  # fmt: skip
WHOLE = "of all types"
PLAIN = "ridge"  # the baseline, which has no seeds


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


def condition_of(run: TrainingRun) -> str:
    """Variant and ablation of a run of title towers: its name without the seed."""
    return str(run.about.get("run", name_of(run))).rpartition("-")[0]


def all_studies(session: Session) -> list[Study]:
    """Every folder with runs of title towers, the one that was logged to last first."""
    folders: dict[str, list[TrainingRun]] = {}
    logs: dict[str, TrainingRun] = {}
    for run in research.all_runs(session):
        if run.kind == "study":
            logs[name_of(run)] = run
        elif run.kind == "titles":
            folders.setdefault(Path(name_of(run)).parent.as_posix(), []).append(run)
    return [
        Study(name, tuple(sorted(found, key=lambda run: run.path)), logs.get(name)) for name, found in folders.items()
    ]


def variants_frame(session: Session, study: Study, direction: str, measure: str) -> tuple[pd.DataFrame, bool]:
    """``condition, seed, value, low, high, chance, n`` of variants that hear and read everything; whether on the test.

    On the test tunes with an interval, or as validated so far, where the seeds alone show what is uncertain; also where
    the test of an older study did not measure this.
    """
    ablated = {condition_of(run) for run in study.runs if run.about.get("without")}
    found = pd.DataFrame()
    if study.tested and study.log is not None:
        found = _results(session, study.log, comparison="variant", measure=f"{direction}.{measure}")
    if len(found):
        whole = ~found["condition"].isin(ablated)
        seeds = found[found["seed"].notna()].groupby("condition")["seed"].nunique()
        alone = found["condition"].map(seeds).eq(1) & (found["condition"] != PLAIN)
        found.loc[alone, ["low", "high"]] = float("nan")  # what it owes to its seed nobody knows
        return found.loc[whole, ["condition", "seed", "value", "low", "high", "chance", "n"]], True
    name, expected = f"{direction}.{measure}", f"{direction}.chance_mrr"
    validated = _validated(session, [r for r in study.runs if condition_of(r) not in ablated], [name, expected])
    begun = validated[(validated["name"] == name) & (validated["step"] > 0)]  # who knows nothing may be lucky
    runs = begun.groupby(["condition", "run_id"], sort=True)["value"]
    best = runs.min() if measure == "mean_log_rank" else runs.max()
    chance = validated[validated["name"] == expected]["value"].mean() if measure == "mrr" else None
    told: list[dict[str, Any]] = []
    for condition, values in best.groupby(level=0):
        about = {"condition": condition, "chance": chance, "n": len(values)}
        told.append({**about, "seed": None, "value": values.mean()})
        told += [{**about, "seed": seed, "value": value} for seed, value in enumerate(values)]
    return pd.DataFrame(told, columns=["condition", "seed", "value", "low", "high", "chance", "n"]), False


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
    found = research.predictions(session, list(runs), direction, query)
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
    found = research.results(session, study.log.id)
    return {
        comparison: sorted({row["genre"] for row in found if row["comparison"] == comparison and row["genre"]})
        for comparison in ("ablation", "probe_ablation")
    }


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
            "watched": research.watched(session, study.runs[0].id),
            "genres": measured_genres(session, study),
        }
        for study in all_studies(session)
    ]


def _results(session: Session, log: TrainingRun, *, comparison: str, measure: str) -> pd.DataFrame:
    """The results of one comparison and measure; missing numbers are NaN."""
    found = [row for row in research.results(session, log.id) if row["comparison"] == comparison]
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
        for each in research.points(session, list(about), names)
        if each["part"] == "validation"
    ]
    return pd.DataFrame(lines, columns=["run_id", "run", "condition", "step", "part", "name", "value"])

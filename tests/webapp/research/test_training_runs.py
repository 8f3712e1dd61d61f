from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from db.queries import jobs, research
from db.tables import Job, MetricPoint, StudyResult, TrackedPrediction, TrainingRun
from models.experiments.run_log import RunLog, parsed, run_row
from webapp.context import Context
from webapp.research import runs, training_runs
from webapp.worker import RunLogWorker

TOP = [{"item": "made/1", "label": "The Hen\u2028of the Mill", "score": 0.5, "right": True}]
ONE_JOB = """
from db.queries import jobs
from webapp.research import training_runs
from webapp.context import Context
from webapp.runtime.settings import Settings

context = Context(Settings())
job = context.database.transaction(lambda session: jobs.take_job(session, [training_runs.KIND], lease_s=600))
print("taken", flush=True)
result = training_runs.ingest_changed(context.database, context.settings)
context.database.transaction(lambda session: jobs.finish_job(session, job, result))
"""


def folder_of(context: Context) -> Path:
    folder = context.settings.runs_folder / "titles" / "cnn-bag-0"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(log: RunLog, first: int, last: int, offset: float = 0.0) -> None:
    """Steps ``first`` to ``last``: two figures each, and a prediction."""
    for step in range(first, last):
        log.write("metrics", step=step, part="train", values={"loss": step / 10 + offset, "scale": 1.0})
        log.write(
            "prediction", step=step, direction="title_to_melody", query="The Hen", label="The Hen", pool=9,
            rank=1 + step % 9, top=TOP,
        )  # fmt: skip


def begin(log: RunLog) -> None:
    log.write("run", what="titles", run="cnn-bag-0", data="abc", commit="def")


def stored(context: Context) -> list[tuple[object, ...]]:
    """Everything that is known of all runs, as the log's lines would tell it."""

    def read(session: Session) -> list[tuple[object, ...]]:
        points = select(MetricPoint.line, MetricPoint.step, MetricPoint.name, MetricPoint.value)
        told = select(TrackedPrediction.line, TrackedPrediction.step, TrackedPrediction.query, TrackedPrediction.rank)
        return sorted([tuple(row) for row in session.execute(points)] + [tuple(row) for row in session.execute(told)])

    return context.database.transaction(read)


def told(path: Path) -> list[tuple[object, ...]]:
    """The same, read from the log."""
    found: list[tuple[object, ...]] = []
    for row in parsed(path.read_bytes()).rows:
        if row["kind"] == "metrics":
            found += [(row["line"], row["step"], name, value) for name, value in row["values"].items()]
        elif row["kind"] == "prediction":
            found.append((row["line"], row["step"], row["query"], row["rank"]))
    return sorted(found)


def the_run(context: Context) -> TrainingRun:
    return context.database.transaction(lambda session: session.scalars(select(TrainingRun)).one())


def test_a_run_is_followed_while_it_goes_on(alone: Context) -> None:
    path = folder_of(alone) / "log.jsonl"
    with RunLog(path) as log:
        begin(log)
        write(log, 0, 3)
        assert training_runs.ingest_changed(alone.database, alone.settings) == {"logs": 1, "lines": 7, "refused": 0}
        with path.open("a") as half:
            half.write('{"line": 7, "kind": "met')
        assert training_runs.ingest_changed(alone.database, alone.settings) == {"logs": 1, "lines": 0, "refused": 0}
        assert (the_run(alone).lines, the_run(alone).ended) == (7, False)
    with RunLog(path, keep=7) as log:
        write(log, 3, 5)
        log.write("end", step=5, reason="finished", best_step=4, best=0.25)
    assert training_runs.ingest_changed(alone.database, alone.settings)["lines"] == 5
    assert stored(alone) == told(path)
    run = the_run(alone)
    assert (run.path, run.kind, run.data_hash, run.commit) == ("titles/cnn-bag-0/log.jsonl", "titles", "abc", "def")
    assert (run.ended, run.outcome["best"]) == (True, 0.25)
    assert training_runs.ingest_changed(alone.database, alone.settings)["logs"] == 0


def test_lines_that_come_again_otherwise_replace_what_was_taken_in_before(alone: Context) -> None:
    path = folder_of(alone) / "log.jsonl"
    with RunLog(path) as log:
        begin(log)
        write(log, 0, 6)
    training_runs.ingest_changed(alone.database, alone.settings)
    with RunLog(path, keep=5) as log:  # killed, and taken up from an earlier state on another machine
        write(log, 2, 8, offset=0.001)
    training_runs.ingest_changed(alone.database, alone.settings)
    assert stored(alone) == told(path)
    with RunLog(path) as log:  # begun anew
        begin(log)
    training_runs.ingest_changed(alone.database, alone.settings)
    assert stored(alone) == []
    assert the_run(alone).lines == 1


def test_logs_without_numbers_are_runs_too_and_what_came_twice_counts_once(alone: Context) -> None:
    path = alone.settings.runs_folder / "style" / "log.jsonl"
    path.parent.mkdir(parents=True)
    before = [{"step": 50, "total": 9.0}, {"step": 100, "total": 8.0}, {"step": 100, "validation": {"total": 8.5}}]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*before, {"step": 150, "total": 7.0}]))
    (path.parent / "prior.jsonl").write_text(json.dumps({"step": 100, "loss": 0.5}) + "\n")
    training_runs.ingest_changed(alone.database, alone.settings)
    with path.open("a") as file:  # killed while it wrote, taken up from step 100
        file.write('{"step": 200, "tot' + "".join(json.dumps({"step": s, "total": s / 100}) + "\n" for s in (150, 200)))
        file.write(json.dumps({"step": 150, "total": 1.5}) + "\n" + json.dumps({"step": 200, "total": 2.0}) + "\n")
    training_runs.ingest_changed(alone.database, alone.settings)

    def read(session: Session) -> dict[str, list[tuple[int, str, float]]]:
        return {
            run.path: [(p["step"], p["part"], p["value"]) for p in research.points(session, [run.id])]
            for run in research.all_runs(session)
        }

    figures = alone.database.transaction(read)
    assert figures["style/prior.jsonl"] == [(100, "train", 0.5)]
    assert figures["style/log.jsonl"] == [
        (50, "train", 9.0), (100, "train", 8.0), (100, "validation", 8.5), (150, "train", 1.5), (200, "train", 2.0),
    ]  # fmt: skip


def test_a_run_without_numbers_says_what_it_was_trained_on_and_how_many_of_its_lines_are_broken(alone: Context) -> None:
    path = alone.settings.runs_folder / "style" / "log.jsonl"
    path.parent.mkdir(parents=True)
    before = run_row("style", data="old", commit="old") + "\n" + json.dumps({"step": 50, "total": 9.0}) + "\n"
    again = run_row("style", data="abc", commit="def") + "\n" + json.dumps({"step": 50, "total": 8.0}) + "\n"
    path.write_text(before)
    training_runs.ingest_changed(alone.database, alone.settings)
    path.write_text(before + '{"step": 100, "tot\n' + again)  # killed while it wrote, and begun anew
    training_runs.ingest_changed(alone.database, alone.settings)
    run = the_run(alone)
    assert (run.kind, run.data_hash, run.commit) == ("style", "abc", "def")
    assert stored(alone) == [(4, 50, "total", 8.0)]
    listed = alone.database.transaction(runs.listing)
    assert [(row["data"], row["broken_lines"]) for row in listed] == [("abc", 1)]


def test_a_run_that_goes_on_has_its_time_left_from_how_fast_it_was_seen_to_go(alone: Context) -> None:
    path = folder_of(alone) / "log.jsonl"
    began = time.time() - 60

    def step_at(log: RunLog, step: int, seconds: float) -> dict[str, object]:
        log.write("metrics", step=step, part="train", values={"loss": 1.0})
        os.utime(path, (began + seconds, began + seconds))
        training_runs.ingest_changed(alone.database, alone.settings)
        return alone.database.transaction(runs.listing)[0]

    with RunLog(path) as log:
        log.write("run", what="titles", run="cnn-bag-0", data="abc", commit="def", steps=100, config={"dim": 32})
        first = step_at(log, 10, 0)
        assert (first["step"], first["steps"], first["seconds_left"]) == (10, 100, None)
        assert first["settings"] == {"dim": 32}
        assert step_at(log, 20, 10)["seconds_left"] == pytest.approx(80)
        assert step_at(log, 30, 30)["seconds_left"] == pytest.approx(105)
    with RunLog(path, keep=4) as log:  # killed, and taken up after a pause
        began += 900
        assert step_at(log, 40, 0)["seconds_left"] is None
        assert step_at(log, 50, 5)["seconds_left"] == pytest.approx(25)
        ended = step_at(log, 100, 30)
        assert (ended["state"], ended["seconds_left"]) == ("ended", None)


def test_a_file_that_is_no_log_is_refused_and_stops_no_other(alone: Context) -> None:
    path = folder_of(alone) / "log.jsonl"
    with RunLog(path) as log:
        begin(log)
        write(log, 0, 1)
    wrong = alone.settings.runs_folder / "another" / "log.jsonl"
    wrong.parent.mkdir()
    wrong.write_text('{"kind": "prediction"}\n{"kind": "metrics", "step": -1, "part": "x", "values": {"a": 1}}\n')
    assert training_runs.ingest_changed(alone.database, alone.settings) == {"logs": 2, "lines": 3, "refused": 1}
    assert training_runs.ingest_changed(alone.database, alone.settings)["logs"] == 0
    assert stored(alone) == told(path)


def test_results_of_a_study_are_taken_in_with_their_intervals(alone: Context) -> None:
    with RunLog(folder_of(alone) / "log.jsonl") as log:
        log.write("run", what="study", run="study")
        log.write("result", comparison="ablation", condition="cnn-cnn-no_key", measure="mrr", value=-0.1, low=-0.2,
                  high=0.0, p=0.04, n=629)  # fmt: skip
    training_runs.ingest_changed(alone.database, alone.settings)
    found = alone.database.transaction(lambda session: session.scalars(select(StudyResult)).one())
    assert (found.condition, found.low, found.p, found.genre, found.line) == ("cnn-cnn-no_key", -0.2, 0.04, None, 1)


@pytest.mark.durability
@pytest.mark.slow
def test_the_job_of_a_killed_worker_is_done_again_and_nothing_is_there_twice(
    alone: Context, fresh_engine: Engine
) -> None:
    path = folder_of(alone) / "log.jsonl"
    with RunLog(path) as log:
        begin(log)
        write(log, 0, 4)
    training_runs.ingest_changed(alone.database, alone.settings)
    with RunLog(path, keep=9) as log:
        write(log, 4, 40)
    assert alone.database.transaction(lambda session: training_runs.leave_job(session, alone.settings.runs_folder))
    environment = os.environ | {
        "KALLOS_HOME": str(alone.settings.home), "KALLOS_DATABASE_URL": alone.settings.database_url,
    }  # fmt: skip
    with fresh_engine.begin() as blocking:
        blocking.execute(text("LOCK TABLE tracked_prediction IN ACCESS EXCLUSIVE MODE"))
        child = subprocess.Popen([sys.executable, "-c", ONE_JOB], env=environment, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"taken\n"
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        end = time.monotonic() + 60
        while blocking.scalar(waiting) == 0:  # in the midst of its transaction
            assert time.monotonic() < end, "the child never got there"
            time.sleep(0.02)
        child.kill()
        child.wait()
        child.stdout.close()
    assert stored(alone) == [row for row in told(path) if row[1] < 4]
    worker = RunLogWorker(alone)
    assert not worker.step()  # the dead worker's lease
    past = func.clock_timestamp() - timedelta(seconds=1)
    alone.database.transaction(lambda session: session.execute(update(Job).values(lease_until=past)))
    assert worker.step()
    assert stored(alone) == told(path)
    state = select(Job.state, Job.attempts, Job.result)
    assert alone.database.transaction(lambda session: session.execute(state).one()) == (
        "done", 2, {"logs": 1, "lines": 72, "refused": 0},
    )  # fmt: skip
    assert not alone.database.transaction(lambda session: training_runs.leave_job(session, alone.settings.runs_folder))
    assert alone.database.transaction(lambda session: jobs.take_job(session, [training_runs.KIND])) is None

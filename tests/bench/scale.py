"""Every statement of the vote path and of the worker's polling, at 10,000 and at 1,000,000 votes: does it stay flat?

Simulated listeners with a hundred votes each are written into a Postgres of this command's own, with the application's
own tables and indexes; a few of them were there within the last hour, the others over a month. Then real votes are
cast through the application, and the worker looks what there is to do. For each query: when it is asked, what three
of four of its times stay below, and which large tables its plan reads from end to end.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, event, text

from db.embedded import EmbeddedPostgres
from db.engine import make_engine
from db.migrate import upgrade
from db.queries import jobs, statistics
from models.style.performance import touch
from webapp.composing import pool, wishes
from webapp.context import Context
from webapp.learning import heads, population, refits
from webapp.listeners import accounts
from webapp.runtime.settings import Settings

EACH = 100  # votes of a listener
PRESENT = 50  # listeners of the last hour
CLIPS = 200
VOTERS, VOTES = 20, 4
WHEN = ("each vote", "each second", "each minute", "each hour", "/healthz")
LARGE = {"offers", "votes", "predictions", "listening", "listeners", "heads"}
UNLOGGED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "8GB"}

LISTENERS = """
INSERT INTO listeners (id, domain, created_at)
SELECT md5('listener' || k)::uuid, 'pop', {came} FROM generate_series(CAST(:first AS int), CAST(:last AS int)) k
"""
# Of the pairs of 200 clips each listener meets a hundred different ones: 7919 and 104729 are prime.
OFFERS = """
INSERT INTO offers (id, listener_id, left_clip, right_clip, seconds, policy, pair_probability, state, created_at)
SELECT md5('offer' || k || '-' || v)::uuid, md5('listener' || k)::uuid, p.one, p.other, 7, 'random', 0.01, 'voted',
       {came} + v * interval '20 seconds'
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) k, generate_series(0, CAST(:each AS int) - 1) v
JOIN LATERAL (SELECT * FROM bench_pairs WHERE number = (k * 7919 + v * 104729) % CAST(:pairs AS int)) p ON true
"""
PREDICTIONS = """
INSERT INTO predictions (offer_id, p_left, p_equal, p_right, head_version, votes_seen, made_at)
SELECT id, 0.4, 0.2, 0.4, 'bench', 0, created_at + interval '8 seconds' FROM offers WHERE state = 'voted'
ON CONFLICT DO NOTHING
"""
VOTED = """
INSERT INTO votes (offer_id, listener_id, outcome, predicted_at, model_version, trust, created_at)
SELECT o.id, o.listener_id, (ARRAY['left', 'right', 'equal', 'neither'])[1 + abs(hashtext(o.id::text)) % 4], p.made_at,
       :version, 'heard', p.made_at
FROM offers o JOIN predictions p ON p.offer_id = o.id WHERE o.state = 'voted' ON CONFLICT DO NOTHING
"""
HEARD = (
    "INSERT INTO listening (offer_id, left_ms, right_ms) SELECT offer_id, 4000, 4000 FROM votes ON CONFLICT DO NOTHING"
)
COUNTED = """
UPDATE listeners SET music_picks = picks FROM (
    SELECT listener_id, count(*) AS picks FROM votes WHERE outcome IN ('left', 'right', 'equal') GROUP BY listener_id
) counted WHERE counted.listener_id = listeners.id
"""
HEADS = """
INSERT INTO heads (listener_id, model_version, mean, covariance, lapses, attentive, votes_seen, updated_at)
SELECT id, :version, :mean, :covariance, 1, 19, :each, created_at FROM listeners ON CONFLICT DO NOTHING
"""
# the first fifty are here, the others came over a month
CAME = f"(now() - CASE WHEN k <= {PRESENT} THEN interval '50 minutes' ELSE interval '1 day' * (1 + k % 29) END)"


@dataclass
class Seen:
    """What one query cost."""

    ms: list[float] = field(default_factory=list)
    scans: set[str] = field(default_factory=set)


class Watch:
    """Times what is asked, and asks for the plan of each."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], Seen] = defaultdict(Seen)
        self.when = "each vote"
        self._explaining = False

    def before(self, connection: Connection, cursor: object, statement: str, *_: object) -> None:
        """Begin to count."""
        connection.info["begun"] = time.perf_counter()

    def after(self, connection: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        """Note it, under the name of the query that asked."""
        took_ms = (time.perf_counter() - connection.info["begun"]) * 1000
        if self._explaining or statement.startswith(("SET", "SAVEPOINT", "RELEASE")):
            return
        name = (self.when, asked_by())
        self.seen[name].ms.append(took_ms)
        self._explaining = True
        try:
            apart = connection.connection.cursor()
            apart.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            self.seen[name].scans |= set(scanned(apart.fetchone()[0][0]["Plan"]))
        finally:
            self._explaining = False


def scanned(plan: dict) -> Iterator[str]:
    """Large tables that a plan reads from end to end."""
    if plan["Node Type"] in {"Seq Scan", "Parallel Seq Scan"} and plan["Relation Name"] in LARGE:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)


def asked_by() -> str:
    """``file.function`` below ``db/queries``, or else in the application."""
    frame, found = sys._getframe(2), ""
    while frame is not None and not found:
        path = Path(frame.f_code.co_filename)
        if "queries" in path.parts or "webapp" in path.parts:
            found = f"{path.stem}.{frame.f_code.co_name}"
        frame = frame.f_back
    return found or "other"


def fill(context: Context, listeners: int) -> None:
    """So many listeners, each with their votes; those that are there stay."""
    version = context.space.version
    pairs = CLIPS * (CLIPS - 1) // 2
    head = heads.columns_of(heads._beginning(None, context.space))
    given = {"version": version, "each": EACH, "pairs": pairs, "mean": head.mean, "covariance": head.covariance}
    with context.database.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(
            text("SET LOCAL session_replication_role = replica")
        )  # rows that fit: keys needn't be looked up
        connection.execute(text("SET LOCAL work_mem = '256MB'"))
        first = connection.execute(text("SELECT count(*) FROM listeners")).scalar_one() + 1
        given |= {"first": first, "last": listeners}
        for statement in (LISTENERS, OFFERS, PREDICTIONS, VOTED, COUNTED, HEARD, HEADS):
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            connection.execute(text(statement.format(came=CAME)), wanted)
    with context.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def stock(context: Context) -> None:
    """A pool of clips, and the pairs of them."""
    rng = np.random.default_rng(0)
    with context.database.engine.begin() as connection:
        for number in range(CLIPS):
            summary = rng.standard_normal(context.space.dims).astype("<f4").tobytes()
            values = {"id": uuid.UUID(int=number + 1), "summary": summary, "version": context.space.version}
            connection.execute(
                text(
                    "INSERT INTO clips (id, domain, notes, recipe, latents, summary, model_version, content_hash) "
                    "VALUES (:id, 'pop', '{}', '{}', '{}', :summary, :version, :hash)"
                ),
                {**values, "hash": str(number)},
            )
            connection.execute(
                text(
                    "INSERT INTO clip_audio (clip_id, seconds, sha256, uri, bytes, lufs, true_peak_db, playing) "
                    "SELECT :id, s, repeat('0', 64), 'x', 1, -18, -1, :playing FROM unnest(ARRAY[7, 14]) s"
                ),
                {"id": values["id"], "playing": touch.version()},
            )
        connection.execute(
            text(
                "CREATE TABLE bench_pairs AS SELECT row_number() OVER () - 1 AS number, a.id AS one, b.id AS other "
                "FROM clips a JOIN clips b ON a.id < b.id"
            )
        )
        connection.execute(text("CREATE UNIQUE INDEX ON bench_pairs (number)"))


@contextmanager
def watching(context: Context) -> Iterator[Watch]:
    """Every statement between."""
    watch, engine = Watch(), context.database.engine
    event.listen(engine, "before_cursor_execute", watch.before)
    event.listen(engine, "after_cursor_execute", watch.after)
    try:
        yield watch
    finally:
        event.remove(engine, "before_cursor_execute", watch.before)
        event.remove(engine, "after_cursor_execute", watch.after)


def vote(context: Context) -> None:
    """Some of those who are here vote."""
    with context.database.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT md5('listener' || k)::uuid FROM generate_series(1, :n) k"), {"n": VOTERS}
        )
        here = list(rows.scalars())
    for listener in here:
        waiting = context.pairs.open(listener)
        for number in range(VOTES):
            outcome = ("left", "right")[number % 2]
            waiting = context.pairs.record_vote(listener, waiting[0].id, outcome, (4000, 4000)).open


def poll(context: Context, watch: Watch) -> None:
    """What the worker asks each second while it has nothing to do, each minute and each hour, and ``/healthz``."""
    transaction, version = context.database.transaction, context.space.version
    for _ in range(5):
        watch.when = "each second"
        transaction(lambda session: pool.leave_job(session, version, CLIPS))
        transaction(lambda session: jobs.take_job(session, ["none"], lease_s=1.0))
        transaction(lambda session: jobs.count_under_way(session, wishes.KIND, least_priority=wishes.FIRST_PRIORITY))
        watch.when = "each minute"
        transaction(lambda session: population.leave_jobs(session, context.spaces))
        watch.when = "each hour"
        transaction(lambda session: refits.leave_job(session, context.spaces))
        transaction(jobs.forget_finished)
        accounts.expire(context.records)
        watch.when = "/healthz"
        transaction(statistics.counts)


def measure(context: Context, listeners: int) -> dict[tuple[str, str], Seen]:
    """The queries at so many listeners."""
    begun = time.monotonic()
    fill(context, listeners)
    with context.database.engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    took_s = time.monotonic() - begun
    print(f"{listeners * EACH:,} votes, {size / 1e6:.0f} MB, {took_s:.0f} s to write", file=sys.stderr, flush=True)
    vote(context)  # what is prepared and cached is
    with watching(context) as watch:
        vote(context)
        poll(context, watch)
    return watch.seen


def slow_ms(seen: Seen) -> float:
    """What three of four stay below."""
    return float(np.quantile(seen.ms, 0.75)) if seen.ms else float("nan")


def main() -> int:
    """Print the table, and one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=1_000_000, help="votes in the end (1,000,000)")
    given = parser.parse_args()
    few, many = 100, max(200, given.limit // EACH)
    with tempfile.TemporaryDirectory(prefix="kallos-scale-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "pg", UNLOGGED)
        url = postgres.start()
        upgrade(make_engine(url))
        context = Context(Settings(home=Path(folder) / "home", database_url=url))
        try:
            stock(context)
            before, after = measure(context, few), measure(context, many)
        finally:
            context.close()
            postgres.stop()
    print(f"| asked | query | ms at {few * EACH:,} votes | ms at {many * EACH:,} votes | reads whole |")
    print("|---|---|---|---|---|")
    metrics = {}
    for key, found in sorted(after.items(), key=lambda each: (WHEN.index(each[0][0]), -slow_ms(each[1]))):
        when, name = key
        was, now = slow_ms(before[key]), slow_ms(found)
        print(f"| {when} | `{name}` | {was:.2f} | {now:.2f} | {', '.join(sorted(found.scans))} |")
        metrics[f"scale.{name}"] = {"value": round(now, 3), "baseline": round(was, 3), "n": len(found.ms)}
    print(json.dumps({"command": "bench.scale", "schema": 1, "machine": platform.machine(), "metrics": metrics}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

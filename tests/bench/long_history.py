"""What a vote and its next draw cost after 10 and after 10,000 votes: ``python tests/bench/long_history.py``.

In a Postgres of this command's own a listener is given a past of random pairs of the pool, and clips composed for them,
one for twenty votes. Then real votes are cast through the application, of both in turn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Connection, text

from db.embedded import EmbeddedPostgres
from db.engine import make_engine
from db.migrate import upgrade
from models.style.performance import touch
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.settings import Settings

FEW, MANY = 10, 10_000
VOTES_A_GIFT = 20
WARM_UP = 8
PAST_VOTES = """
WITH pairs AS (
    SELECT l.id AS listener, a.id AS one, b.id AS two, row_number() OVER (PARTITION BY l.id ORDER BY random()) AS place
    FROM unnest(CAST(:listeners AS uuid[])) AS l(id)
    JOIN clips a ON a.domain = 'pop' AND a.composed_for IS NULL
    JOIN clips b ON b.domain = 'pop' AND b.composed_for IS NULL AND a.id < b.id
    WHERE NOT EXISTS (SELECT FROM offers o WHERE o.listener_id = l.id
        AND least(o.left_clip, o.right_clip) = a.id AND greatest(o.left_clip, o.right_clip) = b.id)
), offered AS (
    INSERT INTO offers (listener_id, left_clip, right_clip, seconds, policy, pair_probability, state, created_at)
    SELECT listener, one, two, 7, 'control', 0.001, 'voted', now() - interval '1 day' - place * interval '1 second'
    FROM pairs WHERE place <= :each
    RETURNING id, listener_id, created_at
), foreseen AS (
    INSERT INTO predictions (offer_id, p_left, p_equal, p_right, head_version, votes_seen, made_at)
    SELECT id, 0.4, 0.2, 0.4, :version, 0, created_at FROM offered RETURNING offer_id, made_at
), voted AS (
    INSERT INTO votes (offer_id, listener_id, outcome, predicted_at, model_version, created_at)
    SELECT o.id, o.listener_id, CASE WHEN random() < 0.5 THEN 'left' ELSE 'right' END, f.made_at, :version, f.made_at
    FROM offered o JOIN foreseen f ON f.offer_id = o.id RETURNING offer_id, listener_id
), counted AS (
    UPDATE listeners SET music_picks = music_picks + c.picks
    FROM (SELECT listener_id, count(*) AS picks FROM voted GROUP BY listener_id) c WHERE c.listener_id = listeners.id
)
INSERT INTO listening (offer_id, left_ms, right_ms) SELECT offer_id, 4000, 4000 FROM voted
"""
CLIP = """
INSERT INTO clips (id, domain, kind, composed_for, notes, recipe, latents, summary, model_version, content_hash)
VALUES (:id, 'pop', :kind, :whose, '{}', '{}', '{}', :summary, :version, :id)
"""
SOUND = """
INSERT INTO clip_audio (clip_id, seconds, sha256, uri, bytes, lufs, true_peak_db, playing)
SELECT :id, s, repeat('0', 64), 'x', 1, -18, -1, :playing FROM unnest(ARRAY[7, 14]) s
"""


@dataclass(frozen=True)
class Ratio:
    """Milliseconds of a vote after few and after many votes, medians of so many ``votes`` each."""

    few_ms: float
    many_ms: float
    votes: int

    @property
    def value(self) -> float:
        """How much longer the long history takes."""
        return self.many_ms / self.few_ms


def give_past(connection: Connection, listeners: Sequence[UUID], votes: int) -> None:
    """Let each of these have picked so many times, long ago.

    Whoever really cast that many did so over hours: the tables' statistics are of them, as after any load in bulk.
    """
    version = connection.scalar(text("SELECT model_version FROM clips LIMIT 1"))
    given = {"listeners": list(listeners), "each": votes, "version": version}
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text(PAST_VOTES), given)
    connection.execute(text("ANALYZE"))


def stock(context: Context, clips: int, whose: UUID | None = None) -> None:
    """So many clips of random latents, of everybody's or of one listener's."""
    rng = np.random.default_rng(clips)
    with context.database.engine.begin() as connection:
        for _ in range(clips):
            summary = rng.standard_normal(context.space.dims).astype("<f4").tobytes()
            about = {"id": uuid4(), "kind": "composed" if whose else "prior", "whose": whose, "summary": summary}
            connection.execute(text(CLIP), about | {"version": context.space.version})
            connection.execute(text(SOUND), {"id": about["id"], "playing": touch.version()})


def vote_ms(context: Context, listener: UUID, votes: int) -> list[float]:
    """So many votes, each with the draw of what comes next."""
    took, waiting = [], context.pairs.open(listener)
    for number in range(WARM_UP + votes):
        begun = time.perf_counter()
        outcome = ("left", "right", "equal")[number % 3]
        waiting = context.pairs.record_vote(listener, waiting[0].id, outcome, (4000, 4000)).open
        took.append((time.perf_counter() - begun) * 1000)
    return took[WARM_UP:]


def ratio(*, clips: int = 300, votes: int = 60) -> Ratio:
    """Measure it, with so many ``clips`` in the pool."""
    with tempfile.TemporaryDirectory(prefix="kallos-history-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "pg")
        url = postgres.start()
        upgrade(make_engine(url))
        context = Context(Settings(home=Path(folder) / "home", database_url=url))
        try:
            stock(context, clips)
            took: dict[int, list[float]] = {}
            people = {past: accounts.create(context.database) for past in (FEW, MANY)}
            for past, listener in people.items():
                with context.database.engine.begin() as connection:
                    give_past(connection, [listener], past)
                stock(context, past // VOTES_A_GIFT, listener)
            for _ in range(4):
                for past, listener in people.items():
                    took.setdefault(past, []).extend(vote_ms(context, listener, votes // 4))
        finally:
            context.close()
            postgres.stop()
    return Ratio(float(np.median(took[FEW])), float(np.median(took[MANY])), len(took[FEW]))


def main() -> None:
    """Print the figures, and one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=300, help="in the pool")
    parser.add_argument("--votes", type=int, default=60, help="of each listener that are timed")
    given = parser.parse_args()
    found = ratio(clips=given.clips, votes=given.votes)
    print(f"a vote takes {found.few_ms:.1f} ms after {FEW} votes, {found.many_ms:.1f} ms after {MANY:,}")
    metric = {"value": round(found.value, 3), "baseline": 1.0, "n": found.votes}
    metrics = {"bench.listener_10000_votes_ratio": metric}
    print(json.dumps({"command": "bench.long_history", "schema": 1, "metrics": metrics}))


if __name__ == "__main__":
    main()

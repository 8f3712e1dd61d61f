"""What was stored under each earlier schema is brought up to date, and the application goes on with it.

Rows that the application has written are told once more in the words of each schema: its tables, and of them the
columns and the kinds of clips that there were.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text, update

from db import migrate
from db.tables import Base, Clip
from models.taste.head import Head
from webapp.context import Context
from webapp.hosting.backup import backup, restore
from webapp.learning import heads, refits
from webapp.listeners import accounts
from webapp.listeners.archive import export
from webapp.listening import voting
from webapp.sharing import for_two, taste_cards
from webapp.studio import pieces

pytestmark = [pytest.mark.slow, pytest.mark.durability]

VERSIONS = Path(__file__).resolve().parents[3] / "alembic" / "versions"
REVISIONS = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
BACKED_UP_AT, FOURS_SINCE = "0009", "0008"
KIND_SINCE = {"surprise": "0011", "near": "0011", "opened": "0012", "whole": "0013"}  # of clips; others were there
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBERED = {"jobs"}  # by each database for itself
UNIQUE = {"content_hash", "link_key"}  # texts that no second row may have

Rows = dict[str, list[dict[str, Any]]]


def told_at(revision: str, name: str) -> str:
    """The id by which this listener, clip or offer is known among the rows of that schema."""
    return str(uuid.uuid5(uuid.UUID(name), revision))


@pytest.fixture
def original(context: Context, live: Callable[..., uuid.UUID], stock) -> uuid.UUID:
    """A listener with votes, picks of four, clips of every kind, a piece of the studio, a card, a duet and plays."""
    listener, other = live(7), live(2)
    for outcome in ("a", "none"):
        four = context.best_of_four.open(listener)[0]
        context.best_of_four.record_vote(listener, four.id, outcome, (3000,) * 4)
    *kinds, whole = stock("pop", len(KIND_SINCE), composed_for=listener)

    def as_kinds(session) -> None:
        for clip, kind in zip([*kinds, whole], KIND_SINCE, strict=True):
            session.execute(update(Clip).where(Clip.id == clip).values(kind=kind))
        fields = {"domain": "pop", "title": "No. 1", "recipe": {}, "notes": {}, "latents": {}}
        pieces.keep(session, context.studio, listener, **fields, model_version=context.space.version)

    context.database.transaction(as_kinds)
    voting.record_play(context.database, context.journal, listener, whole, outcome="heard_out", heard_ms=9000)
    taste_cards.share(context.database, context.journal, context.space, context.playable, listener)
    link = for_two.invite(context.database, context.journal, listener)
    for_two.agree(context.database, context.journal, other, link)
    return listener


@pytest.fixture
def rows(context: Context, original: uuid.UUID) -> Rows:
    """All that is stored, by table, in an order in which it can be stored again."""
    found: Rows = {}
    with context.database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            order = "ORDER BY created_at" if "created_at" in table.columns else ""
            query = text(f"SELECT to_jsonb(t) FROM {table.name} t {order}")
            found[table.name] = [row for row in connection.scalars(query) if row.get("id") != "default"]
    return found


def tell_again(engine: Engine, revision: str, rows: Rows) -> None:
    """Store the rows once more, under other ids, as far as this schema has a place for them."""
    unknown = {clip["id"] for clip in rows["clips"] if KIND_SINCE.get(clip["kind"], "") > revision}
    with engine.begin() as connection:
        for table, columns in columns_of(connection).items():
            for row in rows[table]:
                said = json.dumps(row)
                if any(clip in said for clip in unknown):
                    continue
                again = json.loads(UUID.sub(lambda found: told_at(revision, found[0]), said))
                store(connection, table, columns, as_it_was(table, again, revision))


def columns_of(connection: Connection) -> dict[str, set[str]]:
    """The tables of this schema and their columns, in an order in which they can be filled."""
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(text(query)):
        found.setdefault(table, set()).add(column)
    return {table.name: found[table.name] for table in Base.metadata.sorted_tables if table.name in found}


def as_it_was(table: str, row: dict[str, Any], revision: str) -> dict[str, Any]:
    """The row with what nobody else may have, and as that schema wanted it."""
    row |= {name: f"{row[name]} {revision}" for name in UNIQUE & set(row) if row[name]}
    if table == "heads" and revision < "0005":  # readiness to call clips equal stood beside the mean
        size = len(row["mean"]) // 16 + 1
        row |= {"tie": 0.1, "covariance": "\\x" + "00" * (8 * size * size)}
    return row


def store(connection: Connection, table: str, columns: set[str], row: Mapping[str, Any]) -> None:
    there = [f'"{name}"' for name in row if name in columns and not (table in NUMBERED and name == "id")]
    values = f"SELECT {', '.join(there)} FROM jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"
    connection.execute(text(f"INSERT INTO {table} ({', '.join(there)}) {values}"), {"row": json.dumps(row)})


@pytest.fixture
def upgraded(rows: Rows, another_context, tmp_path: Path) -> Iterator[Context]:
    """An installation that came all the way, with what was stored under every schema; a backup was made on the way."""
    context = another_context(migrated=False)
    engine = context.database.open()
    for revision in REVISIONS:
        migrate.upgrade(engine, revision)
        tell_again(engine, revision, rows)
        if revision == BACKED_UP_AT:
            backup(context, tmp_path / "backup.zip")
    return context


def picks_of(context: Context, listener: uuid.UUID) -> list[tuple[Any, ...]]:
    """What was asked when, what was heard of it and what was answered, in pairs and in fours."""
    told = export(context.database, listener)
    pairs, fours = (
        [(each["created_at"], each["vote"] and each["vote"]["outcome"]) for each in told[name]]
        for name in ("offers", "fours")
    )
    heard = [
        each["listening"] and (each["listening"]["left_ms"], each["listening"]["right_ms"]) for each in told["offers"]
    ]
    return [*zip(pairs, heard, strict=True), *fours]


def head_of(context: Context, listener: uuid.UUID) -> Head:
    return context.database.transaction(lambda session: heads.load(session, listener, context.space))


def test_listeners_of_every_earlier_schema_go_on_where_they_were_and_so_does_a_backup_of_one(
    context, original, upgraded, another_context, tmp_path
) -> None:
    restored = another_context(migrated=False)
    at_that_time = REVISIONS[: REVISIONS.index(BACKED_UP_AT) + 1]
    assert restore(restored, tmp_path / "backup.zip").listeners == 2 * len(at_that_time)
    refits.refit_heads(upgraded.database, upgraded.spaces)
    before, learned = picks_of(context, original), head_of(context, original)
    for revision in REVISIONS:
        listener = uuid.UUID(told_at(revision, str(original)))
        kept = picks_of(upgraded, listener)
        if revision in at_that_time:
            assert picks_of(restored, listener) == kept, revision
        if revision < FOURS_SINCE:
            assert kept == [each for each in before if isinstance(each[0], tuple)], revision
        else:
            assert kept == before, revision
            assert np.allclose(head_of(upgraded, listener).mean, learned.mean, atol=1e-6), revision
        picks = accounts.account(upgraded.database, listener).picks
        offer = upgraded.pairs.open(listener)[0]
        assert upgraded.pairs.record_vote(listener, offer.id, "left", (3000, 3000)).picks == picks + 1
    for each in (upgraded, restored):
        assert migrate.check(each.database.engine) == []

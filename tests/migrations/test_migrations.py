"""The migrations and the mapped classes tell the same schema, read back from Postgres' catalogues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from db import migrate
from db.engine import make_engine
from db.migrate import describe_schema, differences
from db.tables import DEFAULT_STUDY, Base

pytestmark = pytest.mark.durability


@pytest.fixture
def empty(new_database: Callable[..., str]) -> Iterator[Engine]:
    engine = make_engine(new_database())
    yield engine
    engine.dispose()


def schema(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return describe_schema(connection)


def test_up_down_and_up_again_ends_at_the_same_schema(empty: Engine) -> None:
    migrate.upgrade(empty)
    first = schema(empty)
    migrate.downgrade(empty, "base")
    assert schema(empty) == []
    assert migrate.current_revision(empty) is None
    migrate.upgrade(empty)
    assert schema(empty) == first
    assert migrate.current_revision(empty) == migrate.newest_revision()


def test_the_migrated_schema_is_the_one_of_the_mapped_classes(empty: Engine, new_database: Callable[..., str]) -> None:
    migrate.upgrade(empty)
    created = make_engine(new_database())
    Base.metadata.create_all(created)
    assert differences(schema(empty), schema(created)) == []
    assert len(schema(created)) > 100
    created.dispose()


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    migrate.upgrade(empty)
    first = schema(empty)
    migrate.upgrade(empty)
    assert schema(empty) == first


def test_processes_that_upgrade_at_once_wait_for_each_other(empty: Engine) -> None:
    failures: list[BaseException] = []

    def upgrade() -> None:
        try:
            migrate.upgrade(empty)
        except Exception as error:  # noqa: BLE001 - any failure fails the test below
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert migrate.check(empty) == []


def test_the_default_study_is_there_after_the_migration(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT id FROM studies")).scalars().all() == [DEFAULT_STUDY]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE votes DROP CONSTRAINT ck_votes_outcome_is_known", "ck_votes_outcome_is_known"),
        ("ALTER TABLE votes ADD CHECK (outcome <> 'left')", "votes_outcome_check"),
        ("DROP INDEX ix_offers_open", "ix_offers_open"),
        ("ALTER TABLE jobs ALTER priority SET DEFAULT 1", "jobs.priority"),
        ("ALTER TABLE clips ALTER latents DROP NOT NULL", "clips.latents"),
        (
            "CREATE TRIGGER late BEFORE UPDATE ON votes EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "votes.late",
        ),
    ],
)
def test_check_sees_what_alembic_overlooks(fresh_engine: Engine, change: str, told: str) -> None:
    assert migrate.check(fresh_engine) == []
    with fresh_engine.begin() as connection:
        connection.execute(text(change))
    lines = migrate.check(fresh_engine)
    assert lines
    assert all(told in line for line in lines)


def test_check_leaves_nothing_behind_and_names_a_missing_migration(empty: Engine) -> None:
    assert migrate.check(empty)[0] == f"revision: the database is at none, the newest is {migrate.newest_revision()}"
    with empty.connect() as connection:
        schemas = connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'")).scalars()
        assert set(schemas) == {"public", "information_schema"}


@pytest.mark.slow
def test_pairs_that_came_again_and_rivals_have_no_place_in_the_schema_before(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        listener = connection.scalar(text("INSERT INTO listeners DEFAULT VALUES RETURNING id"))
        clips = [
            connection.scalar(
                text(
                    "INSERT INTO clips (domain, kind, composed_for, notes, recipe, latents, summary, model_version,"
                    " content_hash) VALUES ('pop', :kind, :who, '{}', '{}', '{}', '', 'v1', :kind) RETURNING id"
                ),
                {"kind": kind, "who": listener},
            )
            for kind in ("composed", "average")
        ]
        offer = (
            "INSERT INTO offers (listener_id, left_clip, right_clip, seconds, policy, pair_probability, repeats)"
            " VALUES (:who, :left, :right, 7, 'x', 1, :repeats) RETURNING id"
        )
        given = {"who": listener, "left": clips[0], "right": clips[1], "repeats": None}
        first = connection.scalar(text(offer), given)
        connection.execute(text(offer), given | {"left": clips[1], "right": clips[0], "repeats": first})
    migrate.downgrade(fresh_engine, "0003")
    with fresh_engine.connect() as connection:
        assert connection.scalars(text("SELECT id FROM offers")).all() == [first]
        assert set(connection.scalars(text("SELECT kind FROM clips"))) == {"composed"}
    migrate.upgrade(fresh_engine)
    assert migrate.check(fresh_engine) == []


def test_what_surprises_or_is_near_a_piece_was_no_kind_of_its_own_before(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        listener = connection.scalar(text("INSERT INTO listeners DEFAULT VALUES RETURNING id"))
        for kind in ("composed", "surprise", "near", "opened"):
            connection.execute(
                text(
                    "INSERT INTO clips (domain, kind, composed_for, notes, recipe, latents, summary, model_version,"
                    " content_hash) VALUES ('pop', :kind, :who, '{}', '{}', '{}', '', 'v1', :kind)"
                ),
                {"kind": kind, "who": listener},
            )
    migrate.downgrade(fresh_engine, "0010")
    with fresh_engine.connect() as connection:
        kinds = connection.scalars(text("SELECT kind FROM clips ORDER BY content_hash")).all()
    assert kinds == ["composed", "studio", "studio", "studio"]  # content hashes: composed, near, opened, surprise
    migrate.upgrade(fresh_engine)
    assert migrate.check(fresh_engine) == []


def test_what_a_trained_writer_wrote_is_offered_no_more_in_the_schema_before(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        listener = connection.scalar(text("INSERT INTO listeners DEFAULT VALUES RETURNING id"))
        for kind in ("guided", "trained"):
            connection.execute(
                text(
                    "INSERT INTO clips (domain, kind, composed_for, notes, recipe, latents, summary, model_version,"
                    " content_hash) VALUES ('pop', :kind, :who, '{}', '{}', '{}', '', 'v1', :kind)"
                ),
                {"kind": kind, "who": listener},
            )
    migrate.downgrade(fresh_engine, "0031")
    with fresh_engine.connect() as connection:
        found = connection.execute(text("SELECT kind, retired FROM clips ORDER BY content_hash")).all()
    assert found == [("guided", False), ("drawn", True)]
    migrate.upgrade(fresh_engine)
    assert migrate.check(fresh_engine) == []


def test_heads_of_another_form_are_dropped_in_both_directions(fresh_engine: Engine) -> None:
    """Each is learned again from the votes, which stay."""
    with fresh_engine.begin() as connection:
        listener = connection.scalar(text("INSERT INTO listeners DEFAULT VALUES RETURNING id"))
    steps = [("lapses, attentive", 8, lambda: migrate.downgrade(fresh_engine, "0004"))]
    steps.append(("tie", 32, lambda: migrate.upgrade(fresh_engine)))
    for columns, size, move in steps:
        values = ", ".join("1" for _ in columns.split(","))
        with fresh_engine.begin() as connection:
            connection.execute(
                text(
                    f"INSERT INTO heads (listener_id, model_version, votes_seen, mean, covariance, {columns})"
                    f" VALUES (:who, 'v1', 1, decode('{'00' * 8}', 'hex'), decode('{'00' * size}', 'hex'), {values})"
                ),
                {"who": listener},
            )
        move()
        with fresh_engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM heads")) == 0
            assert connection.scalars(text("SELECT id FROM listeners")).all() == [listener]


def test_what_was_learned_in_a_smaller_taste_space_is_forgotten_in_both_directions(fresh_engine: Engine) -> None:
    """Heads and populations are learned again from the votes; listeners stay, and begin nowhere in particular."""
    for move in (lambda: migrate.downgrade(fresh_engine, "0009"), lambda: migrate.upgrade(fresh_engine)):
        with fresh_engine.begin() as connection:
            population = connection.scalar(
                text(
                    "INSERT INTO populations (study_id, model_version, mean, factors, diagonal, listeners, votes)"
                    f" VALUES ('{DEFAULT_STUDY}', 'v1', decode('{'00' * 8}', 'hex'), '',"
                    f" decode('{'00' * 8}', 'hex'), 1, 1) RETURNING id"
                )
            )
            connection.execute(text("INSERT INTO listeners (population_id) VALUES (:id)"), {"id": population})
        move()
        with fresh_engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM populations")) == 0
            assert connection.scalar(text("SELECT count(*) FROM listeners WHERE population_id IS NULL")) > 0
            assert connection.scalar(text("SELECT count(*) FROM listeners WHERE population_id IS NOT NULL")) == 0
    assert migrate.check(fresh_engine) == []


def test_a_database_of_a_newer_version_is_left_as_it_is(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.NewerDatabaseError, match="9999"):
        migrate.upgrade(empty)
    assert migrate.current_revision(empty) == "9999"

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db import migrate
from db.tables import Base
from tests.webapp.hosting.test_upgrades import REVISIONS, tell_again
from webapp.context import Context
from webapp.hosting.backup import backup, restore
from webapp.studies import analysis, dataset, keys, participation, report, studies
from webapp.studies.keys import Keys

pytestmark = [pytest.mark.slow, pytest.mark.durability]

STUDIES_SINCE = "0020"
OF_STUDIES = ("listening_studies", "study_consents", "study_clips", "study_participants", "study_trials")

Rows = dict[str, list[dict[str, Any]]]


def at(revision: str, secret: str) -> str:
    """The key or token by which this study or participant is known among the rows of that schema."""
    return f"{secret}-{revision}"


def keys_at(revision: str, known: Keys) -> Keys:
    return replace(known, **{name: at(revision, key) for name, key in vars(known).items()})


@pytest.fixture
def study(make_study):
    return make_study(quota=20)


@pytest.fixture
def tokens(study) -> list[str]:
    """Of two who have finished the study, and of one who has begun it; another finished and has withdrawn."""
    first, second, gone, begun = (study.join(panel_id=f"panel-{number}") for number in range(4))
    study.finish(first)
    study.finish(second, lambda _: "right")
    study.finish(gone)
    study.leave(gone)
    database, journal = study.context.database, study.context.journal
    participation.answer_questions(database, journal, begun, "before", {"1": "yes"})
    return [first, second, begun]


@pytest.fixture
def rows(study, tokens) -> Rows:
    """All that is stored of the study, by table, in an order in which it can be stored again."""
    found: Rows = {table.name: [] for table in Base.metadata.sorted_tables}
    with study.context.database.engine.connect() as connection:
        for name in OF_STUDIES:
            found[name] = list(connection.scalars(text(f"SELECT to_jsonb(t) FROM {name} t")))
    return found


def told(rows: Rows, secrets: list[str], revision: str) -> Rows:
    """The same with the keys and tokens of that schema."""
    said = json.dumps(rows)
    for secret in secrets:
        said = said.replace(keys.digest(secret), keys.digest(at(revision, secret)))
    again: Rows = json.loads(said)
    return again


@pytest.fixture
def upgraded(study, tokens, rows, another_context, tmp_path: Path) -> Context:
    """An installation that came all the way, with the study under every schema; a backup was made of the first."""
    home = tmp_path / "upgraded"
    shutil.copytree(study.context.settings.home / "clips", home / "clips")
    context = another_context(home, migrated=False)
    engine = context.database.open()
    secrets = [*vars(study.keys).values(), *tokens]
    for revision in REVISIONS:
        migrate.upgrade(engine, revision)
        if revision >= STUDIES_SINCE:
            tell_again(engine, revision, told(rows, secrets, revision))
        if revision == STUDIES_SINCE:
            backup(context, tmp_path / "backup.zip")
    return context


def answers(context: Context, key: str) -> list[tuple[str, ...]]:
    """The lines of the dataset's answers and participants, whoever they are numbered as."""
    with zipfile.ZipFile(io.BytesIO(dataset.export(context.database, context.clip_store, key))) as packed:
        found = []
        for name in ("answers.csv", "participants.csv"):
            (path,) = (each for each in packed.namelist() if each.endswith(name))
            lines = csv.DictReader(io.StringIO(packed.read(path).decode()))
            found += sorted(tuple(value for column, value in line.items() if column != "participant") for line in lines)
    return found


def figures(context: Context, key: str) -> str:
    """What the analysis comes to."""
    found = context.database.transaction(lambda session: analysis.analyse(session, studies.require(session, key)))
    return repr((found.counts, found.everybody, found.without, found.left_out, found.quality, found.answered))


def test_a_study_of_every_earlier_schema_goes_on_and_its_report_and_dataset_say_the_same(
    study, tokens, upgraded, another_context, tmp_path
) -> None:
    context, begun = study.context, tokens[-1]
    overview = studies.overview(context.database, study.keys.researcher)
    expected = answers(context, study.keys.researcher), figures(context, study.keys.researcher)
    step = participation.step(context.database, begun)
    assert (overview.counts.begun, overview.counts.completed, overview.counts.withdrawn) == (4, 2, 1)
    assert step["step"] == "pair"
    restored = another_context(tmp_path / "restored", migrated=False)
    restore(restored, tmp_path / "backup.zip")
    for revision in [each for each in REVISIONS if each >= STUDIES_SINCE]:
        known = keys_at(revision, study.keys)
        for there in (upgraded, restored) if revision == STUDIES_SINCE else (upgraded,):
            found = studies.overview(there.database, known.researcher)
            assert (found.state, found.counts.begun, found.counts.completed, found.counts.withdrawn) == (
                "open",
                4,
                2,
                1,
            ), revision
            assert found.design == overview.design, revision
            assert (answers(there, known.researcher), figures(there, known.researcher)) == expected, revision
            assert overview.title in report.report(there.database, known.researcher)
            assert dataset.panel_list(there.database, known.researcher).count(b"panel-") == 3
            there_study = replace(study, context=there, keys=known)
            token = at(revision, begun)
            assert participation.step(there.database, token)["step"] == "pair"
            assert there_study.finish(token)["step"] == "thanks", revision
            there_study.finish(there_study.join())  # and others come
            assert studies.overview(there.database, known.researcher).counts.completed == 4, revision
    for each in (upgraded, restored):
        assert migrate.check(each.database.engine) == []

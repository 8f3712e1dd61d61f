from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from webapp.runtime.supervised_process import SupervisedProcess
from webapp.supervision import NICENESS, Supervision


@pytest.fixture
def stage(context):
    stage = Supervision(context, children=False)
    yield stage
    stage.end()


def test_it_begins_once_brings_the_schema_up_to_date_and_ends_once(settings, new_database, generator_url, space):
    from db.migrate import check
    from webapp.context import Context

    context = Context(
        settings.model_copy(update={"database_url": new_database()}), generator_url=generator_url, space=space
    )
    stage = Supervision(context, children=False)
    stage.begin()
    stage.begin()
    assert stage.ready.wait(60)
    assert check(context.database.engine) == []
    end = time.monotonic() + 60
    while stage.generator_state["status"] != "ok" and time.monotonic() < end:
        time.sleep(0.05)
    assert stage.generator_state["status"] == "ok"
    stage.end()
    stage.end()


def test_a_generator_that_is_down_is_said_to_be(stage, context):
    context.generation.url = "http://127.0.0.1:9"
    context.generation._client.base_url = context.generation.url
    stage._check_generator()
    assert stage.generator_state["status"] == "down"


def test_pages_learn_for_how_long_the_generator_is_silent_and_that_it_answers_again(stage, context):
    url = context.generation.url
    context.generation._client.base_url = "http://127.0.0.1:9"
    stage._check_generator()
    time.sleep(0.05)
    stage._check_generator()
    assert 0.05 <= context.generator_silence_s() < 30
    context.generation._client.base_url = url
    stage._check_generator()
    assert context.generator_silence_s() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of process groups")
def test_children_step_back_once_the_first_listeners_have_something_to_hear(stage, stock):
    child = SupervisedProcess("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"]).start()
    try:
        while child.pid is None:
            time.sleep(0.02)
        stage._worker = child
        before = os.getpriority(os.PRIO_PROCESS, child.pid)
        stage._lower_priorities()
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == before
        stock("pop", 12)
        stage._lower_priorities()
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == NICENESS
        assert os.getpriority(os.PRIO_PROCESS, os.getpid()) != NICENESS or before == NICENESS
    finally:
        stage._worker = None
        child.close()


def test_a_child_learns_the_settings_of_its_parent(stage, settings):
    own = settings.home / "mine"
    stage.context.settings = settings.model_copy(update={"model": str(own)})
    environment = stage._environment()
    told = "s.home, s.database_url, s.generator_url, s.style_folder"
    program = f"from webapp.runtime.settings import Settings; s = Settings(); print({told})"
    found = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(settings.home), settings.database_url, stage.context.generator_url, str(own)]


def test_an_embedded_database_that_cannot_be_made_is_said_once_and_seldom_tried_again(settings, space, caplog):
    from webapp.api import health
    from webapp.context import Context

    stage = Supervision(Context(settings.model_copy(update={"database_url": ""}), space=space), children=False)
    data = settings.postgres_folder / "data"
    data.mkdir(parents=True)
    (data / "something else").touch()
    stage.begin()
    end = time.monotonic() + 30
    while not stage.trouble and time.monotonic() < end:
        time.sleep(0.05)
    assert "move it away" in stage.trouble
    assert health.report(stage)[0]["database"] == "down"
    stage.end()
    assert caplog.text.count("database_unavailable") == 1


def test_a_database_that_cannot_be_made_for_lack_of_room_is_said_once_whatever_file_had_none(
    settings, space, caplog, monkeypatch
):
    from db.embedded import EmbeddedPostgresError
    from webapp.context import Context

    tries = []

    def initdb() -> None:
        tries.append(f"initdb failed in pg/data.new:\n[{len(tries)}] could not write to file: No space left on device")
        raise EmbeddedPostgresError(tries[-1])

    stage = Supervision(Context(settings, space=space), children=False)
    monkeypatch.setattr("webapp.supervision.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(stage.context.database, "open", initdb)
    stage.begin()
    end = time.monotonic() + 30
    while len(tries) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    stage.end()
    assert len(tries) >= 3
    assert caplog.text.count("database_unavailable") == 1


def test_a_database_of_a_newer_version_ends_in_a_log_line_and_the_watch_goes_on(settings, new_database, space, caplog):
    from sqlalchemy import text

    from db import migrate
    from webapp.context import Context

    url = new_database()
    context = Context(settings.model_copy(update={"database_url": url}), space=space)
    migrate.upgrade(context.database.open())
    context.database.transaction(lambda session: session.execute(text("UPDATE alembic_version SET version_num='9999'")))
    stage = Supervision(context, children=False)
    stage.begin()
    end = time.monotonic() + 30
    while "database_newer" not in caplog.text and time.monotonic() < end:
        time.sleep(0.05)
    assert "database_newer" in caplog.text
    assert "9999" in caplog.text
    assert stage._watcher.is_alive()
    assert not stage.ready.is_set()
    stage.end()

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import text

from db.engine import make_engine
from webapp.__main__ import main
from webapp.runtime.supervised_process import free_local_port


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path))


@pytest.mark.slow
def test_the_schema_goes_up_and_down_and_is_checked(new_database, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path))
    monkeypatch.setenv("KALLOS_DATABASE_URL", url := new_database())
    engine = make_engine(url)
    assert main(["db", "check"]) == 1
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "check"]) == 0
    assert "the schema of this version" in capsys.readouterr().out
    assert main(["db", "downgrade", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO listeners DEFAULT VALUES"))
    assert main(["db", "downgrade", "base"]) == 1
    assert "this would delete 1 of listeners." in capsys.readouterr().err
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM listeners")) == 1
    engine.dispose()
    assert main(["db", "downgrade", "base", "--lose"]) == 0
    assert main(["db", "check"]) == 1


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp", "corpus", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert "Traceback" not in process.communicate()[1].decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["serve", "--port", "99999"], {}, "--port 99999: it may be 65535 at most; choose a smaller one"),
        (["serve"], {"PORT": "abc"}, "KALLOS_PORT=abc: it must be a whole number"),
        (["serve"], {"MCP": "maybe"}, "KALLOS_MCP=maybe: it must be 0 or 1"),
        (["serve"], {"STORE_URL": "foo://bar"}, "KALLOS_STORE_URL=foo://bar: it must be a folder or an fsspec URL"),
        (["serve"], {"CORPORA": "/nowhere"}, "KALLOS_CORPORA=/nowhere: there is no such folder"),
        (["serve"], {"DEVICE": "cuda:63"}, "KALLOS_DEVICE=cuda:63: there is no such device here"),
        (["serve"], {"HOME": "/dev/null/nope"}, "KALLOS_HOME=/dev/null/nope: the folder can't be made"),
        (["db", "check"], {"HOME": "/dev/null/nope"}, "KALLOS_HOME=/dev/null/nope: the folder can't be made"),
        (
            ["serve"],
            {"DATABASE_URL": "nonsense"},
            "KALLOS_DATABASE_URL=nonsense: it must be a Postgres address",
        ),
        (["db", "check"], {"DATABASE_URL": "mysql://a:secret@b/c"}, "KALLOS_DATABASE_URL=mysql://…@b/c: it must be"),
        (["serve"], {"DATABASE_URL": "postgresql://a@b:c/d"}, "KALLOS_DATABASE_URL: the database does not answer"),
        (["serve"], {"DEVICE": "tpu"}, "KALLOS_DEVICE=tpu: it must be auto, cpu, cuda or a device such as cuda:1"),
        (["generator", "--device", "tpu"], {}, "--device tpu: it must be auto, cpu, cuda or a device such as cuda:1"),
        (["worker"], {"GENERATOR_URL": "foo"}, "KALLOS_GENERATOR_URL=foo: it must be an address such as http://"),
        (["serve"], {"MODEL": "/nowhere"}, "KALLOS_MODEL=/nowhere cannot be used"),
        (["serve", "--host", "256.0.0.1"], {}, "can't listen on 256.0.0.1:"),
    ],
)
def test_a_bad_setting_is_told_in_one_line_before_anything_starts(words, environment, said, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(f"KALLOS_{name}", value)
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.startswith(said)
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_each_of_two_bad_settings_has_its_line(monkeypatch, capsys):
    monkeypatch.setenv("KALLOS_PORT", "70000")
    monkeypatch.setenv("KALLOS_DEVICE", "tpu")
    assert main(["serve"]) == 2
    assert [line.partition("=")[0] for line in capsys.readouterr().err.splitlines()] == ["KALLOS_PORT", "KALLOS_DEVICE"]


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told_after_a_moment(monkeypatch, capsys):
    monkeypatch.setenv("KALLOS_DATABASE_URL", f"postgresql://somebody:secret@127.0.0.1:{free_local_port()}/kallos")
    assert main(["serve"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("KALLOS_DATABASE_URL: the database does not answer (connection")
    assert "refused" in line
    assert "secret" not in line

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from sqlalchemy import text

from db.engine import make_engine
from webapp.__main__ import main, parser
from webapp.runtime.supervised_process import free_local_port
from webapp.runtime.version import VERSION


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path))


def test_every_promised_command_is_there():
    for words in [
        ["serve"],
        ["serve", "--open", "--port", "0"],
        ["generator", "--host", "0.0.0.0", "--port", "1", "--device", "cpu"],
        ["worker"],
        ["db", "upgrade"],
        ["db", "downgrade", "base"],
        ["db", "check"],
        ["corpus", "list"],
        ["corpus", "build"],
        ["compose", "--domain", "dance", "--count", "3", "--seed", "1", "--bars", "8", "--out", "here", "--wav"],
        ["listener", "export", str(uuid.uuid4())],
        ["listener", "import", "a file"],
        ["listener", "delete", str(uuid.uuid4())],
        ["journal", "rebuild"],
        ["report", "listener", str(uuid.uuid4())],
        ["report", "study"],
        ["report", "study", "pilot"],
        ["report", "retrieval"],
        ["report", "retrieval", "a study", "--out", "a file"],
    ]:
        assert callable(parser().parse_args(words).run)


def test_what_is_no_command_is_refused_with_a_hint(capsys):
    for words in [[], ["dance"], ["db", "drop"], ["listener", "delete", "everybody"]]:
        with pytest.raises(SystemExit):
            parser().parse_args(words)
        assert "usage" in capsys.readouterr().err


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


def test_the_corpora_are_listed_with_their_terms(capsys):
    assert main(["corpus", "list"]) == 0
    assert "oneills1850" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp", "corpus", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert "Traceback" not in process.communicate()[1].decode()


def test_a_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"kallos {VERSION}")


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

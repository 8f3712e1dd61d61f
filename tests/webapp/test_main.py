from __future__ import annotations

import uuid

import pytest

from webapp.__main__ import main, parser


@pytest.mark.parametrize(
    "words",
    [
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
    ],
)
def test_every_promised_command_is_there(words):
    assert callable(parser().parse_args(words).run)


@pytest.mark.parametrize("words", [[], ["dance"], ["db", "drop"], ["listener", "delete", "everybody"]])
def test_what_is_no_command_is_refused_with_a_hint(words, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(words)
    assert "usage" in capsys.readouterr().err


def test_the_schema_goes_up_and_down_and_is_checked(make_database, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path))
    monkeypatch.setenv("KALLOS_DATABASE_URL", make_database())
    assert main(["db", "check"]) == 1
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "check"]) == 0
    assert "the schema of this version" in capsys.readouterr().out
    assert main(["db", "downgrade", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert main(["db", "downgrade", "base"]) == 0
    assert main(["db", "check"]) == 1


def test_the_corpora_are_listed_with_their_terms(capsys):
    assert main(["corpus", "list"]) == 0
    assert "oneills1850" in capsys.readouterr().out

import json

import pytest

from models.evaluate import files

TUNE = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n"


@pytest.fixture
def table(tmp_path, capsys):
    """Runs the command over what lies there; its table and its last line."""

    def run(expected: dict[str, object] | None = None) -> tuple[str, dict[str, dict[str, float]]]:
        if expected is not None:
            (tmp_path / "said.json").write_text(json.dumps(expected), encoding="utf-8")
        given = ["--expected", str(tmp_path / "said.json")] if expected is not None else []
        files.main(["--data", str(tmp_path / "in"), *given])
        lines = capsys.readouterr().out.splitlines()
        return "\n".join(lines[:-1]), json.loads(lines[-1])["metrics"]

    (tmp_path / "in").mkdir()
    return run


def test_what_is_right_wrong_and_refused_is_counted_by_kind(table, tmp_path):
    (tmp_path / "in" / "a.abc").write_text(TUNE)
    (tmp_path / "in" / "b.abc").write_text(TUNE)
    (tmp_path / "in" / "c.mid").write_text("a letter")
    (tmp_path / "in" / "d.abc").write_text("words")
    notes = [[0, 60], [1, 62], [2, 64], [3, 65]]
    shown, metrics = table({
        "a.abc": {"kind": "tunes", "notes": notes, "bars": [4]},
        "b.abc": {"kind": "tunes", "notes": notes[:3]},
        "c.mid": {"kind": "letters", "refused": "not MIDI"},
        "d.abc": {"kind": "letters", "notes": notes},
    })  # fmt: skip
    assert "b.abc: notes" in shown
    assert "d.abc: refused" in shown
    assert "no X: or K: line" in shown
    assert {kind: (row["value"], row["n"]) for kind, row in metrics.items()} == {
        "files.all.right": (0.5, 4), "files.all.refused": (0.5, 4), "files.all.music21": (1, 2),
        "files.tunes.right": (0.5, 2), "files.tunes.refused": (0, 2), "files.tunes.music21": (1, 2),
        "files.letters.right": (0.5, 2), "files.letters.refused": (1, 2), "files.letters.music21": (None, 0),
    }  # fmt: skip


def test_without_expectations_every_file_is_tried_and_a_reader_that_breaks_is_wrong(table, tmp_path):
    (tmp_path / "in" / "a.abc").write_text(TUNE)
    (tmp_path / "in" / "b.mid").write_text("a letter")
    _, metrics = table()
    assert metrics["files.all.right"] == {**metrics["files.all.right"], "value": None, "n": 0}
    outcome = files.judged("a.abc", {"kind": "tunes", "bars": [4]}, lambda: {}["nothing"])
    assert outcome.wrong == "KeyError: 'nothing'"

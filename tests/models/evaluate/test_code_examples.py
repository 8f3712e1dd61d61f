"""What style codes mean: how much a name explains where that is known, and examples kept by the command."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import code_examples
from models.metrics.music_statistics import ATTRIBUTES
from models.music.corpora import load_folder
from models.style.code_examples import CodeExamples

pytestmark = pytest.mark.slow


def test_a_name_explains_what_lies_between_its_groups() -> None:
    groups = np.array([0, 0, 1, 1])
    assert code_examples.explained(np.array([1.0, 1, 3, 3]), groups) == pytest.approx(1)
    assert code_examples.explained(np.array([1.0, 3, 1, 3]), groups) == 0
    assert code_examples.explained(np.zeros(4), groups) == 0


def test_the_command_keeps_names_of_pieces_by_value(tunes, weights, tmp_path, capsys, monkeypatch) -> None:
    found = [replace(piece, domain="dance", piece_id=f"oneills1850/{n}") for n, piece in enumerate(load_folder(tunes))]
    monkeypatch.setattr(code_examples.corpora, "load", lambda name: found if name == "oneills1850" else [])
    folder = shutil.copytree(weights, tmp_path / "weights")
    code_examples.main(["--model", str(folder), "--limit", "8", "--save"])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {f"tied.dance.1.{name}" for name in ATTRIBUTES} & set(line["metrics"])
    saved = CodeExamples.load(folder)
    assert saved.about["data"] == line["data"]
    assert {each.domain for each in saved.examples} == {"dance"}
    assert {each.piece_id for each in saved.examples} <= {piece.piece_id for piece in found}
    assert [round(sum(shares), 2) for shares in saved.met["dance"]] == [1.0] * 4
    assert max(sum(each.code == 1 and each.level == level for each in saved.examples) for level in range(5)) <= 2


def test_music_of_ones_own_is_measured_and_not_kept(tunes, weights, capsys) -> None:
    folder = ["--data", str(tunes), "--model", str(weights), "--limit", "8"]
    code_examples.main(folder)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {f"tied.dance.1.{name}" for name in ATTRIBUTES} & set(line["metrics"])
    with pytest.raises(SystemExit):
        code_examples.main([*folder, "--save"])
    assert "leave out --data" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="nothing to evaluate on"):
        code_examples.main([*folder[2:], "--data", str(weights)])

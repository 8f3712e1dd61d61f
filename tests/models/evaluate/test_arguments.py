from __future__ import annotations

import json

import pytest

from models.evaluate import (
    atlas,
    code_examples,
    codes,
    for_me,
    policies,
    rating,
    relations,
    style,
    taste,
    titles,
)
from models.style.checkpoint import tiny_style
from models.taste.evaluation import policies as compared_policies

pytestmark = pytest.mark.slow

COMMANDS = (for_me, policies)
COUNTING = (*COMMANDS, atlas, code_examples, codes, rating, relations, style, taste, titles)


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
@pytest.mark.parametrize("command", COUNTING)
def test_less_than_one_is_too_few(command, limit, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--limit", limit])
    assert f"--limit: {limit} was given; it must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_that_is_not_there_or_is_another_kind_is_told_in_a_line(command, tmp_path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({"sha256": {}, "config": {"other": 1}}))
    for given, told in ((tmp_path / "nowhere", "no style model at"), (tmp_path, "cannot be used")):
        with pytest.raises(SystemExit, match=told) as ended:
            command.main(["--model", str(given)])
        assert "\n" not in str(ended.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_without_what_is_needed_is_told_in_a_line(command, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "style_argument", lambda _: tiny_style())
    if command is not policies:
        monkeypatch.setattr(command, "space_of", lambda _: None)
    folders = (tmp_path / "nowhere", tmp_path)
    for folder, told in zip(folders, ("folder", "neither" if command is policies else "holds no"), strict=True):
        with pytest.raises(SystemExit, match=told) as ended:
            command.main(["--data", str(folder)])
        assert "\n" not in str(ended.value)


def test_only_the_policies_that_were_asked_for_are_replayed(listening_folder, monkeypatch, capsys) -> None:
    monkeypatch.setattr(compared_policies, "SPLITS", 1)
    monkeypatch.setattr(policies, "style_argument", lambda _: tiny_style())
    folder = str(listening_folder("ratings"))
    policies.main(["--data", folder, "--methods", "ours", "fours", "--limit", "3"])
    out, err = capsys.readouterr()
    metrics = json.loads(out.splitlines()[-1])["metrics"]
    assert {name.split(".")[2] for name in metrics} == {"ours"}
    assert "fours can't be replayed" in err
    with pytest.raises(SystemExit, match="can't be replayed"):
        policies.main(["--data", folder, "--methods", "pairwise_gp"])

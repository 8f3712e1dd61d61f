"""Policies replayed on real answers."""

import numpy as np
import pytest

from models.style.checkpoint import tiny_style
from models.taste.evaluation import policies
from models.taste.evaluation.heads import basis_of
from models.taste.evaluation.policies import answers_of, curve, replayed
from models.taste.evaluation.study import load_study

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("form", ["ratings", "votes"])
def test_real_answers_are_replayed_and_nothing_else_is_asked(listening_folder, form: str, monkeypatch) -> None:
    monkeypatch.setattr(policies, "SPLITS", 1)
    study = load_study(listening_folder(form), None, quiet=True)
    listener = int(study.listeners[0])
    answers = answers_of(study, listener)
    for (left, right), said in answers.items():
        mirrored = {"left": "right", "right": "left", "equal": "equal"}
        assert answers[right, left] == mirrored[said]
    found = curve(study, basis_of(study, "ours"), listener, "ours", 0)
    assert found.shape == (11,)
    assert np.nan_to_num(found[0], nan=0.5) == 0.5
    report = replayed(listening_folder(form), tiny_style(), methods=("random", "ours"))
    assert {name.rsplit("_", 1)[0] for name in report.metrics} == {
        "policy.replay.random.accuracy",
        "policy.replay.ours.accuracy",
        "policy.replay.ours.gain",
    }
    later = report.metrics["policy.replay.ours.accuracy_10"]
    assert later.value is not None
    assert later.chance == 0.5
    if form == "ratings":
        assert later.value > 0.55  # they share a taste that the notes tell

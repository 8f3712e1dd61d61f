"""The figures of the About page are those of a recorded evaluation, and none where there is no record."""

import json

import pytest

from webapp.ui.pages import about


def test_the_figures_are_those_of_the_record():
    record = json.loads((about.RESULT / "evaluation.json").read_text(encoding="utf-8"))
    (metrics,) = [each["metrics"] for each in record if each["command"] == "evaluate.for_me"]
    told = " ".join(about.recorded_figures().split())
    assert f"{metrics['for_me.60_vs_prior']['n']} of them" in told
    for name in ("60_vs_prior", "60_vs_average", "gift.two_sample", "draw.two_sample"):
        assert f"in {round(100 * metrics[f'for_me.{name}']['value'])} of 100" in told


@pytest.mark.parametrize("record", [None, "{", "[]", '[{"command": "evaluate.for_me"}]'])
def test_without_a_record_nothing_is_said(record, tmp_path, monkeypatch):
    monkeypatch.setattr(about, "RESULT", tmp_path)
    if record is not None:
        (tmp_path / "evaluation.json").write_text(record, encoding="utf-8")
    assert about.recorded_figures() == ""
    assert "How well" not in about.TEXT.format(figures=about.recorded_figures())

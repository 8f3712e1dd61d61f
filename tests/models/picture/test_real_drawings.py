"""Drawings that are measured: of a folder of somebody's own all, of ours those that the picture model held out."""

from pathlib import Path

import pytest

from models.experiments.report import Metric, Report
from models.metrics.two_sample import FOLDS
from models.picture.autoencoder import load_pictures
from models.picture.drawings import load_drawings
from models.picture.evaluation import Real, drawn


@pytest.mark.slow
def test_all_drawings_of_ones_own_folder_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped, bundle = load_drawings(), load_pictures()
    for row in range(4 * FOLDS + 2):
        (tmp_path / f"{row}.svg").write_text(shipped.drawings[row].svg(), encoding="utf-8")
    (tmp_path / "broken.svg").write_text("<svg", encoding="utf-8")
    own = Real.read(bundle, tmp_path, part=None)
    assert own is not None
    assert sorted(own.drawings.names) == sorted(str(row) for row in range(4 * FOLDS + 2))
    assert "broken.svg" in capsys.readouterr().out
    some = Real.read(bundle, tmp_path, part=None, limit=4 * FOLDS, seed=1)
    assert some is not None
    assert some.drawings.names != own.drawings.names[: 4 * FOLDS]  # by chance, not the first ones
    assert Real.read(bundle, tmp_path, part="test") is None


@pytest.mark.slow
def test_only_categories_that_the_probe_knows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.metrics.two_sample.VOTERS", 1)  # the classifier takes most of the time
    shipped, bundle = load_drawings(), load_pictures()
    for row in range(4 * FOLDS):
        (tmp_path / f"{row}.svg").write_text(shipped.drawings[row].svg(), encoding="utf-8")

    def category() -> Metric:
        real, report = Real.read(bundle, tmp_path, part=None), Report("evaluate.picture", {}, {}, 0)
        assert real is not None
        drawn(report, real, bundle, shipped, 0)
        return report.metrics["picture.category"]

    assert category() == Metric(None)  # they are in no folder that says what they are
    for folder, rows in (("my own", range(9)), ("animals", range(9, 4 * FOLDS))):
        (tmp_path / folder).mkdir()
        for row in rows:
            (tmp_path / f"{row}.svg").rename(tmp_path / folder / f"{row}.svg")
    assert category().n == 4 * FOLDS - 9


@pytest.mark.slow
def test_drawings_of_few_series_are_not_told_from_real_ones(tmp_path: Path) -> None:
    shipped, bundle = load_drawings(), load_pictures()
    for row in range(4 * FOLDS):
        (tmp_path / f"{('fox', 'owl')[row % 2]} {row}.svg").write_text(shipped.drawings[row].svg(), encoding="utf-8")
    real, report = Real.read(bundle, tmp_path, part=None), Report("evaluate.picture", {}, {}, 0)
    assert real is not None
    assert len(set(real.series)) < FOLDS
    drawn(report, real, bundle, shipped, 0)
    assert report.metrics["picture.two_sample"].value is None
    assert report.metrics["picture.swap.palette.own"].value is not None

"""Drawings that are measured: of a folder of somebody's own all, of ours those that the picture model held out."""

from pathlib import Path

import pytest

from models.metrics.two_sample import FOLDS
from models.picture.autoencoder import load_pictures
from models.picture.drawings import load_drawings
from models.picture.evaluation import Real


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

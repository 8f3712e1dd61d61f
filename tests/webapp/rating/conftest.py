"""A rating network trained for a moment on made-up tracks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.rating import synthetic
from models.rating.crossfit import CrossFit
from models.rating.material import load_material
from models.rating.plays import read_plays
from models.rating.rater import load_bundle
from models.rating.training import PRESETS
from models.train.rating import draw_map
from tests.models.rating.conftest import played_folder

__all__ = ["played_folder"]


@pytest.fixture(scope="session")
def rating_model(played_folder: Path, made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    def train(out: Path) -> None:
        out.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(synthetic, "EACH", 0)
            patch.setattr(synthetic, "STRINGS", 6)
            recipe, networks = PRESETS["tiny"]
            material = load_material(read_plays(played_folder), quiet=True)
            fit = CrossFit(material, out, "tiny", seed=0)
            fit.train(recipe, networks, resume=False)
            fit.mel(load_bundle(out / "bundle"), recipe)
            draw_map(out / "bundle", material, 0)

    return made_once("rating", train) / "bundle"

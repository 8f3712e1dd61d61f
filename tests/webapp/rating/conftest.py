"""A rating network trained for a moment on made-up tracks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.rating import synthetic
from models.rating.crossfit import CrossFit
from models.rating.material import Material, load_material
from models.rating.plays import read_plays
from models.rating.rater import load_bundle
from models.rating.real_sounds import save_real
from models.rating.training import PRESETS
from models.train.rating import draw_map
from tests.models.rating.conftest import played_folder

__all__ = ["played_folder"]


@pytest.fixture(scope="session")
def trained_model(played_folder: Path, made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """With excerpts of its tracks, and so all that dreams need."""

    def train(out: Path) -> None:
        out.mkdir()
        material = _material(played_folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(synthetic, "EACH", 0)
            patch.setattr(synthetic, "STRINGS", 6)
            recipe, networks = PRESETS["tiny"]
            CrossFit(material, out, "tiny", seed=0).train(recipe, networks, resume=False)
        save_real(out / "bundle", material.pictures, material.digests, seed=0, about={})

    return made_once("rating", train) / "bundle"


@pytest.fixture(scope="session")
def rating_model(
    trained_model: Path, played_folder: Path, made_once: Callable[[str, Callable[[Path], None]], Path]
) -> Path:
    """The same with networks without a tagger and a map of its tracks."""

    def add(out: Path) -> None:
        shutil.copytree(trained_model.parent, out)
        material = _material(played_folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(synthetic, "EACH", 0)
            patch.setattr(synthetic, "STRINGS", 6)
            CrossFit(material, out, "tiny", seed=0).mel(load_bundle(out / "bundle"), PRESETS["tiny"][0])
            draw_map(out / "bundle", material, 0)

    return made_once("mapped", add) / "bundle"


def _material(folder: Path) -> Material:
    return load_material(read_plays(folder), quiet=True)

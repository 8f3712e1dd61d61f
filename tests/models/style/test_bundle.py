"""A folder with a model: what is saved is loaded, and what is wrong with it is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from models.experiments.provenance import commit
from models.style.bundle import BundleFormat

FORMAT = BundleFormat("beats", "beat network", "python -m models.train.beats makes one", ("preset", "seed"))
WEIGHTS = {"a": np.arange(3, dtype=np.float32)}


@pytest.fixture
def folder(tmp_path):
    FORMAT.save(tmp_path / "bundle", save(WEIGHTS), {"preset": "tiny", "seed": 3, "dim": 4}, held_out={"test": ["é"]})
    return tmp_path / "bundle"


def test_what_was_saved_is_loaded_with_its_version_commit_and_what_was_held_out(folder) -> None:
    with FORMAT.opened(folder) as found:
        assert np.array_equal(load_file(found.weights)["a"], WEIGHTS["a"])
    digest = found.card["sha256"]["beats"]
    assert found.card["version"] == f"beats-tiny-3-{digest[:8]}"
    assert found.card["commit"] == commit()
    assert found.held_out() == {"test": ["é"]}
    assert sorted(path.name for path in folder.iterdir()) == ["beats.safetensors", "card.json", "held_out.json"]


def test_a_folder_without_a_model_says_how_one_is_made(folder) -> None:
    (folder / "beats.safetensors").unlink()
    said = r"no beat network at .*; shipped with Kallos: .*beats-cpu.*; python -m models\.train\.beats makes one"
    with pytest.raises(FileNotFoundError, match=said), FORMAT.opened(folder):
        pass


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"version": "v", "sha256": {"other": "0"}}'])
def test_a_card_of_something_else_is_refused(folder, card) -> None:
    (folder / "card.json").write_text(card)
    with pytest.raises(ValueError, match="is not the card of a beat network"), FORMAT.opened(folder):
        pass


def test_weights_that_the_card_does_not_tell_of_are_refused(folder) -> None:
    (folder / "beats.safetensors").write_bytes(save({"a": np.zeros(3, dtype=np.float32)}))
    with pytest.raises(ValueError, match=r"its card says .*; fetch it again"), FORMAT.opened(folder):
        pass


def test_what_can_not_be_made_of_a_bundle_is_said(folder) -> None:
    said = r"the beat network in .* does not fit: 'layers'; train it again"
    with pytest.raises(ValueError, match=said), FORMAT.opened(folder, problem="does not fit") as found:
        found.card["layers"]
    (folder / "held_out.json").unlink()
    with pytest.raises(ValueError, match=r"held_out\.json can't be read"), FORMAT.opened(folder) as found:
        found.held_out()


def test_a_card_keeps_a_version_of_its_own(tmp_path) -> None:
    FORMAT.save(tmp_path, save(WEIGHTS), {"preset": "tiny", "seed": 3, "version": "mine"})
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["version"] == "mine"

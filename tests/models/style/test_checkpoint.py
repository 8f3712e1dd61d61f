"""What is saved comes back; what was damaged is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.style.bundle import SHIPPED_STYLE, sha256, style_folder
from models.style.checkpoint import StyleBundle, digest_of, load_style, save_style, tiny_style
from models.style.compose import Composer
from models.style.fingerprint import Fingerprint


@pytest.fixture
def folder(tmp_path, tune):
    bundle = tiny_style(2)
    save_style(tmp_path / "a b", bundle.model, bundle.prior, Fingerprint.of([tune(0)]), dict(bundle.card))
    return tmp_path / "a b"


def test_a_saved_model_comes_back_in_half_precision(folder, tune) -> None:
    bundle, loaded = tiny_style(2), load_style(folder)
    assert isinstance(loaded, StyleBundle)
    assert (loaded.version, loaded.folder, loaded.taste_space_path) == ("tiny-2", folder, None)
    assert loaded.model.config == bundle.model.config
    assert loaded.prior.config == bundle.prior.config
    for given, found in ((bundle.model, loaded.model), (bundle.prior, loaded.prior)):
        state = found.state_dict()
        assert not found.training
        for name, value in given.state_dict().items():
            assert torch.equal(state[name], value.half().float()), name
    assert np.array_equal(loaded.fingerprint.bits, Fingerprint.of([tune(0)]).bits)


def test_two_loads_compose_the_same(folder) -> None:
    notes = []
    for _ in range(2):
        composer = Composer(load_style(folder))
        plan = composer.plan(domain="pop", content=None, styles={}, seed=1)
        notes.append(composer.compose([plan])[0].notes.tolist())
    assert notes[0] == notes[1]


@pytest.mark.parametrize("part", ["style", "prior", "fingerprint"])
def test_a_damaged_file_is_refused(folder, part) -> None:
    path = folder / f"{part}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{part}\.safetensors has sha256"):
        load_style(folder)


@pytest.mark.parametrize("damage", ["missing", "additional"])
def test_loading_is_strict(folder, damage) -> None:
    path = folder / "style.safetensors"
    state = load_file(path)
    if damage == "missing":
        state.pop("onsets.out.weight")
    else:
        state["stranger"] = torch.zeros(1)
    save_file(state, path)
    card = json.loads((folder / "card.json").read_text())
    card["sha256"]["style"] = sha256(path)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"not of the form .*(onsets|stranger)"):
        load_style(folder)


def test_a_model_that_is_not_there_is_told_with_what_there_is(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no style model at .*nowhere; shipped ones are"):
        load_style(tmp_path / "nowhere")


def test_what_is_no_whole_model_is_told_in_one_line(folder) -> None:
    with pytest.raises(FileNotFoundError, match=r"give .*bundle, which has one"):
        load_style(folder.rename(folder.parent / "bundle").parent)
    folder = folder.parent / "bundle"
    (folder / "prior.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"prior\.safetensors is missing"):
        load_style(folder)
    for text in ("{", "[]", '{"version": "a tower", "sha256": {}}'):
        (folder / "card.json").write_text(text)
        with pytest.raises(ValueError, match=r"not the card of a style model"):
            load_style(folder)


def test_the_default_is_a_model_of_ones_own_where_one_is_set(folder, monkeypatch) -> None:
    monkeypatch.setenv("KALLOS_MODEL", str(folder))
    assert load_style().version == "tiny-2"
    assert style_folder("style-cpu") == SHIPPED_STYLE
    monkeypatch.setenv("KALLOS_MODEL", " ")
    assert style_folder() == SHIPPED_STYLE


def test_the_digest_of_weights_is_that_of_their_file(folder) -> None:
    assert sha256(folder / "style.safetensors").startswith(digest_of(tiny_style(2).model))
    assert digest_of(tiny_style(2).model) != digest_of(tiny_style(3).model)


def test_a_taste_space_beside_the_weights_is_found(folder) -> None:
    (folder / "taste.safetensors").touch()
    assert load_style(folder).taste_space_path == folder / "taste"


def test_a_tiny_model_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    assert torch.equal(tiny_style(1).model.slot_in.weight, tiny_style(1).model.slot_in.weight)
    assert torch.equal(torch.random.get_rng_state(), before)

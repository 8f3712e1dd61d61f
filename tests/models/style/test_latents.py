"""The latent schema refuses what doesn't fit and survives JSON."""

import json

import numpy as np
import pytest

from models.style.latents import GROUPS, Latents


def test_latents_survive_json_to_five_decimals() -> None:
    rng = np.random.default_rng(0)
    groups = {name: rng.normal(size=(8, 3)).astype(np.float32) for name in GROUPS}
    back = Latents.from_json(json.loads(json.dumps(Latents("v1", groups, {"meter": "3/4"}).to_json())))
    assert (back.version, back.piece, back.bars) == ("v1", {"meter": "3/4"}, 8)
    for name in GROUPS:
        assert np.abs(back.groups[name] - groups[name]).max() <= 1e-5


def test_a_missing_group_and_unequal_bars_are_refused() -> None:
    groups = {name: np.zeros((8, 2), dtype=np.float32) for name in GROUPS}
    with pytest.raises(ValueError, match="latent groups"):
        Latents("v1", {name: groups[name] for name in GROUPS[1:]})
    with pytest.raises(ValueError, match="same number of bars"):
        Latents("v1", {**groups, "tempo": np.zeros((7, 2), dtype=np.float32)})

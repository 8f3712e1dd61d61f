from __future__ import annotations

import numpy as np
import pytest

from models.style.latents import GROUPS, Latents
from webapp.services.studio.composing import mixed


def latents(bars: int, value: float) -> Latents:
    return Latents(
        "v1", {name: np.full((bars, 2), value, dtype=np.float32) + np.arange(bars)[:, None] for name in GROUPS}
    )


@pytest.mark.parametrize(("strength", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_strength_goes_straight_from_ones_own_style_to_the_borrowed(strength, share):
    own, other = latents(4, 0.0), latents(4, 10.0)
    result = mixed(own, other, "rhythm", strength)
    expected = (1 - share) * own.groups["rhythm"] + share * other.groups["rhythm"]
    np.testing.assert_allclose(result.groups["rhythm"], expected)
    for name in set(GROUPS) - {"rhythm"}:
        np.testing.assert_array_equal(result.groups[name], own.groups[name])


def test_shorter_music_is_repeated_and_longer_cut():
    assert mixed(latents(4, 0), latents(2, 10), "tempo", 1.0).groups["tempo"][:, 0].tolist() == [10, 11, 10, 11]
    assert mixed(latents(2, 0), latents(4, 10), "tempo", 1.0).groups["tempo"][:, 0].tolist() == [10, 11]

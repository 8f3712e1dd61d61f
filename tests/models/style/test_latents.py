"""The latent schema refuses what doesn't fit and survives JSON."""

import json

import numpy as np
import pytest

from models.style.latents import GROUPS, PASSING, Latents, between, morphed, with_styles


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


def rising(bars: int, value: float, meter: str = "4/4") -> Latents:
    groups = {name: np.full((bars, 2), value, dtype=np.float32) + np.arange(bars)[:, None] for name in GROUPS}
    return Latents("v1", groups, {"meter": meter})


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_one_style_goes_straight_from_ones_own_to_the_others(share) -> None:
    own, other = rising(4, 0.0), rising(4, 10.0, "3/4")
    result = between(own, other, share, ("rhythm",))
    expected = (1 - share) * own.groups["rhythm"] + share * other.groups["rhythm"]
    np.testing.assert_allclose(result.groups["rhythm"], expected)
    for name in set(GROUPS) - {"rhythm"}:
        np.testing.assert_array_equal(result.groups[name], own.groups[name])
    assert result.piece == own.piece


def test_all_of_a_piece_goes_to_another_and_takes_its_meter_half_way() -> None:
    own, other = rising(4, 0.0), rising(4, 10.0, "3/4")
    steps = [between(own, other, share) for share in (0.0, 0.25, 0.75, 1.0)]
    assert [step.piece["meter"] for step in steps] == ["4/4", "4/4", "3/4", "3/4"]
    for name in GROUPS:
        assert [step.groups[name][0, 0] for step in steps] == [0, 2.5, 7.5, 10]


def test_on_the_way_to_another_piece_one_style_after_the_other_comes_and_the_content_half_way() -> None:
    own, other = rising(4, 0.0), rising(4, 10.0, "3/4")
    content, styles = morphed(own, other, 0.25)
    assert content.piece["meter"] == "4/4"
    first, second, *_ = PASSING
    assert {name: float(each.groups[name][0, 0]) for name, each in styles.items()} == {first: 10, second: 5}
    seen = []
    for share in (0.0, 0.5, 0.51, 1.0):
        content, styles = morphed(own, other, share)
        mixed = with_styles(content, styles)
        seen.append((content.piece["meter"], sum(mixed.groups[name][0, 0] > 5 for name in GROUPS), len(styles)))
    assert seen == [("4/4", 0, 0), ("4/4", 3, 3), ("3/4", 4, 3), ("3/4", 7, 0)]


def test_shorter_music_is_repeated_and_longer_cut() -> None:
    assert between(rising(4, 0), rising(2, 10), 1.0).groups["tempo"][:, 0].tolist() == [10, 11, 10, 11]
    assert between(rising(2, 0), rising(4, 10), 1.0).groups["tempo"][:, 0].tolist() == [10, 11]

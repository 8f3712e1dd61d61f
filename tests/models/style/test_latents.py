"""The latent schema refuses what doesn't fit and survives JSON.

The data's regression directions: what is fitted, moved, saved and refused.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.latents import (
    FILE,
    GROUPS,
    PASSING,
    TONICS,
    Direction,
    Directions,
    Latents,
    between,
    morphed,
    slope,
    tonic_of,
    with_styles,
)

ABOUT = {"version": "tiny-0", "sha256": "00", "data": {"hash": "ab", "n": 3}, "commit": "c0", "seed": 0}

STEP = {"attribute": "x", "sd": 1.0, "per_sd": [[1]]}


@pytest.fixture
def directions() -> Directions:
    harmony = np.arange(2.0 * TONICS).reshape(TONICS, 2)
    groups = {
        "rhythm": Direction("onsets_per_bar", 2.0, np.array([[1.0, -0.5, 0.25]]), {"pop": [1.0, 2.0, 3.0, 4.0, 5.0]}),
        "harmony": Direction("mode", 0.3, harmony),
    }
    return Directions(ABOUT, groups)


@pytest.fixture
def latents() -> Latents:
    sizes = dict.fromkeys(GROUPS, 2) | {"rhythm": 3}
    return Latents("tiny-0", {name: np.zeros((8, size), dtype=np.float32) for name, size in sizes.items()})


def test_the_slope_is_the_regression_within_domains_for_one_deviation() -> None:
    rng = np.random.default_rng(0)
    domains = np.repeat(["pop", "dance"], 200)
    attribute = rng.normal(size=400) * 3 + np.repeat([0.0, 50.0], 200)
    latents = np.stack([0.7 * attribute + rng.normal(size=400), rng.normal(size=400)], axis=1)
    latents[:200] += 5  # how the domains differ is no direction
    per_sd, sd = slope(latents, attribute, domains)
    centred = attribute - np.repeat([attribute[:200].mean(), attribute[200:].mean()], 200)
    means = np.repeat([latents[:200].mean(0), latents[200:].mean(0)], 200, axis=0)
    expected = [np.polyfit(centred, (latents - means)[:, dim], 1)[0] for dim in range(2)]
    assert sd == pytest.approx(centred.std(), rel=0.01)
    assert per_sd == pytest.approx(np.array(expected) * sd)
    assert per_sd[0] == pytest.approx(0.7 * 3, rel=0.1)


def test_a_domain_in_which_nothing_varies_says_nothing_and_one_must_vary() -> None:
    domains = np.repeat(["pop", "dance"], 10)
    attribute = np.concatenate([np.arange(10.0), np.full(10, 64.0)])
    latents = np.concatenate([np.arange(10.0) * 2, np.arange(10.0) * 100])[:, None]
    per_sd, sd = slope(latents, attribute, domains)
    assert per_sd / sd == pytest.approx([2.0])
    with pytest.raises(ValueError, match="does not vary"):
        slope(latents, np.ones(20), domains)


def test_a_step_moves_one_style_in_all_bars_and_nothing_else(directions, latents) -> None:
    moved = directions.moved(latents, "rhythm", -2)
    assert moved.groups["rhythm"] == pytest.approx(np.tile([-2.0, 1.0, -0.5], (8, 1)))
    assert all((moved.groups[name] == 0).all() for name in GROUPS if name != "rhythm")
    assert directions.moved(latents, "harmony", 1, tonic=3).groups["harmony"][0].tolist() == [6.0, 7.0]


def test_latents_of_another_model_and_styles_without_a_direction_are_refused(directions, latents) -> None:
    other = Latents("tiny-1", latents.groups)
    with pytest.raises(ValueError, match="tiny-1"):
        directions.moved(other, "rhythm", 1)
    with pytest.raises(KeyError):
        directions.moved(latents, "tempo", 1)


def test_what_is_saved_is_loaded_again_and_nothing_where_nothing_was_saved(directions, tmp_path) -> None:
    assert Directions.load(tmp_path) is None
    directions.save(tmp_path)
    found = Directions.load(tmp_path)
    assert found is not None
    assert (found.about, found.version) == (ABOUT, "tiny-0")
    assert found.groups["harmony"].per_sd == pytest.approx(directions.groups["harmony"].per_sd)
    assert found.groups["rhythm"].sd == 2.0
    assert [dict(found.groups[name].real) for name in ("rhythm", "harmony")] == [{"pop": [1, 2, 3, 4, 5]}, {}]


@pytest.mark.parametrize(
    "broken",
    [
        "[]",
        "{",
        json.dumps({"format": 2, **ABOUT, "groups": {}}),
        json.dumps({"format": 1, "groups": {}}),
        json.dumps({"format": 1, **ABOUT, "groups": {"rhythm": {"attribute": "x", "sd": 1.0, "per_sd": [[1], [2]]}}}),
        json.dumps({"format": 1, **ABOUT, "groups": {"content": {"attribute": "x", "sd": 1.0, "per_sd": [[1]]}}}),
        json.dumps({"format": 1, **ABOUT, "groups": {"rhythm": {"attribute": "x", "sd": 0.0, "per_sd": [[1]]}}}),
        json.dumps({"format": 1, **ABOUT, "groups": {"rhythm": {**STEP, "real": {"pop": [1.0, 2.0]}}}}),
    ],
)
def test_anything_else_is_told_in_words(broken, tmp_path) -> None:
    (tmp_path / FILE).write_text(broken, encoding="utf-8")
    with pytest.raises(ValueError, match=r"directions\.json can't be read .* --save again"):
        Directions.load(tmp_path)


def test_the_tonic_goes_with_the_key() -> None:
    scale = np.array([[24 * place, 24, 60 + step, 80] for place, step in enumerate([0, 4, 7, 0, 5, 9, 7, 11, 0, 0])])
    piece = Piece(scale, np.array([[i * 96, 96, 4, 4] for i in range(3)]), np.full(3, 100.0))
    assert [tonic_of(piece.transposed(shift)) for shift in (0, 2, -1)] == [0, 2, 11]


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

"""What is read off music to be told a piece model, and how it is dropped in training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.tokens import LENGTH, to_tokens
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.latents import GROUPS, TOLD_GROUPS, TUNE
from models.style.pieces.bar_latents import SHARES, BarLatents, Reader, drop, scale_of, tune_correlation
from tests.models.conftest import clip


@pytest.fixture(scope="module")
def reader():
    encoder = tiny_style().model
    return Reader(encoder, torch.full((encoder.config.latent_dim,), 0.5))


def of_group(latents: BarLatents, reader: Reader, group: str) -> np.ndarray:
    edges = np.cumsum([0, *reader.sizes])
    place = TOLD_GROUPS.index(group)
    return latents.values[:, edges[place] : edges[place + 1]]


def test_a_clip_of_eight_bars_has_the_latents_that_it_is_stored_with(reader):
    piece = clip(3).window(0, 8)
    (read,) = reader.read([to_tokens(piece)])
    stored = Composer(tiny_style()).encode(piece)
    for group in GROUPS:
        np.testing.assert_allclose(0.5 * of_group(read, reader, group), stored.groups[group], atol=1e-4)
    assert read.told[:, :-1].all()
    assert not read.doubt.any()


def test_one_group_alone_is_told_as_it_is_stored(reader):
    latents = Composer(tiny_style()).encode(clip(3).window(0, 8))
    whole, alone = reader.stored(latents), reader.of_group("harmony", latents.groups["harmony"])
    np.testing.assert_allclose(of_group(alone, reader, "harmony"), of_group(whole, reader, "harmony"), atol=1e-6)
    assert np.count_nonzero(alone.values) == latents.groups["harmony"].size
    assert [TOLD_GROUPS[place] for place in np.flatnonzero(alone.told.any(0))] == ["harmony"]
    assert alone.told.any(1).all()
    assert not alone.doubt.any()


def test_pieces_side_by_side_and_windows_do_not_hear_each_other(reader):
    one, other = clip(1).window(0, 8), clip(2).window(0, 8)
    apart = [reader.read([to_tokens(piece)])[0] for piece in (one, other)]
    beside = reader.read([to_tokens(one), to_tokens(other)])
    for a, b in zip(apart, beside, strict=True):
        np.testing.assert_allclose(a.values, b.values, atol=1e-5)
        np.testing.assert_array_equal(a.told, b.told)


def test_a_pickup_is_not_told_and_takes_no_place_in_a_window(reader):
    tokens = to_tokens(clip(3).window(0, 8))
    pickup = tokens[:1].copy()
    pickup[0, LENGTH] = 12
    (with_pickup,), (without,) = reader.read([np.concatenate([pickup, tokens])]), reader.read([tokens])
    assert not with_pickup.told[0].any()
    np.testing.assert_allclose(with_pickup.values[1:], without.values, atol=1e-5)


def test_the_tune_keeps_how_bars_lie_to_each_other_and_no_key(reader):
    piece = clip(3).window(0, 8)
    higher = replace(piece, notes=piece.notes + np.array([0, 0, 5, 0]))
    one, other = (of_group(reader.read([to_tokens(each)])[0], reader, TUNE) for each in (piece, higher))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert one.mean(1).std() > 0.05


def test_what_is_dropped_is_zero_and_doubt_is_the_size_of_the_noise(reader):
    (read,) = reader.read([to_tokens(clip(3).window(0, 8))])
    sizes = reader.sizes
    seen = [drop(read, np.random.default_rng(seed), sizes, ("dynamics",)) for seed in range(300)]
    assert not any(each.told[:, TOLD_GROUPS.index("dynamics")].any() for each in seen)
    told = np.array([each.told.any() for each in seen])
    assert 0.55 < told.mean() < 0.8
    for each in seen:
        heard = each.heard(sizes)
        assert not heard[:, : sum(sizes)][~np.repeat(each.told, sizes, axis=1)].any()
    doubted = [each for each in seen if each.told.any() and each.doubt.any()]
    assert len(doubted) / told.sum() == pytest.approx(SHARES.doubted, abs=0.12)
    everything = np.mean([drop(read, np.random.default_rng(seed), sizes).told.all() for seed in range(300)])
    assert everything == pytest.approx(SHARES.everything * SHARES.every_bar, abs=0.1)
    moved = np.concatenate(
        [((each.values - read.values) / np.repeat(each.doubt, sizes, 1)).flatten() for each in doubted]
    )
    assert moved[np.isfinite(moved)].std() == pytest.approx(1, abs=0.05)


def test_the_correlation_of_tunes_is_that_of_top_lines_over_the_bars_that_are_told(reader):
    piece = clip(3).window(0, 8)
    higher = replace(piece, notes=piece.notes + np.array([0, 0, 5, 0]))
    own, same, other = (reader.read([to_tokens(each)])[0] for each in (piece, higher, clip(4).window(0, 8)))
    assert tune_correlation(own, same) == pytest.approx(1)
    assert tune_correlation(own, other) < 0.8
    untold = replace(own, told=np.zeros_like(own.told))
    assert tune_correlation(untold, own) == 0


def test_a_dimension_that_has_collapsed_is_not_blown_up():
    encoder = tiny_style().model
    assert scale_of(encoder, [to_tokens(clip(seed).window(0, 8)) for seed in range(3)]).min() >= 0.3

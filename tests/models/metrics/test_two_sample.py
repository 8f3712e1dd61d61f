"""The classifier that tells composed from real: it sees differences that are there and none where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from models.metrics.two_sample import describe, describe_whole, matched_rows, shuffled, two_sample_test
from models.music.notes import Piece


@pytest.fixture(scope="module")
def scales() -> list[Piece]:
    """Eight bars that climb a step a bar, each in a key and a rhythm of its own."""
    rng = np.random.default_rng(0)
    bars = np.array([[bar * 96, 96, 4, 4] for bar in range(8)])
    pieces = []
    for _ in range(30):
        places = np.sort(rng.choice(8, size=4, replace=False)) * 12
        onsets = (np.arange(8)[:, None] * 96 + places).ravel()
        pitches = 50 + rng.integers(12) + np.repeat(np.arange(8) * 2, 4) + np.tile([0, 4, 7, 4], 8)
        notes = np.stack([onsets, np.full(32, 12), pitches, rng.integers(50, 90, size=32)], axis=1)
        pieces.append(Piece(notes.astype(np.int32), bars, np.full(8, 100.0)))
    return pieces


def test_shuffling_moves_whole_bars_and_loses_nothing(scales) -> None:
    for seed, piece in enumerate(scales[:5]):
        mixed = shuffled(piece, np.random.default_rng(seed))
        assert not np.array_equal(mixed.notes, piece.notes)
        before, after = (
            {tuple(map(tuple, p.notes[p.notes[:, 0] // 96 == b][:, [2, 3]])) for b in range(8)} for p in (piece, mixed)
        )
        assert before == after
        assert (np.diff(mixed.notes[:, 0]) >= 0).all()


@pytest.mark.slow
def test_shuffled_bars_are_found(scales) -> None:
    mixed = [shuffled(piece, np.random.default_rng(i)) for i, piece in enumerate(scales)]
    songs = [str(i) for i in range(len(scales))] * 2
    assert two_sample_test(scales, mixed, songs).mean() > 0.9


@pytest.mark.slow
def test_two_halves_of_the_same_music_are_not_told_apart(scales) -> None:
    right = two_sample_test(scales[:15], scales[15:], [str(i) for i in range(30)])
    assert 0.2 < right.mean() < 0.8


def test_a_clip_is_described_whatever_its_key_and_even_if_silent(scales) -> None:
    one, other = describe(scales[0]), describe(scales[0].transposed(3))
    moved = ~np.isclose(one, other, equal_nan=True)
    assert moved.sum() <= 1  # the mean pitch, which is one of the attributes
    silent = describe(replace(scales[0], notes=np.zeros((0, 4), dtype=np.int32)))
    assert silent.shape == one.shape


def test_matching_finds_the_clip_like_each_and_none_twice(scales) -> None:
    rng = np.random.default_rng(3)
    real = [replace(piece, tempo_bpm=np.full(8, 60.0 + 5 * i)) for i, piece in enumerate(scales)]
    order = rng.permutation(len(real))[:20]
    assert matched_rows([real[i].transposed(1) for i in order], real).tolist() == order.tolist()
    twice = matched_rows([real[0], real[0]], real)
    assert sorted(twice.tolist()) == [0, 1]


def test_a_clip_in_the_same_meter_is_nearer_than_any_other(scales) -> None:
    jig = replace(scales[0], bars=np.array([[bar * 96, 96, 8, 8] for bar in range(8)]))
    far = replace(jig, tempo_bpm=np.full(8, 300.0))
    assert matched_rows([jig], [scales[0], far]).tolist() == [1]


def test_whole_pieces_of_any_length_are_described_alike(scales) -> None:
    one = scales[0]
    rows = np.concatenate([one.notes, one.notes + np.array([768, 0, 0, 0])])
    twice = Piece(rows, np.array([[bar * 96, 96, 4, 4] for bar in range(16)]), np.full(16, 100.0))
    short, long = describe_whole(one), describe_whole(twice)
    assert short.shape == long.shape
    assert np.array_equal(short[: len(describe(one))], long[: len(describe(one))], equal_nan=True)
    assert long[-1] == 16

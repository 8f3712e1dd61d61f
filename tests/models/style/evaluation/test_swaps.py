"""Swaps: melodies found again, correlations within domains."""

import math
from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.evaluation import swaps
from models.style.evaluation.clips import Clips, donors_of

pytestmark = pytest.mark.slow


def test_a_melody_is_found_among_others_in_any_key(clips) -> None:
    results = [piece.transposed(index % 5) for index, piece in enumerate(clips.pieces)]
    assert swaps.found_among(results, clips, 0).mean() > 0.95
    wrong = [clips.pieces[donor] for donor in donors_of(clips, 0)]
    assert swaps.found_among(wrong, clips, 0).mean() < 0.3


def test_ties_count_in_part(clips) -> None:
    silent = [replace(p, notes=np.zeros((0, 4), dtype=np.int32)) for p in clips.pieces]
    same = Clips([clips.pieces[0]] * 4, [None] * 4, list("abcd"), ["dance"] * 4)
    assert swaps.found_among([clips.pieces[0]] * 4, same, 0).tolist() == [0.25] * 4
    assert swaps.melody(silent[0]).tolist() == [0] * 128


def test_the_chance_to_find_a_melody_is_among_the_rivals_that_there_are(clips) -> None:
    one = clips.pieces[0]
    several = Clips([one] * 6, [None] * 6, [*"aabc", *"dd"], ["dance"] * 4 + ["pop"] * 2)
    right = [1 / 3, 1 / 3, 1 / 4, 1 / 4, 1, 1]  # the two of one song don't vie
    assert swaps.found_among([one] * 6, several, 0).tolist() == pytest.approx(right)  # where all are alike
    assert swaps.chance_to_find(several) == pytest.approx(np.mean(right))
    many = Clips([one] * 150, [None] * 150, [str(song) for song in range(150)], ["dance"] * 150)
    assert swaps.chance_to_find(many) == pytest.approx(1 / swaps.AMONG)


def test_the_melody_is_held_through_rests() -> None:
    piece = Piece(np.array([[0, 6, 60, 80], [48, 6, 67, 80]]), np.array([[0, 96, 4, 4]]), np.array([100.0]))
    assert swaps.melody(piece).tolist() == [60] * 8 + [67] * 8


def test_correlations_are_within_domains() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat([0.0, 100.0], 200)
    one, other = level + rng.normal(size=400), level + rng.normal(size=400)
    labels = np.repeat(["pop", "dance"], 200)
    assert abs(swaps.correlation(one, other, labels)) < 0.2
    assert swaps.correlation(one, one**3, labels) == pytest.approx(1)
    assert math.isnan(swaps.correlation(one, np.zeros(400), labels))
    assert math.isnan(swaps.correlation(one, one, labels, least=2.0))

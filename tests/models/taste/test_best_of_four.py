"""The stated probability of four clips against how often they really come, and which four are preferred."""

import math
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import entropy

from models.taste.head import Head, update
from models.taste.policy import ORDERS, FourChoice, Mixture, NoFourLeftError, choose_four, information_of_pick

SIZE = 4


@cache
def make_head() -> Head:
    head = Head.of(np.zeros(SIZE), 0.3 * np.eye(SIZE), "v1")
    return update(head, np.array([1.0, 0.5, 0.0, -1.0]), np.zeros(SIZE), "left")


def make_clips(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, SIZE))


def flags(count: int, *on: int) -> np.ndarray:
    mask = np.zeros(count, dtype=bool)
    mask[list(on)] = True
    return mask


def draw(clips: np.ndarray, seed: int, **given) -> FourChoice:
    given = {"offered": [], "picks": 3} | given
    return choose_four(clips, make_head(), generator=np.random.default_rng(seed), **given)


@pytest.mark.slow
def test_fours_come_as_often_as_their_stated_probability() -> None:
    clips, draws = make_clips(6), 900
    given = {"offered": [(0, 1, 2, 3), {5, 4, 1, 0}], "heard": flags(6, 0, 3), "composed": flags(6, 5)}
    given |= {"mixture": Mixture(control=0.2)}
    stated: dict[frozenset[int], float] = {}
    counts: dict[frozenset[int], int] = {}
    for seed in range(draws):
        choice = draw(clips, seed, **given)
        four = frozenset(choice.clips)
        assert len(four) == 4
        assert choice.order_probability == 1 / ORDERS
        assert stated.setdefault(four, choice.four_probability) == pytest.approx(choice.four_probability)
        counts[four] = counts.get(four, 0) + 1
    assert set(stated) == {frozenset(four) for four in combinations(range(6), 4)} - {
        frozenset({0, 1, 2, 3}), frozenset({0, 1, 4, 5}),
    }  # fmt: skip
    assert sum(stated.values()) == pytest.approx(1)
    chi_squared = sum((counts[four] - draws * p) ** 2 / (draws * p) for four, p in stated.items())
    degrees = len(stated) - 1
    assert chi_squared < degrees + 4 * math.sqrt(2 * degrees)


@pytest.mark.slow
def test_every_order_is_as_likely() -> None:
    clips = make_clips(4)
    firsts = [draw(clips, seed).clips[0] for seed in range(400)]
    assert np.bincount(firsts, minlength=4) == pytest.approx(100, abs=40)


def test_four_clips_make_one_set_and_three_none() -> None:
    clips = make_clips(4)
    for seed in range(40, 60):
        assert 1 - 1e-9 < draw(make_clips(4, seed), 0).four_probability <= 1
    with pytest.raises(NoFourLeftError):
        draw(clips, 0, offered=[(3, 2, 1, 0)])
    with pytest.raises(NoFourLeftError):
        draw(clips[:3], 0)


def test_clips_that_were_not_heard_come_first() -> None:
    clips = make_clips(24)
    heard = flags(24, *range(12))
    shares = [np.mean([clip >= 12 for clip in draw(clips, seed, heard=heard).clips]) for seed in range(40)]
    assert np.mean(shares) > 0.8


def test_a_clip_composed_for_the_listener_is_often_among_them() -> None:
    clips, own = make_clips(30), 29
    given = {"composed": flags(30, own), "mixture": Mixture(composed=0.75)}
    assert np.mean([own in draw(clips, seed, **given).clips for seed in range(60)]) > 0.6


def test_information_is_what_a_pick_tells_about_the_utilities() -> None:
    generator = np.random.default_rng(3)
    given, others = generator.normal(size=(400, 2)), generator.normal(0, (0.01, 1, 3), size=(400, 3))
    found = information_of_pick(given, others)
    for index in range(3):
        scores = np.column_stack([given, others[:, index]])
        chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        expected = entropy(chance.mean(axis=0)) - np.mean([entropy(row) for row in chance])
        assert found[index] == pytest.approx(expected, abs=1e-5)
    assert found[0] < found[1] < found[2]

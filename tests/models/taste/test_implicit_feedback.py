"""What listening tells moves a head a little, and not where it goes against what votes have taught."""

from __future__ import annotations

import numpy as np
import pytest

from models.taste.head import Head, learn_from_plays, preferences_of_plays, update

FEATURES = 4
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


@pytest.fixture
def head():
    return Head.of(np.zeros(FEATURES), np.eye(FEATURES), "v")


def voted(head, times=30):
    """Somebody who picked more of the first feature so often."""
    for left, right in RNG.normal(size=(times, 2, FEATURES)):
        head = update(head, left, right, "left" if left[0] > right[0] else "right")
    return head


def pieces(direction, pairs=20):
    better, worse = np.sort(RNG.normal(size=(2, pairs, FEATURES)), axis=0)[::-1]
    return (better, worse) if direction > 0 else (worse, better)


def test_every_piece_stands_in_one_pair_at_most():
    plays = [(place, to_the_end) for place, to_the_end in enumerate(RNG.random(60) < 0.6)]
    pairs = preferences_of_plays(plays)
    named = [place for pair in pairs for place in pair]
    assert len(named) == len(set(named)) > 20
    assert all(plays[better][1] and not plays[worse][1] for better, worse in pairs)
    assert preferences_of_plays([("a", True)] * 3) == []


def test_nothing_played_leaves_the_head_as_it_is(head):
    same = learn_from_plays(head, np.zeros((0, FEATURES)), np.zeros((0, FEATURES)))
    assert np.array_equal(same.joint_mean, head.joint_mean)
    assert np.allclose(same.joint_covariance, head.joint_covariance)


def test_a_pair_tells_less_than_a_vote_and_points_the_same_way(head):
    better, worse = np.eye(FEATURES)[:2]
    played, picked = learn_from_plays(head, better, worse), update(head, better, worse, "left")
    assert 0 < played.mean[0] < picked.mean[0] / 4
    assert played.mean[0] == pytest.approx(-played.mean[1])
    assert (played.votes_seen, played.lapses, played.side) == (0, head.lapses, head.side)


def test_what_agrees_with_the_votes_counts_and_what_goes_against_them_hardly_does(head):
    known = voted(head)
    agrees, against = (learn_from_plays(known, *pieces(sign)) for sign in (1, -1))
    moved = [np.linalg.norm(each.mean - known.mean) for each in (agrees, against)]
    assert moved[0] > 3 * moved[1]
    assert np.linalg.eigvalsh(agrees.joint_covariance).min() > 0

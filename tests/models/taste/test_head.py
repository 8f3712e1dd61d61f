"""The head against choix, importance sampling and its own symmetries."""

import math
from dataclasses import replace

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_t

from models.taste.head import Head, davidson, predict, update
from models.taste.likelihood import CHOICES, PAIR_MANNER, PAIR_SHARES, choice_probabilities


def scores_of(left, right) -> np.ndarray:
    """Rows that make the three scores of a pair from weights and manner."""
    return np.hstack([PAIR_SHARES @ np.stack([left, right]), PAIR_MANNER])


SIZE = 5
OUTCOME = st.sampled_from(CHOICES)
NUMBER = st.floats(-3, 3, allow_nan=False)
CLIP = st.lists(NUMBER, min_size=SIZE, max_size=SIZE)
MIRRORED = {"left": "right", "right": "left", "equal": "equal", "neither": "neither"}


def make_head(seed: int = 0, size: int = SIZE) -> Head:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(size, size)) / math.sqrt(size)
    return Head.of(generator.normal(size=size) / 2, root @ root.T + 0.1 * np.eye(size), "v1")


def make_votes(joint: np.ndarray, count: int, seed: int, lapse_rate: float = 0.0) -> list[tuple]:
    """Answers of somebody with this weights and manner ``(F + 3,)``: [(left, right, outcome)]."""
    generator = np.random.default_rng(seed)
    found = []
    for left, right in generator.normal(size=(count, 2, len(joint) - 3)):
        outcome = CHOICES[generator.choice(4, p=choice_probabilities(scores_of(left, right) @ joint))]
        if generator.random() < lapse_rate:
            outcome = "left" if generator.random() < 0.5 else "right"
        found.append((left, right, outcome))
    return found


def after(head: Head, votes: list[tuple]) -> Head:
    for left, right, outcome in votes:
        head = update(head, left, right, outcome)
    return head


def test_votes_one_by_one_have_the_moments_of_importance_sampling() -> None:
    truth = np.array([1.2, -0.8, 0.4, -0.6, -0.9])
    votes = make_votes(truth, 50, 3)
    assert {outcome for *_, outcome in votes} == set(CHOICES)
    prior = Head.of(np.zeros(2), np.eye(2), "v1", lapses=0.0)
    head = after(prior, votes)
    proposal = multivariate_t(head.joint_mean, 1.5 * head.joint_covariance, df=8, seed=0)
    drawn = proposal.rvs(20_000)
    off = drawn - prior.joint_mean
    log_posterior = -(off**2 / np.diag(prior.joint_covariance)).sum(axis=1) / 2
    for left, right, outcome in votes:
        log_posterior += np.log(choice_probabilities(drawn @ scores_of(left, right).T)[:, CHOICES.index(outcome)])
    weight = np.exp(log_posterior - proposal.logpdf(drawn) - (log_posterior - proposal.logpdf(drawn)).max())
    weight /= weight.sum()
    assert 1 / (weight**2).sum() > 2000  # effective draws
    mean = weight @ drawn
    covariance = ((drawn - mean) * weight[:, None]).T @ (drawn - mean)
    sd = np.sqrt(np.diag(covariance))
    assert np.abs(head.joint_mean - mean).max() < 0.2 * sd.min()
    assert np.sqrt(np.diag(head.joint_covariance)) == pytest.approx(sd, rel=0.1)
    assert np.allclose(head.joint_covariance / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.2)


def test_duels_without_ties_agree_with_choix() -> None:
    generator = np.random.default_rng(3)
    items, alpha = 8, 0.7
    winners, losers = generator.integers(items, size=(2, 60))
    duels = [(int(a), int(b)) for a, b in zip(winners, losers, strict=True) if a != b]
    # choix penalises alpha |params|^2 / 2, a Gaussian prior of variance 1 / alpha; nobody ties, leans or says neither
    expected = choix.opt_pairwise(items, duels, alpha=alpha / 2, tol=1e-10)
    still = {"manner": (0, -40, -40), "manner_variance": (1e-6, 1e-6, 1e-6), "lapses": 0.0}
    head = Head.of(np.zeros(items), np.eye(items) / alpha, "v1", **still)
    for a, b in duels:
        head = update(head, np.eye(items)[a], np.eye(items)[b], "left")
    assert np.corrcoef(head.mean, expected)[0, 1] > 0.995
    assert np.abs(head.mean - expected).max() < 0.3 * np.sqrt(np.diag(head.covariance)).min()


def test_who_leans_ties_and_asks_much_is_found_out_and_the_taste_is_not_confused_by_it() -> None:
    weights = np.array([1.0, -0.7, 0.0, 0.5, -0.2])
    votes = make_votes(np.array([*weights, 1.0, 0.5, 0.3]), 400, 0)
    head = after(Head.of(np.zeros(SIZE), 0.5 * np.eye(SIZE), "v1"), votes)
    for found, sd, truth in ((*head.side, 1.0), (*head.enough, 0.3), (head.tie, math.sqrt(head.tie_variance), 0.5)):
        assert abs(found - truth) < 3 * sd < 0.6
    assert np.abs(head.mean - weights).max() < 0.35
    even = Head.of(np.zeros(SIZE), 0.5 * np.eye(SIZE), "v1", manner_variance=(1e-9, 1.0, 1.0))
    chance = [predict(each, np.zeros(SIZE)) for each in (head, after(even, votes))]
    assert chance[0].left[0] - chance[0].right[0] > 0.15
    assert chance[1].left == pytest.approx(chance[1].right, abs=1e-3)


def test_who_tosses_coins_is_thought_to_and_moves_the_taste_less() -> None:
    truth = np.array([2.0, -2.0, 1.0, 0.0, 0.0, 0.0, -0.9, -2.0])
    prior = Head.of(np.zeros(SIZE), np.eye(SIZE), "v1")
    careful, careless = (after(prior, make_votes(truth, 300, 1, rate)) for rate in (0.0, 0.4))
    assert careful.lapse_rate < 0.05
    assert careless.lapse_rate > 0.08
    row = np.array([3.0, -3.0, 3.0, 0, 0])
    against = {rate: replace(careful, lapses=20 * rate, attentive=20 * (1 - rate)) for rate in (0.0, 0.3)}
    then = {rate: update(head, row, np.zeros(SIZE), "right") for rate, head in against.items()}
    moved = {rate: row @ (careful.mean - head.mean) for rate, head in then.items()}
    assert 0 <= moved[0.3] < moved[0.0] / 5


def test_skipping_leaves_the_head_as_it_is() -> None:
    head = make_head()
    assert update(head, np.ones(SIZE), np.zeros(SIZE), "skipped") is head


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CLIP, CLIP, OUTCOME), min_size=1, max_size=25))
def test_the_covariance_stays_positive_definite_whatever_is_said(votes: list[tuple]) -> None:
    head = make_head(0)
    for left, right, outcome in votes:
        before, head = head, update(head, left, right, outcome)
        assert np.linalg.eigvalsh(head.joint_covariance).min() > 0
        assert np.allclose(head.joint_covariance, head.joint_covariance.T)
        assert head.lapses + head.attentive == pytest.approx(before.lapses + before.attentive + 1)
    everything = predict(head, np.array(votes[-1][0]) - np.array(votes[-1][1]))
    assert everything.left + everything.equal + everything.right == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(CLIP, CLIP, OUTCOME)
def test_swapping_the_sides_mirrors_the_side_bias_and_changes_nothing_else(
    left: list[float], right: list[float], outcome: str
) -> None:
    head = make_head(5)
    one, other = update(head, left, right, outcome), update(head, right, left, MIRRORED[outcome])
    assert np.allclose(one.mean, other.mean)
    assert np.allclose(one.covariance, other.covariance)
    assert one.side[0] == pytest.approx(-other.side[0], abs=1e-9)
    assert (one.tie, one.enough[0]) == pytest.approx((other.tie, other.enough[0]))
    difference = np.array(left) - np.array(right)
    there, back = predict(one, difference), predict(other, -difference)
    assert np.allclose([there.left, there.equal, there.right], [back.right, back.equal, back.left])


@pytest.mark.slow
def test_the_four_thousandth_vote_is_taken_like_the_first() -> None:
    truth = np.array([1.0, -0.7, 0.0, 0.5, -0.2, 0.2, -0.9, -1.0])
    head = after(Head.of(np.zeros(SIZE), 0.3 * np.eye(SIZE), "v1"), make_votes(truth, 4000, 6, 0.05))
    assert np.linalg.eigvalsh(head.joint_covariance).min() > 0
    assert np.abs(head.joint_mean - truth).max() < 0.25
    assert len(head.to_columns().covariance) == 8 * (SIZE + 3) ** 2


def test_predictions_integrate_the_doubt_as_draws_do() -> None:
    head = after(make_head(8), make_votes(np.array([1.0, 0, 0.5, 0, 0, 0.5, -0.5, -1]), 6, 1))
    row = np.array([1.0, -1.0, 0.5, 2.0, 0.3])
    drawn = np.random.default_rng(0).multivariate_normal(head.joint_mean, head.joint_covariance, 200_000)
    chance = davidson(drawn[:, :SIZE] @ row + drawn[:, SIZE], drawn[:, SIZE + 1])
    found, tossed = predict(head, row), head.lapse_rate / 2
    assert found.left[0] == pytest.approx((1 - 2 * tossed) * chance.left.mean() + tossed, abs=3e-3)
    assert found.equal[0] == pytest.approx((1 - 2 * tossed) * chance.equal.mean(), abs=3e-3)
    assert found.left[0] + found.equal[0] + found.right[0] == pytest.approx(1)


def test_a_stored_head_comes_back_bit_for_bit_and_is_small() -> None:
    head = update(make_head(size=40), np.ones(40), np.zeros(40), "left")
    columns = head.to_columns()
    assert Head.from_columns(columns).to_columns() == columns
    assert len(columns.mean) + len(columns.covariance) < 64 * 1024


def test_bad_numbers_are_refused() -> None:
    head = make_head()
    with pytest.raises(ValueError, match="outcome"):
        update(head, np.ones(SIZE), np.zeros(SIZE), "both")
    with pytest.raises(ValueError, match="features"):
        update(head, np.ones(SIZE + 1), np.zeros(SIZE + 1), "left")
    with pytest.raises(ValueError, match="finite"):
        update(head, np.full(SIZE, np.nan), np.zeros(SIZE), "left")
    with pytest.raises(ValueError, match="shapes"):
        Head.of(np.zeros(2), np.eye(3), "v1")
    with pytest.raises(ValueError, match="finite"):
        Head.of([np.nan], np.eye(1), "v1")
    with pytest.raises(ValueError, match="negative"):
        replace(head, lapses=-1.0)


def test_a_stored_head_whose_bytes_do_not_fit_is_refused() -> None:
    columns = make_head().to_columns()
    with pytest.raises(ValueError, match="stored head"):
        Head.from_columns(replace(columns, mean=columns.mean[:-8]))

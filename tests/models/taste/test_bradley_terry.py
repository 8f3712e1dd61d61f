"""The head against choix, scipy and its own symmetries."""

import math
from dataclasses import replace

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.stats import norm

from models.taste.bradley_terry import Head, davidson, predict, update, utilities
from tests.models.taste.laplace import fit

SIZE = 5
OUTCOME = st.sampled_from(["left", "right", "equal"])
NUMBER = st.floats(-3, 3, allow_nan=False)
DIFFERENCE = st.lists(NUMBER, min_size=SIZE, max_size=SIZE)


def make_head(seed: int = 0, size: int = SIZE) -> Head:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(size, size)) / math.sqrt(size)
    return Head(generator.normal(size=size) / 2, root @ root.T + 0.1 * np.eye(size), "v1")


def make_votes(count: int, size: int, seed: int) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=size)
    rows = generator.normal(size=(count, size))
    chance = davidson(rows @ weights, math.log(0.4))
    draw = generator.random(count)
    outcomes = np.where(draw < chance.left, "left", np.where(draw < chance.left + chance.equal, "equal", "right"))
    return rows, [str(outcome) for outcome in outcomes]


def test_probabilities_sum_to_one_and_reduce_to_bradley_terry_without_ties() -> None:
    difference = np.linspace(-80, 80, 41)
    chance = davidson(difference, math.log(0.4))
    assert np.allclose(chance.left + chance.equal + chance.right, 1)
    assert np.allclose(davidson(difference, -200.0).left, 1 / (1 + np.exp(-difference)))


def test_a_fit_without_ties_agrees_with_choix() -> None:
    generator = np.random.default_rng(3)
    items, alpha = 8, 0.7
    winners, losers = generator.integers(items, size=(2, 60))
    duels = [(int(a), int(b)) for a, b in zip(winners, losers, strict=True) if a != b]
    # choix penalises alpha |params|^2, a Gaussian prior of variance 1 / (2 alpha); nu near zero leaves no ties.
    expected = choix.opt_pairwise(items, duels, alpha=alpha / 2, tol=1e-10)
    other = choix.ilsr_pairwise(items, duels, alpha=1e-9)
    prior = Head(np.zeros(items), np.eye(items) / alpha, "v1", tie=-40.0, tie_variance=1e-6)
    rows = np.eye(items)[[a for a, _ in duels]] - np.eye(items)[[b for _, b in duels]]
    head = fit(prior, rows, ["left"] * len(duels))
    assert np.allclose(head.mean, expected, atol=1e-4)
    assert np.corrcoef(head.mean, other)[0, 1] > 0.9


def test_a_fit_with_ties_finds_the_optimum_that_scipy_finds() -> None:
    rows, outcomes = make_votes(80, SIZE, 4)
    prior = make_head(1)
    precision = np.linalg.inv(prior.covariance)

    def loss(point: np.ndarray) -> float:
        chance = davidson(rows @ point[:-1], point[-1])
        table = {"left": chance.left, "right": chance.right, "equal": chance.equal}
        off = point[:-1] - prior.mean
        likelihood = sum(math.log(table[outcome][i]) for i, outcome in enumerate(outcomes))
        return off @ precision @ off / 2 + (point[-1] - prior.tie) ** 2 / 2 - likelihood

    best = minimize(loss, np.zeros(SIZE + 1), method="BFGS", options={"gtol": 1e-7})
    head = fit(prior, rows, outcomes)
    assert np.allclose(head.mean, best.x[:-1], atol=1e-4)
    assert head.tie == pytest.approx(best.x[-1], abs=1e-4)
    step = 1e-3
    units = np.eye(SIZE + 1) * step
    hessian = np.array(
        [
            [
                (loss(best.x + a + b) - loss(best.x + a - b) - loss(best.x - a + b) + loss(best.x - a - b))
                / (4 * step**2)
                for b in units
            ]
            for a in units
        ]
    )
    assert np.allclose(head.covariance, np.linalg.inv(hessian)[:-1, :-1], rtol=1e-2, atol=1e-3)


def test_one_vote_is_the_laplace_fit_of_that_vote() -> None:
    prior = make_head(2)
    row = np.array([1.0, -0.5, 2.0, 0.0, 0.3])
    for outcome in ("left", "equal", "right"):
        one, whole = update(prior, row, outcome), fit(prior, row[None], [outcome])
        assert np.allclose(one.mean, whole.mean, atol=1e-6)
        assert np.allclose(one.covariance, whole.covariance, atol=1e-6)
        assert one.tie == pytest.approx(whole.tie, abs=1e-6)
        assert one.tie_variance == pytest.approx(whole.tie_variance, abs=1e-6)


def test_votes_one_by_one_come_close_to_the_fit_of_all() -> None:
    size = 14
    prior = Head(np.zeros(size), 0.1 * np.eye(size), "v1")
    rows, outcomes = make_votes(120, size, 7)
    chain = prior
    for row, outcome in zip(rows, outcomes, strict=True):
        chain = update(chain, row, outcome)
    whole = fit(prior, rows, outcomes)
    assert np.corrcoef(chain.mean, whole.mean)[0, 1] > 0.99
    assert np.abs(chain.mean - whole.mean).max() < 0.5 * np.sqrt(np.diag(whole.covariance)).min()
    assert np.allclose(np.diag(chain.covariance), np.diag(whole.covariance), rtol=0.2)
    assert chain.tie == pytest.approx(whole.tie, abs=0.15)
    assert chain.votes_seen == whole.votes_seen == 120


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(DIFFERENCE, OUTCOME), min_size=1, max_size=30))
def test_the_covariance_stays_positive_definite_and_shrinks(votes: list[tuple[list[float], str]]) -> None:
    head = make_head(0)
    for difference, outcome in votes:
        new = update(head, difference, outcome)
        assert np.linalg.eigvalsh(new.covariance).min() > 0
        assert (np.diag(new.covariance) <= np.diag(head.covariance) + 1e-12).all()
        assert new.tie_variance > 0
        head = new


@settings(max_examples=60, deadline=None)
@given(DIFFERENCE, OUTCOME)
def test_swapping_the_sides_changes_nothing(difference: list[float], outcome: str) -> None:
    head = make_head(5)
    mirrored = {"left": "right", "right": "left", "equal": "equal"}[outcome]
    one, other = update(head, difference, outcome), update(head, -np.array(difference), mirrored)
    assert np.allclose(one.mean, other.mean)
    assert np.allclose(one.covariance, other.covariance)
    there, back = predict(head, difference), predict(head, -np.array(difference))
    assert np.allclose([there.left, there.equal, there.right], [back.right, back.equal, back.left])


def test_a_tie_moves_both_clips_towards_each_other() -> None:
    head = make_head(6)
    row = np.array([2.0, 1.0, -1.0, 0.5, 0.0])
    before = row @ head.mean
    after = row @ update(head, row, "equal").mean
    assert abs(after) < abs(before)
    assert after * before > 0


def test_a_pick_raises_the_picked_clip_and_the_probability_of_picking_it_again() -> None:
    head = make_head(6)
    row = np.array([1.0, 0.0, -1.0, 0.5, 2.0])
    after = update(head, row, "left")
    assert row @ after.mean > row @ head.mean
    assert predict(after, row).left[0] > predict(head, row).left[0]


@pytest.mark.parametrize("outcome", ["neither", "skipped"])
def test_votes_that_compare_nothing_leave_the_head_as_it_is(outcome: str) -> None:
    head = make_head()
    assert update(head, np.ones(SIZE), outcome) is head
    assert fit(head, np.ones((1, SIZE)), [outcome]) is head


def test_a_listener_who_never_calls_a_tie_is_predicted_fewer_ties() -> None:
    head = make_head()
    row = np.array([0.5, 0.2, 0.1, -0.3, 0.1])
    before = predict(head, row).equal[0]
    for _ in range(20):
        head = update(update(head, row, "left"), row, "right")
    assert predict(head, row).equal[0] < before / 2


def test_a_pair_without_any_difference_teaches_about_ties_only() -> None:
    head = make_head()
    after = update(head, np.zeros(SIZE), "equal")
    assert np.allclose(after.mean, head.mean)
    assert np.allclose(after.covariance, head.covariance)
    assert after.tie > head.tie


def test_predictions_integrate_the_doubt_as_scipy_does() -> None:
    head = make_head(8)
    row = np.array([1.0, -1.0, 0.5, 2.0, 0.3])
    centre, sd = row @ head.mean, math.sqrt(row @ head.covariance @ row)
    found = predict(head, row)
    for name in ("left", "equal", "right"):
        expected, _ = dblquad(
            lambda s, t, name=name: (
                float(getattr(davidson(s, t), name)) * norm.pdf(s, centre, sd) * norm.pdf(t, head.tie, 1)
            ),
            head.tie - 7,
            head.tie + 7,
            centre - 7 * sd,
            centre + 7 * sd,
            epsabs=1e-5,
        )
        assert getattr(found, name)[0] == pytest.approx(expected, abs=2e-4)


def test_doubt_pulls_predictions_towards_chance() -> None:
    sure = Head(np.array([2.0]), np.array([[1e-6]]), "v1")
    unsure = Head(np.array([2.0]), np.array([[9.0]]), "v1")
    assert predict(unsure, [1.0]).left[0] < predict(sure, [1.0]).left[0]


def test_utilities_carry_the_posterior_doubt() -> None:
    head = make_head()
    rows = np.random.default_rng(0).normal(size=(4, SIZE))
    found = utilities(head, rows)
    assert np.allclose(found.mean, rows @ head.mean)
    assert np.allclose(found.sd**2, np.diag(rows @ head.covariance @ rows.T))


def test_a_stored_head_comes_back_bit_for_bit() -> None:
    head = update(make_head(), np.ones(SIZE), "left")
    back = Head.from_columns(head.to_columns())
    assert np.array_equal(back.mean, head.mean)
    assert np.array_equal(back.covariance, head.covariance)
    assert (back.tie, back.tie_variance, back.votes_seen, back.version) == (
        head.tie,
        head.tie_variance,
        head.votes_seen,
        head.version,
    )


def test_bad_numbers_are_refused() -> None:
    head = make_head()
    with pytest.raises(ValueError, match="outcome"):
        update(head, np.ones(SIZE), "both")
    with pytest.raises(ValueError, match="difference"):
        update(head, np.ones(SIZE + 1), "left")
    with pytest.raises(ValueError, match="finite"):
        update(head, np.full(SIZE, np.nan), "left")
    with pytest.raises(ValueError, match="shapes"):
        Head(np.zeros(2), np.eye(3), "v1")
    with pytest.raises(ValueError, match="finite"):
        Head(np.array([np.nan]), np.eye(1), "v1")


def test_a_stored_head_whose_bytes_do_not_fit_is_refused() -> None:
    columns = make_head().to_columns()
    with pytest.raises(ValueError, match="stored head"):
        Head.from_columns(replace(columns, mean=columns.mean[:-8]))

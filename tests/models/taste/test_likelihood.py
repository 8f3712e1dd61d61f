"""What one answer tells, against dense numerical integration."""

import numpy as np
import pytest

from models.taste.likelihood import CHOICES, PAIR_MANNER, PAIR_SHARES, choice_probabilities, davidson, outcome_moments


def scores_of(left, right) -> np.ndarray:
    """Rows that make the three scores of a pair from weights and manner."""
    return np.hstack([PAIR_SHARES @ np.stack([left, right]), PAIR_MANNER])


CENTRE = np.array([0.9, -0.2, 1.4])
ROOT = np.array([[1.1, 0.3, -0.2], [0.3, 0.9, 0.4], [-0.2, 0.4, 1.0]])


def test_probabilities_sum_to_one_and_reduce_to_bradley_terry_without_ties() -> None:
    difference = np.linspace(-80, 80, 41)
    chance = davidson(difference, np.log(0.4))
    assert np.allclose(chance.left + chance.equal + chance.right, 1)
    assert np.allclose(davidson(difference, -200.0).left, 1 / (1 + np.exp(-difference)))


def test_who_finds_one_good_enough_compares_as_davidson_says() -> None:
    weights, side, tie = np.array([0.7, -0.4]), 0.3, -0.9
    left, right = np.array([1.0, 0.5]), np.array([-0.5, 2.0])
    four = choice_probabilities(scores_of(left, right) @ np.array([*weights, side, tie, -1.2]))
    three = davidson(weights @ (left - right) + side, tie)
    assert four.sum() == pytest.approx(1)
    picks = four[:3] / four[:3].sum()
    assert picks == pytest.approx([three.left, three.equal, three.right])


@pytest.mark.parametrize("outcome", CHOICES)
@pytest.mark.parametrize("lapse_rate", [0.0, 0.2])
def test_one_answer_has_the_moments_of_numerical_integration(outcome: str, lapse_rate: float) -> None:
    axis = np.linspace(-6, 6, 61)
    z = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    density = np.exp(-(z**2).sum(axis=1) / 2)
    density /= density.sum()
    likelihood = (1 - lapse_rate) * choice_probabilities(CENTRE + z @ ROOT.T)[:, CHOICES.index(outcome)]
    tossed = lapse_rate / 2 if outcome in {"left", "right"} else 0.0
    weight = density * (likelihood + tossed)
    chance = weight.sum()
    mean = weight @ z / chance
    spread = (z * (weight / chance)[:, None]).T @ z - np.outer(mean, mean)
    found = outcome_moments(CENTRE, ROOT @ ROOT.T, outcome, lapse_rate)
    assert np.allclose(found.root, ROOT)
    assert found.chance == pytest.approx(chance, abs=2e-3)
    assert np.allclose(found.shift, mean, atol=0.01)
    assert np.allclose(found.spread, spread, atol=0.03)
    assert found.lapse == pytest.approx(tossed / chance, abs=5e-3)

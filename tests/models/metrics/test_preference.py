"""Preference measures against hand counts and each other."""

import math

import numpy as np
import pytest

from models.metrics.preference import accuracy, calibration_error, log_loss


def test_accuracy_counts_decided_votes_only_and_a_toss_up_as_half() -> None:
    left, right = [0.7, 0.2, 0.6, 0.4, 0.4, 0.9], [0.2, 0.7, 0.3, 0.4, 0.5, 0.05]
    found = accuracy(left, right, ["left", "right", "right", "left", "equal", "skipped"])
    assert found.n == 4
    assert found.value == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_log_loss_is_over_all_three_outcomes() -> None:
    found = log_loss([0.5, 0.2, 0.1], [0.25, 0.2, 0.1], [0.25, 0.6, 0.8], ["left", "equal", "neither"])
    assert found.value == pytest.approx(-(math.log(0.5) + math.log(0.2)) / 2)
    assert found.n == 2
    assert found.low <= found.value <= found.high


def test_an_impossible_answer_costs_much_but_not_infinity() -> None:
    assert log_loss([0.0], [0.0], [1.0], ["left"]).value == pytest.approx(-math.log(1e-12))


def test_calibration_is_near_zero_for_honest_predictions_and_large_for_boasting() -> None:
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.1, 0.9, size=4000)
    outcomes = ["left" if draw < p else "right" for draw, p in zip(generator.random(4000), truth, strict=True)]
    boasting = np.where(truth > 0.5, 0.99, 0.01)
    assert calibration_error(truth, 1 - truth, outcomes) < 0.03
    assert calibration_error(boasting, 1 - boasting, outcomes) > 0.25


def test_calibration_by_hand_in_two_bins() -> None:
    left = np.array([0.2, 0.4, 0.6, 0.8])
    assert calibration_error(left, 1 - left, ["right", "left", "left", "left"], bins=2) == pytest.approx(
        (0.2 + 0.3) / 2
    )

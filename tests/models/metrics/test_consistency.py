"""The ceiling bounds what an all-knowing predictor gets right of people whose chances are known."""

import math

import numpy as np
import pytest

from models.metrics.preference import consistency, most_right


def test_the_best_predictor_lies_between_the_bounds() -> None:
    for chances in ([0.8], [0.5, 1.0], [0.6, 0.7, 0.95]):
        p = np.array(chances)
        agreement, ceiling = float((p**2 + (1 - p) ** 2).mean()), float(np.maximum(p, 1 - p).mean())
        assert agreement - 1e-12 <= ceiling <= most_right(agreement) + 1e-12
        if len(chances) == 1:
            assert most_right(agreement) == pytest.approx(ceiling)


def test_the_same_clip_again_is_the_other_button() -> None:
    found = consistency(
        [("left", "right"), ("right", "left"), ("left", "left"), ("left", "equal"), ("skipped", "left")]
    )
    assert found.agreement.n == 3
    assert found.agreement.value == pytest.approx(2 / 3)
    assert found.same_side.value == pytest.approx(1 / 3)
    assert found.ceiling.value == pytest.approx((1 + math.sqrt(1 / 3)) / 2)
    assert found.ceiling.low <= found.ceiling.value <= found.ceiling.high


def test_whoever_always_presses_left_has_no_ceiling_above_chance() -> None:
    found = consistency([("left", "left")] * 20)
    assert found.agreement.value == 0
    assert found.same_side.value == 1
    assert found.ceiling.value == 0.5


def test_without_repeats_nothing_is_said() -> None:
    found = consistency([])
    assert math.isnan(found.ceiling.value)
    assert (found.agreement.low, found.agreement.high) == (0, 1)

from __future__ import annotations

import pytest

from models.experiments.optimisation import rise_and_fall, share_done


def test_the_learning_rate_warms_up_stays_and_falls_over_the_last_steps() -> None:
    rates = [rise_and_fall(1.0, step, share_done(step, 1000), warm_up=200, falling=0.2) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 200)
    assert rates[199:801] == pytest.approx([1.0] * 602)
    assert rates[900] == pytest.approx(0.5)
    assert rates[999] == pytest.approx(0.02)


def test_a_run_of_minutes_is_done_by_time_whatever_steps_it_took() -> None:
    assert share_done(10, 20) == 0.5
    assert share_done(10, 20, seconds=90, minutes=2) == 0.75
    assert share_done(10, 20, seconds=500, minutes=2) == 1.0

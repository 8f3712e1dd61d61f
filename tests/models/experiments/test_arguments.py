"""What can't be used as an argument is said with what can."""

from argparse import ArgumentTypeError

import pytest

from models.experiments.arguments import minutes


@pytest.mark.parametrize("text", ["-1", "0", "nan", "inf", "soon"])
def test_minutes_are_above_nothing(text):
    with pytest.raises(ArgumentTypeError, match=f"{text} was given; minutes above 0 are needed"):
        minutes(text)


def test_half_a_minute_will_do():
    assert minutes("0.5") == 0.5

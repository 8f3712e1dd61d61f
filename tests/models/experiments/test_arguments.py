from argparse import ArgumentParser, ArgumentTypeError

import pytest

from models.experiments.arguments import add_domains_argument, minutes


def test_minutes_are_above_nothing() -> None:
    for text in ("-1", "0", "nan", "inf", "soon"):
        with pytest.raises(ArgumentTypeError, match=f"{text} was given; minutes above 0 are needed"):
            minutes(text)


def test_domains_may_be_divided_by_blanks_or_commas() -> None:
    for given, chosen in (
        ([], ["pop", "dance", "chorale"]),
        (["--domains", "chorale", "pop"], ["pop", "chorale"]),
        (["--domains", "chorale,dance"], ["dance", "chorale"]),
    ):
        parser = ArgumentParser()
        add_domains_argument(parser)
        assert parser.parse_args(given).domains == chosen

"""Domains, outcomes and moods: spelled once for the models and once for who may not import them, or shows them."""

from db.tables.listeners import DOMAIN_CHECK, DOMAINS
from db.tables.votes import FOUR_OUTCOMES, OUTCOMES
from models.mood.liking import MOODS, corner
from models.music import notes
from models.taste import head, likelihood
from webapp.mood import CORNERS


def test_the_database_and_the_models_have_the_same_words() -> None:
    assert DOMAINS == notes.DOMAINS
    assert OUTCOMES == likelihood.OUTCOMES
    assert FOUR_OUTCOMES == head.PICKS


def test_the_check_of_the_database_is_as_its_migrations_wrote_it() -> None:
    assert DOMAIN_CHECK == "domain IN ('pop', 'dance', 'chorale')"


def test_a_mood_that_is_asked_for_is_called_as_one_that_is_heard() -> None:
    assert {tuple(corner(mood)): mood for mood in MOODS} == CORNERS

"""Domains and outcomes: spelled once for the models and once for the database, which may not import them."""

from db.tables.best_of_four import FOUR_OUTCOMES
from db.tables.listeners import DOMAIN_CHECK, DOMAINS
from db.tables.votes import OUTCOMES
from models.music import notes
from models.taste import likelihood, plackett_luce


def test_the_database_and_the_models_have_the_same_words() -> None:
    assert DOMAINS == notes.DOMAINS
    assert OUTCOMES == likelihood.OUTCOMES
    assert FOUR_OUTCOMES == plackett_luce.PICKS


def test_the_check_of_the_database_is_as_its_migrations_wrote_it() -> None:
    assert DOMAIN_CHECK == "domain IN ('pop', 'dance', 'chorale')"

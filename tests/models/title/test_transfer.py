"""Pairs of linear towers from given tables: what they foretell and choose, and how the writer is given a tune."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge

from models.music.tokens import BAR, POSITION, from_tokens
from models.title.transfer import MOST, PENALTIES, Pairs, Setting, Values, alike_in_length, counted, tokens_of
from models.title.tunes import FIELDS, LOWEST_PITCH, Pool, Tune, make_pool


def tables(tunes: list[Tune], rng: np.random.Generator) -> Values:
    """Titles that say all of a tune in one table and nothing in another; all is told in a table of melodies, too."""
    melody = np.stack([counted([tune])[0] for tune in tunes])
    told = melody @ np.random.default_rng(5).normal(size=(melody.shape[1], 30))
    noise = rng.normal(size=(len(tunes), 30))
    return Values({"told": told, "noise": noise}, {"told": csr_matrix(told), "noise": rng.normal(size=(len(tunes), 9))})


@pytest.fixture(scope="module")
def values(made_tunes: list[Tune]) -> tuple[Values, Values]:
    rng = np.random.default_rng(0)
    return tables(made_tunes[:80], rng), tables(made_tunes[80:], rng)


@pytest.fixture(scope="module")
def pool(made_tunes: list[Tune]) -> Pool:
    return make_pool(made_tunes[80:])


def test_the_tables_are_chosen_that_tell_of_each_other(values: tuple[Values, Values], pool: Pool) -> None:
    setting, mrr = Pairs(values[0]).best(["noise", "told"], ["noise", "told"], values[1], pool)
    assert (setting.melody, setting.title) == ("told", "told")
    assert mrr > 0.5


def test_titles_foretell_what_ridge_regression_foretells(values: tuple[Values, Values]) -> None:
    learned, asked = values
    pairs = Pairs(learned)
    there = pairs.components["noise"].of(learned.melodies["noise"])[:, :10]
    assert np.allclose(there.std(0), 1, atol=0.02)
    ridge = Ridge(alpha=PENALTIES[1], fit_intercept=False).fit(learned.titles["noise"], there)
    theirs = ridge.predict(asked.titles["noise"])
    own = pairs.components["noise"].of(asked.melodies["noise"])[:, :10]
    cosines = np.sum(theirs * own, axis=1) / np.linalg.norm(theirs, axis=1) / np.linalg.norm(own, axis=1)
    ours = pairs.scores(Setting("noise", "noise", 10, PENALTIES[1]), asked)
    assert np.allclose(np.diag(ours), cosines, atol=1e-6)


def test_the_writer_reads_the_notes_of_a_tune_in_its_bars(made_tunes: list[Tune]) -> None:
    tune = made_tunes[1]  # a jig, eight notes a bar
    tokens = tokens_of(tune)
    known = tokens.copy()
    known[:, 3], known[:, 4] = np.where(known[:, POSITION] == BAR, -1, 16), np.where(known[:, POSITION] == BAR, 48, -1)
    piece = from_tokens(known)
    assert (piece.bars[:, 2:] == (6, 8)).all()
    assert len(piece.bars) == -(-len(tune.notes) // 8)
    assert len(piece.notes) == min(MOST, len(tune.notes))
    assert (piece.notes[:, 2] == tune.notes[:, FIELDS.index("pitch")] + LOWEST_PITCH).all()


def test_batches_hold_each_tune_once_and_are_alike_in_length(made_tunes: list[Tune]) -> None:
    tokens = [tokens_of(tune) for tune in made_tunes]
    batches = list(alike_in_length(tokens, 50))
    assert sorted(row for batch in batches for row in batch) == list(range(len(tokens)))
    lengths = [len(tokens[row]) for batch in batches for row in batch]
    assert lengths == sorted(lengths)

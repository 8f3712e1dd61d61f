"""The towers that are shipped: they load, their test tunes are those that the hash draws, and they know something."""

import numpy as np
import pytest

from models.metrics.retrieval import chance, measures, ranked
from models.music import corpora
from models.music.grouping import part_of
from models.title.tunes import BOOK_HELD_OUT, make_pool, name_of, tunes_of
from models.title.two_tower import TitleBundle, load_towers


@pytest.fixture(scope="module")
def shipped() -> TitleBundle:
    return load_towers()


@pytest.mark.slow
def test_the_test_set_is_what_the_hash_draws_and_is_found_better_than_by_chance(shipped: TitleBundle) -> None:
    names = set(shipped.held_out["test"])
    asked = tunes_of([piece for piece in corpora.load("oneills1850") if name_of(piece) in names])
    assert 600 < len(asked) < 660
    drawn = [part_of(tune.group, 0, BOOK_HELD_OUT) == "test" for tune in asked]
    assert np.mean(drawn) > 0.9  # groups are larger, and some named otherwise, where all tunes are there
    pool = make_pool(asked)
    found = ranked(shipped.towers.titles(pool.titles) @ shipped.towers.melodies(pool.tunes).T, pool.right, 0)
    assert measures(found)["mrr"] > 1.5 * chance(found.right, found.pool)["mrr"]


def test_words_that_name_a_type_lie_near_each_other(shipped: TitleBundle) -> None:
    words = ["O'Brien's Hornpipe", "The Dublin Hornpipe", "O'Brien's Lament", "The Dublin Lament"]
    vectors = shipped.towers.titles(words)
    cosines = vectors @ vectors.T
    assert np.allclose(np.diag(cosines), 1, atol=1e-5)
    assert cosines[0, 1] > cosines[0, 2]
    assert cosines[2, 3] > cosines[2, 0]

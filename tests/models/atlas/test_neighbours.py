import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from models.atlas.projection import nearest


def points(count: int, dims: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32)


def test_neighbours_and_distances_are_scikit_learns_in_blocks_too():
    vectors = points(1200)
    found = nearest(vectors, 12)
    distance, index = NearestNeighbors(n_neighbors=12).fit(vectors).kneighbors()
    assert np.array_equal(found.index, index)
    assert np.allclose(found.distance, distance, atol=1e-5)


def test_new_points_are_asked_about_without_being_among_the_answers():
    vectors, new = points(300), points(7, seed=1)
    distance, index = NearestNeighbors(n_neighbors=4).fit(vectors).kneighbors(new)
    found = nearest(vectors, 4, new)
    assert np.array_equal(found.index, index)
    assert np.allclose(found.distance, distance, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(0, 10_000), st.floats(0, 1e4))
def test_no_point_is_its_own_neighbour_even_among_copies_far_from_the_origin(count, seed, shift):
    vectors = np.repeat(points(count, seed=seed), 2, axis=0) + np.float32(shift)
    found = nearest(vectors, 1)
    assert (found.index[:, 0] != np.arange(len(vectors))).all()
    assert (found.distance == 0).all()


def test_more_neighbours_than_there_are_is_refused():
    with pytest.raises(ValueError, match="9 other points"):
        nearest(points(10), 10)

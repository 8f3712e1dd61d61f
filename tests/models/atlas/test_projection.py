import numpy as np
import pytest
from scipy.optimize import brentq

from models.atlas.projection import NEIGHBOURS, membership, place, project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crowds():
    """Three crowds in ten dimensions, and which crowd each point is of."""
    rng = np.random.default_rng(0)
    crowd = np.arange(240) % 3
    return (8 * np.eye(10)[crowd] + rng.normal(size=(240, 10))).astype(np.float32), crowd


@pytest.fixture(scope="module")
def drawn(crowds):
    return project(crowds[0], seed=0)


def test_the_same_seed_draws_the_same_map_and_another_seed_another(crowds, drawn):
    assert np.array_equal(project(crowds[0], seed=0), drawn)
    assert not np.allclose(project(crowds[0], seed=1), drawn)


def test_crowds_of_the_original_space_stay_together(crowds, drawn):
    _, crowd = crowds
    middles = np.stack([drawn[crowd == each].mean(0) for each in range(3)])
    nearest_middle = np.linalg.norm(drawn[:, None] - middles, axis=2).argmin(1)
    assert (nearest_middle == crowd).mean() > 0.95
    assert np.allclose(drawn.mean(0), 0, atol=1e-4)
    assert np.linalg.norm(drawn, axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_a_new_point_lands_among_its_neighbours_and_moves_none(crowds, drawn):
    vectors, crowd = crowds
    before = drawn.copy()
    rng = np.random.default_rng(5)
    new = (8 * np.eye(10)[[0, 1, 2]] + rng.normal(size=(3, 10))).astype(np.float32)
    placed = place(new, vectors, drawn)
    assert np.array_equal(before, drawn)
    for each, where in enumerate(placed):
        near = np.linalg.norm(drawn - where, axis=1).argsort()[:NEIGHBOURS]
        assert (crowd[near] == each).mean() > 0.9
    assert place(np.zeros((0, 10), dtype=np.float32), vectors, drawn).shape == (0, 2)


def test_membership_solves_umaps_equation_as_a_root_finder_does():
    distances = np.sort(np.random.default_rng(1).gamma(2.0, size=(6, 15)), axis=1) + 0.3
    found = membership(distances)
    for row, strengths in zip(distances, found, strict=True):
        beyond = row - row[0]
        sigma = brentq(lambda s, b=beyond: np.exp(-b / s).sum() - np.log2(15), 1e-6, 1e6, xtol=1e-12)
        assert np.allclose(strengths, np.exp(-beyond / sigma), atol=1e-6)
    assert np.allclose(membership(np.ones((2, 15))), 1)


def test_a_map_of_too_few_points_is_refused():
    with pytest.raises(ValueError, match="too few"):
        project(np.zeros((9, 3), dtype=np.float32), seed=0)

import numpy as np
import pytest

from models.mood.control import QuantisedElements
from models.style.latents import GROUPS, STYLE_GROUPS, Latents

BARS, DIM = 4, 3


def clip(rng, **means):
    groups = {name: rng.normal(means.get(name, 0.0), 1.0, (BARS, DIM)).astype(np.float32) for name in GROUPS}
    return Latents("one", groups, {"domain": "pop"})


@pytest.fixture(scope="module")
def elements():
    """The quadrants differ in dynamics alone: 2, 1, -1 and -2."""
    rng = np.random.default_rng(0)
    quadrant = np.tile(np.arange(4), 40)
    clips = [clip(rng, dynamics=[2.0, 1.0, -1.0, -2.0][each]) for each in quadrant]
    return QuantisedElements.of(clips, quadrant)


def test_a_bar_in_no_mood_is_the_nearest_code(elements):
    own = clip(np.random.default_rng(1))
    found = elements.moved(own, None)
    np.testing.assert_array_equal(found.groups["content"], own.groups["content"])
    assert found.piece == own.piece
    for name in STYLE_GROUPS:
        codes = elements.books[name].codes
        away = np.linalg.norm(own.groups[name][:, None] - codes, axis=2)
        np.testing.assert_allclose(found.groups[name], codes[away.argmin(1)], rtol=1e-5)


def test_a_mood_moves_the_element_in_which_its_clips_differ(elements):
    own = clip(np.random.default_rng(2))
    plain, loud, soft = (elements.moved(own, quadrant).groups for quadrant in (None, 0, 3))
    assert (
        soft["dynamics"].mean()
        < plain["dynamics"].mean() - 0.3
        < plain["dynamics"].mean() + 0.3
        < loud["dynamics"].mean()
    )
    for name in {*STYLE_GROUPS} - {"dynamics"}:
        assert abs(loud[name] - soft[name]).mean() < 0.7 < abs(loud["dynamics"] - soft["dynamics"]).mean()

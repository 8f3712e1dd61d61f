import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.taste.space import nearest_clips, similar_path


def test_the_most_similar_clips_come_in_order() -> None:
    clips = np.array([[3.0, 0], [0, 1], [0.5, 0], [-2, 0]])
    assert nearest_clips(clips, [0.0, 0], 3) == [2, 1, 3]
    assert nearest_clips(clips, [3.0, 0.1], 9) == [0, 2, 1, 3]
    assert nearest_clips(np.zeros((0, 2)), [0.0, 0], 3) == []


def test_a_path_goes_on_from_each_clip_to_the_nearest_that_is_farther() -> None:
    line = np.array([[1.0, 0], [2, 0], [3, 0], [-1.5, 0]])
    assert similar_path(line, [0.0, 0], 9) == [0, 1, 2]  # not back to the other side
    assert similar_path(line, [0.0, 0], 2) == [0, 1]
    assert similar_path(line[:1], line[0], 3) == []  # the same clip is no step


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_each_step_of_any_path_is_farther_from_its_beginning(seed: int, count: int) -> None:
    clips = np.random.default_rng(seed).normal(size=(count, 5))
    start = clips[0]
    away = np.linalg.norm(clips[similar_path(clips, start, 8)] - start, axis=1)
    assert (np.diff(away) > 0).all()
    if count > 1:
        assert away[0] == pytest.approx(np.linalg.norm(clips[1:] - start, axis=1).min())

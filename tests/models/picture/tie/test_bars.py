import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.picture.tie.bars import TEMPI_BPM, BarLines, bar_lines, usual_bpm


def lines_of(seconds: float, cuts: list[float], bpm: float = 92.0) -> BarLines:
    times = np.arange(0, seconds, 1 / 6)
    return bar_lines(seconds, np.array(sorted(cuts)), times, np.full(len(times), bpm))


def test_bar_lines_lie_on_cuts() -> None:
    lines = lines_of(30.0, [11.79, 15.67, 22.96])
    assert lines.met == 3
    for cut in (11.79, 15.67, 22.96):
        assert np.abs(lines.starts_s - cut).min() < 1e-6


def test_a_cut_that_no_tempo_reaches_is_left_out() -> None:
    lines = lines_of(20.0, [10.0, 10.6])
    assert lines.met == 1


def test_seeds_spread_over_the_tempi_of_such_music() -> None:
    drawn = np.array([usual_bpm("pop", seed) for seed in range(400)])
    assert 74 <= drawn.min() < 80
    assert 150 < drawn.max() <= 159
    assert abs(np.median(drawn) - 118) < 6


def test_motion_bends_the_tempo_within_a_shot() -> None:
    times = np.arange(0, 40, 0.25)
    lines = bar_lines(40.0, np.array([]), times, np.where(times < 20, 70.0, 120.0))
    assert lines.tempo_bpm[0] < 80
    assert lines.tempo_bpm[-1] > 105


@example(15.9, [], 52.0)
@example(10.22, [], 176.0)
@given(st.floats(2.5, 300), st.lists(st.floats(0.01, 0.99), max_size=12), st.floats(*TEMPI_BPM))
def test_the_bars_fill_the_film_whatever_its_cuts(seconds: float, places: list[float], bpm: float) -> None:
    lines = lines_of(seconds, [place * seconds for place in places], bpm)
    assert lines.starts_s[0] == 0
    assert lines.starts_s[-1] == pytest.approx(seconds)
    assert (np.diff(lines.starts_s) > 0).all()
    if seconds > 10:
        assert (lines.tempo_bpm > 0.95 * TEMPI_BPM[0]).all()
        assert (lines.tempo_bpm < 1.05 * TEMPI_BPM[1]).all()

"""Statistics of notes on clips whose answers can be counted by hand."""

import numpy as np
import pytest

from models.metrics.music_statistics import note_statistics
from models.music.notes import Piece


def piece(pitches: list[int], *, step: int = 24, duration: int = 24) -> Piece:
    onset = np.arange(len(pitches)) * step
    rows = np.stack([onset, np.full(len(pitches), duration), pitches, np.full(len(pitches), 80)], axis=1)
    bars = -(-int(onset[-1] + 1) // 96)
    return Piece(rows, np.array([(96 * i, 96, 4, 4) for i in range(bars)]), np.full(bars, 120.0))


def test_a_scale_goes_in_steps_and_always_up() -> None:
    found = note_statistics(piece([60, 62, 64, 65, 67, 69, 71, 72]))
    assert found["steps"] == 1
    assert found["falls"] == found["leaps"] == found["turns"] == 0
    assert found["onsets_per_second"] == pytest.approx(np.log(8 / 4))
    assert found["rests"] == 0


def test_one_note_again_and_again_is_repetitive_and_a_random_walk_is_not() -> None:
    same = note_statistics(piece([60] * 32))
    walk = note_statistics(piece(np.random.default_rng(0).integers(48, 84, 32).tolist()))
    assert same["figures_again"] > walk["figures_again"]
    assert same["compressed"] < walk["compressed"]
    assert same["pitch_entropy"] == 0


def test_a_clash_is_rough_and_a_fifth_is_not() -> None:
    both = {}
    for name, other in (("second", 61), ("fifth", 67)):
        low, high = piece([60] * 4), piece([other] * 4)
        both[name] = note_statistics(Piece(np.concatenate([low.notes, high.notes]), low.bars, low.tempo_bpm))
    assert both["second"]["rough"] == pytest.approx(1)
    assert both["fifth"]["rough"] == 0
    assert both["second"]["close_clashes"] == 1
    assert both["fifth"]["sounding_max"] == 2


def test_a_single_note_has_finite_statistics_and_none_is_refused() -> None:
    assert all(np.isfinite(value) for value in note_statistics(piece([60])).values())
    with pytest.raises(ValueError, match="no notes"):
        note_statistics(Piece(np.zeros((0, 4)), np.array([[0, 96, 4, 4]]), np.array([120.0])))

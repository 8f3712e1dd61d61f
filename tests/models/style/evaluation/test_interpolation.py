"""The way between two clips, measured beside the baseline with a tiny model."""

import numpy as np
import pytest

from models.experiments.report import Report
from models.style.evaluation.interpolation import SHARES, STEPS, cross_fade, interpolation

pytestmark = pytest.mark.slow


def test_a_cross_fade_is_the_one_at_its_beginning_and_the_other_at_its_end(scales) -> None:
    one, other = scales.pieces[:2]
    rng = np.random.default_rng(0)
    assert cross_fade(one, other, 0.0, rng).notes.tolist() == one.notes.tolist()
    assert cross_fade(one, other, 1.0, rng).notes.tolist() == other.notes.tolist()
    half = cross_fade(one, other, 0.5, rng)
    assert {tuple(note) for note in half.notes.tolist()} <= {tuple(n) for p in (one, other) for n in p.notes.tolist()}
    assert half.tempo_bpm[0] == pytest.approx(np.sqrt(80 * 90))


def test_a_way_is_told_by_its_steps(scales, composer) -> None:
    report = Report("test", {}, {}, 0)
    interpolation(report, composer, scales, seed=0)
    found = report.metrics
    places = [found[f"interpolation.place_{k + 1}"] for k in range(STEPS)]
    assert [place.reference for place in places] == list(SHARES)
    faded = [place.baseline for place in places]
    assert faded[0] < faded[-1]  # a cross-fade does come nearer
    assert found["interpolation.largest_step"].value >= 1 / (STEPS + 1)
    assert found["interpolation.detour"].value >= 0
    assert found["interpolation.in_key"].n == STEPS * len(scales.pieces)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.mood.judge import (
    FARTHEST,
    FEATURES,
    SHIPPED,
    SHORTEST_S,
    Judge,
    MoodNetwork,
    as_heard,
    drawn_variant,
    excerpt,
    flattened,
    load_mood,
    parts,
    written,
)
from models.mood.labels import digest
from models.music.notes import Piece

MAJOR, MINOR = (60, 64, 67, 72), (57, 60, 64, 69)


def arpeggios(chord: tuple[int, ...], *, step: int, tempo_bpm: float, velocity: int, bars: int = 8) -> Piece:
    """A chord broken again and again over its bass, the last bar's note louder than the rest."""
    onsets = np.arange(0, 96 * bars, step)
    rows = [(onset, step, chord[place % len(chord)], velocity) for place, onset in enumerate(onsets)]
    rows += [(96 * bar, 96, chord[0] - 12, velocity + (bar == bars - 1)) for bar in range(bars)]
    grid = [(96 * bar, 96, 4, 4) for bar in range(bars)]
    return Piece(np.array(rows), np.array(grid), np.full(bars, tempo_bpm), domain="pop")


@pytest.fixture(scope="module")
def bundle():
    return load_mood(SHIPPED)


def test_velocities_that_are_all_the_same_say_nothing() -> None:
    piece = arpeggios(MAJOR, step=12, tempo_bpm=100, velocity=90)
    loud, soft = flattened(piece, 110), flattened(piece, 20)
    for features in FEATURES.values():
        assert features(loud) == pytest.approx(features(soft))
    assert as_heard(piece) is piece


def test_the_second_judge_hears_the_same_harmony_in_every_key() -> None:
    piece = arpeggios(MINOR, step=12, tempo_bpm=100, velocity=70)
    of_harmony = slice(0, 38)
    features = FEATURES["second"]
    assert features(piece)[of_harmony] == pytest.approx(features(piece.transposed(5))[of_harmony])


def test_lively_music_is_more_aroused_and_major_music_more_positive_for_both_judges(bundle) -> None:
    lively = arpeggios(MAJOR, step=6, tempo_bpm=150, velocity=95)
    calm = arpeggios(MAJOR, step=24, tempo_bpm=66, velocity=45)
    sad = arpeggios(MINOR, step=24, tempo_bpm=66, velocity=45)
    for judge in (bundle.first, bundle.second):
        said = judge.judge([lively, calm, sad])
        assert said.quadrant.sum(1) == pytest.approx(1)
        assert said.arousal[0] > 0 > said.arousal[1]
        assert said.valence[1] > said.valence[2]


def test_a_clip_is_judged_by_the_network_that_has_not_heard_it() -> None:
    piece = arpeggios(MAJOR, step=12, tempo_bpm=100, velocity=70)
    networks = [MoodNetwork(45, 4, 2).eval() for _ in range(2)]
    told = [network.probabilities(FEATURES["first"](piece))[0] for network in networks]
    known = Judge("first", networks, {digest(piece): 1}).judge([piece])
    unknown = Judge("first", networks, {}).judge([piece])
    assert known.quadrant[0] == pytest.approx(told[1])
    assert unknown.quadrant[0] == pytest.approx((told[0] + told[1]) / 2)


def test_music_of_another_kind_counts_as_the_most_extreme_that_was_known() -> None:
    network = MoodNetwork(3, 4, 2).eval()
    far = np.array([[FARTHEST, 0, 0], [1e6, 0, 0]])
    one, other = network.probabilities(far)
    assert one == pytest.approx(other)


def test_long_music_is_heard_in_parts_and_short_music_whole() -> None:
    short = arpeggios(MAJOR, step=12, tempo_bpm=120, velocity=70)
    long = arpeggios(MAJOR, step=12, tempo_bpm=120, velocity=70, bars=60)
    assert parts(short) == [short]
    assert [round(float(np.ptp(each.seconds_at(each.notes[:, 0])))) for each in parts(long)] == [30] * 5


def test_a_variant_is_the_same_music_and_never_too_short_to_judge() -> None:
    piece = arpeggios(MAJOR, step=12, tempo_bpm=120, velocity=70)
    low = replace(piece, notes=piece.notes - np.array([0, 0, 40, 0]))
    rng = np.random.default_rng(0)
    for _ in range(40):
        found = drawn_variant(piece, rng)
        assert len(found.notes) >= SHORTEST_S * 3
        assert drawn_variant(low, rng).notes[:, 2].min() >= low.notes[:, 2].min()
    assert excerpt(piece, 100, 5) is piece


def test_written_music_begins_together_and_lasts_no_longer_than_the_next_but_one() -> None:
    rolled = np.array([(1, 40, 60, 70), (2, 40, 64, 70), (4, 40, 67, 70), (25, 90, 72, 70), (49, 20, 76, 70)])
    piece = Piece(rolled, np.array([(0, 96, 4, 4)]), np.array([120.0]))
    found = written(piece, 6, legato=True).notes
    assert found[:, 0].tolist() == [0, 0, 6, 24, 48]
    assert found[:, 1].tolist() == [24, 24, 42, 72, 18]
    assert (written(piece, 6, legato=False).notes[:, 1] % 6 == 0).all()

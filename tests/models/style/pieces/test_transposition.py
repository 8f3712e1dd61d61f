"""Where real music lies: tunes in few keys, transposed at random, are brought back."""

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.pieces import transposition
from models.style.pieces.checkpoint import tiny_pieces
from models.style.pieces.sampling import Writer
from models.style.pieces.transposition import SHIFTS, Transposition

MAJOR = np.array([0, 2, 4, 5, 7, 9, 11, 12])


def tune(rng: np.random.Generator, tonic: int) -> Piece:
    """Thirty-two quavers in four bars of a major key from ``tonic`` up an octave."""
    onset = np.arange(32) * 12
    pitch = tonic + MAJOR[rng.integers(0, 8, 32)]
    bars = [(96 * n, 96, 4, 4) for n in range(4)]
    return Piece(
        notes=np.stack([onset, np.full(32, 12), pitch, np.full(32, 70)], axis=1).astype(np.int32),
        bars=np.array(bars, dtype=np.int32),
        tempo_bpm=np.full(4, 100, dtype=np.float32),
        domain="dance",
    )


@pytest.fixture(scope="module")
def known() -> Transposition:
    """Learned from tunes in D and G."""
    rng = np.random.default_rng(0)
    return Transposition.fit([tune(rng, tonic) for tonic in (62, 67) * 40])


def test_a_tune_in_a_foreign_key_is_brought_to_one_that_is_used(known):
    rng = np.random.default_rng(1)
    keys = [int(known.moved(tune(rng, tonic), rng).notes[:, 2].min()) for tonic in range(60, 72) for _ in range(8)]
    assert np.mean([key in {62, 67} for key in keys]) > 0.8
    assert {62, 67} <= set(keys)


def test_real_pieces_are_likelier_where_they_are_than_elsewhere(known):
    rng = np.random.default_rng(2)
    chances = np.mean([known.chances(tune(rng, tonic)) for tonic in (62, 67) * 20], axis=0)
    assert chances.sum() == pytest.approx(1)
    assert SHIFTS[chances.argmax()] == 0
    assert chances.max() > 2 / len(SHIFTS)


def test_nothing_is_moved_to_where_the_model_has_no_pitches(known):
    lowest = tune(np.random.default_rng(3), 62).transposed(-40)
    chances = known.chances(lowest)
    assert chances[lowest.notes[:, 2].min() + SHIFTS < transposition.LOWEST_PITCH].sum() == 0
    silent = Piece(notes=lowest.notes[:0], bars=lowest.bars, tempo_bpm=lowest.tempo_bpm)
    assert known.moved(silent, np.random.default_rng(0)) is silent


@pytest.mark.slow
def test_what_is_known_is_kept_beside_the_card_and_asked_by_the_writer(known, tmp_path):
    transposition.save(tmp_path, {"dance": known})
    back = transposition.load(tmp_path)["dance"]
    assert np.allclose(back.table, known.table, atol=1e-3)
    assert np.allclose(back.weights, known.weights, atol=1e-3)
    assert transposition.load(None) == {}
    writer = Writer(tiny_pieces())
    before = writer.compose("dance", count=6, bars=4, seed=1)
    writer.transpositions = {"dance": known}
    after = writer.compose("dance", count=6, bars=4, seed=1)
    shifts = [set((b.notes[:, 2] - a.notes[:, 2]).tolist()) for a, b in zip(before, after, strict=True) if len(a.notes)]
    assert all(len(each) == 1 for each in shifts)
    assert set.union(*shifts) != {0}

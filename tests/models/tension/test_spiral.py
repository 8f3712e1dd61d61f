from __future__ import annotations

import numpy as np
import pytest

from models.music.notes import Piece
from models.tension.evaluation import RISE, chord_centre, helix_point, key_centre, own_chances, tonal_tension


def chords(*triads: tuple[int, int, int]) -> Piece:
    notes = [(bar * 96, 96, pitch, 80) for bar, triad in enumerate(triads) for pitch in triad]
    bars = [(bar * 96, 96, 4, 4) for bar in range(len(triads))]
    return Piece(np.array(notes), np.array(bars), np.full(len(triads), 120.0), domain="pop")


def test_fifths_rise_and_four_of_them_are_a_turn() -> None:
    for lower in (0, -4):
        assert helix_point(lower + 4) - helix_point(lower) == pytest.approx([0, 0, 4 * RISE], abs=1e-12)
    assert np.linalg.norm(helix_point(1) - helix_point(0)) == pytest.approx(np.sqrt(2 + RISE**2))


def test_a_far_chord_is_further_from_the_key_than_its_own_ones() -> None:
    own = [np.linalg.norm(chord_centre(root, minor=False) - key_centre(minor=False)) for root in (0, 1, -1)]
    assert max(own) < np.linalg.norm(chord_centre(6, minor=False) - key_centre(minor=False))


def test_strain_and_momentum_rise_where_the_music_leaves_its_key() -> None:
    c, f, g, far = (60, 64, 67), (60, 65, 69), (59, 62, 67), (61, 66, 70)
    found = tonal_tension(chords(c, f, g, c, far, c, g, c))
    assert found.shape == (16, 3)
    assert found[8:10, 2].min() > np.delete(found[:, 2], [8, 9]).max()
    assert found[8, 1] == found[:, 1].max()
    assert np.all(
        tonal_tension(chords(c, f, g, c))
        == pytest.approx(tonal_tension(chords(*[tuple(p + 2 for p in t) for t in (c, f, g, c)])))
    )


def test_a_piece_teaches_what_it_repeats() -> None:
    symbols = [3, 1, 4, 1, 5] * 6
    found = own_chances(symbols, np.full(len(symbols), 0.01))
    assert found[:5].max() <= 0.5
    assert found[-5:].min() > 0.6

"""The harmony of a section back is likelier in a bar, as far as it is another than that of its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from models.music.tokens import BAR, DURATION, LENGTH, METER, PITCH, POSITION, TEMPO, VELOCITY
from models.style.pieces.checkpoint import tiny_pieces
from models.style.pieces.conditions import ABSENT, LOWEST
from models.style.pieces.data import whole_tokens
from models.style.pieces.harmony import Harmony

C, F, G = (60, 64, 67), (65, 69, 72), (67, 71, 74)


def played(chords, returns=(), rows=1, found=None, number=0):
    """A chord for each half of a bar of 48 grid steps, in all pieces alike, and then the beginning of another bar."""
    found = found or Harmony(rows)
    back = dict(enumerate(returns, number + 1))
    for halves in [*chords, None]:
        number += 1
        step = np.full((rows, 7), ABSENT)
        step[:, [POSITION, METER, LENGTH, TEMPO]] = BAR, 0, 48, 10
        found.follow(step, np.full(rows, number), np.full(rows, back.get(number, 0)))
        for position, chord in zip((0, 24), halves or (), strict=bool(halves)):
            for pitch in chord * 2:
                note = np.full((rows, 7), ABSENT)
                note[:, [POSITION, PITCH, DURATION, VELOCITY]] = position, pitch, 12, 4
                found.follow(note, np.full(rows, number), np.zeros(rows, dtype=np.int64))
    return found


def likelier(found, position, row=0):
    """The pitch classes that are much likelier than others at ``position``."""
    nats = found.likelier(np.full(len(found._half), position))[row]
    assert np.allclose(nats[:84].reshape(7, 12), nats[:12]), "octaves are alike"
    return {int(pitch + LOWEST[PITCH]) % 12 for pitch in np.flatnonzero(nats > 0.3)}


def classes(chord):
    return {pitch % 12 for pitch in chord}


def test_a_bar_has_the_harmony_of_the_half_that_lies_eight_bars_back():
    found = played([(C, F), *[(G, G)] * 7])
    assert likelier(found, 0) == classes(C) - classes(G)
    assert likelier(found, 30) == classes(F)
    assert found.likelier(np.array([0]))[0].min() < 0, "what is heard around it anyway is less likely"


def test_it_lies_as_far_back_as_the_form_says_and_goes_on_so():
    chords = [(C, C), (F, F), *[(G, G)] * 2]
    assert likelier(played(chords, returns=(0, 0, 0, 0, 4)), 0) == classes(C) - classes(G)
    again = played([*chords, (C, C)], returns=(0, 0, 0, 0, 4, 0))
    assert likelier(again, 0) == classes(F), "a new bar, as far back as the last"


@pytest.mark.parametrize("chords", [[], [(C, C)], [(C, C)] * 8])
def test_nothing_is_likelier_where_nothing_lies_so_far_back_or_all_is_alike(chords):
    assert likelier(played(chords), 0) == set()


def test_a_copy_goes_on_with_what_its_source_has_heard():
    found = played([(C, C), *[(G, G)] * 6], rows=2)
    found._heard[0][1][:] = 0  # another piece, whose first bar is silent
    found.choose(np.array([1, 1]))
    assert found._heard[0] is not found._heard[1]
    played([(G, G)], found=found, rows=2, number=8)
    found.follow(*_bar(2, 9))
    assert likelier(found, 0, row=0) == likelier(found, 0, row=1) == classes(C) - classes(G)


def _bar(rows, number):
    step = np.full((rows, 7), ABSENT)
    step[:, [POSITION, METER, LENGTH, TEMPO]] = BAR, 0, 48, 10
    return step, np.full(rows, number), np.zeros(rows, dtype=np.int64)


def test_chords_come_again_in_whole_pieces_alone(drawing):
    def likeness(pieces):
        """Of the pitch classes of bars with those eight bars back, beyond that with those five back."""
        found = []
        for tokens in map(whole_tokens, pieces):
            bar = np.cumsum(tokens[:, POSITION] == BAR) - 1
            is_note = tokens[:, POSITION] < BAR
            heard = np.zeros((bar.max() + 1, 12))
            np.add.at(heard, (bar[is_note], tokens[is_note, PITCH] % 12), 1)
            heard /= np.maximum(np.linalg.norm(heard, axis=1, keepdims=True), 1e-9)
            found += [*(heard[8:] * heard[:-8]).sum(1) - (heard[8:] * heard[3:-5]).sum(1)]
        return np.mean(found)

    def wholes(**nats):
        return drawing(tiny_pieces(), "dance", **nats).wholes("dance", [(1, n) for n in range(4)], 24)

    plain, led = wholes(), wholes(harmony=12.0)
    assert abs(likeness(plain)) < 0.1
    assert likeness(led) > 0.2

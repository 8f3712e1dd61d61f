"""A piece that comes to be more crowded than real music is given up and begun anew; all others are as they were."""

from dataclasses import replace

import numpy as np
import pytest

from models.music.tokens import BAR, POSITION, to_tokens
from models.style.pieces.conditions import Wishes, regular_tokens
from models.style.pieces.data import density, usually_at_most
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import TIMES_ANEW, Writer
from models.style.pieces.writing import Writing

BARS = 12


def steps(*notes_by_bar):
    """Tokens of bars with so many notes."""
    found = []
    for count in notes_by_bar:
        found += [BAR, *[0] * count]
    tokens = np.zeros((len(found), 7), dtype=np.int16)
    tokens[:, POSITION] = found
    return tokens


@pytest.fixture(scope="module")
def plain():
    return Writer(tiny_pieces(2))


@pytest.fixture(scope="module")
def pieces(plain):
    return plain.compose("pop", count=8, bars=BARS, seed=3)


def test_the_most_crowded_bars_that_lie_together_count():
    assert density(steps(1, 9, 9, 9, 9, 1, 30)) == pytest.approx((9 + 9 + 1 + 30) / 4)
    assert density(steps(4, 2)) == 3
    assert density(steps(0)) == density(steps()) == 0


def test_nearly_all_real_pieces_are_less_crowded(tune):
    some = [tune(number, bars=6) for number in range(20)]
    each = sorted(density(regular_tokens(piece)) for piece in some)
    assert each[-2] <= usually_at_most(some) <= each[-1] + 0.1
    silent = replace(some[0], notes=some[0].notes[:0])
    assert usually_at_most([silent]) is None


def test_what_is_too_crowded_is_written_anew_and_the_rest_stays(plain, pieces, drawing):
    before = np.array([density(to_tokens(piece)) for piece in pieces])
    most = float(np.median(before))
    strict = drawing(plain.bundle, "pop", most_crowded=most)
    after = strict.compose("pop", count=8, bars=BARS, seed=3)
    for was, old, new in zip(before, pieces, after, strict=True):
        assert np.array_equal(old.notes, new.notes) == (was <= most)
    assert max(density(to_tokens(piece)) for piece in after) <= most
    alone = strict.compose("pop", count=1, bars=BARS, seed=3)[0]
    assert np.array_equal(alone.notes, after[0].notes), "whatever is written beside it"


def test_where_nothing_is_sparse_enough_the_last_one_is_taken_as_it_comes(plain, drawing, monkeypatch):
    written = []
    begin = Writing.__init__

    def noted(self, model, wishes, seeds, *more, **told_of):
        written.append((wishes.most_dense, len(seeds)))
        begin(self, model, wishes, seeds, *more, **told_of)

    monkeypatch.setattr(Writing, "__init__", noted)
    found = drawing(plain.bundle, "pop", most_crowded=0.1).compose("pop", count=2, bars=4, seed=1, ending=False)
    assert all(density(to_tokens(piece)) > 0.1 for piece in found)
    assert written == [(0.1, 2)] * TIMES_ANEW + [(np.inf, 2)]


def test_what_is_played_on_may_be_as_crowded_as_it_was(plain, tune, drawing, monkeypatch):
    told = []
    begin = Writing.__init__

    def noted(self, model, wishes, seeds, *more, **told_of):
        told.append(wishes.most_dense)
        begin(self, model, wishes, seeds, *more, **told_of)

    monkeypatch.setattr(Writing, "__init__", noted)
    prompt = tune(1, bars=5)
    drawing(plain.bundle, "dance", most_crowded=0.5).play_on(prompt, 2)
    assert told[0] == density(regular_tokens(prompt)) > 0.5


def test_a_given_up_piece_has_ended_and_a_copy_keeps_its_count():
    model = tiny_pieces(2).model
    writing = Writing(model, Wishes(0, 40, most_dense=4.0), [(0, row) for row in range(6)])
    free = Writing(model, Wishes(0, 40), [(0, row) for row in range(6)])
    while not writing.ended.any():
        writing.step()
        free.step()
    row = int(np.flatnonzero(writing.ended)[0])
    assert writing.given_up[row]
    assert density(free.pieces()[row]) > 4.0
    assert np.array_equal(free.pieces()[row], writing.pieces()[row])
    source = np.arange(6)
    one, other = np.flatnonzero(~writing.ended)[:2]
    source[one] = other
    writing.choose(source)
    assert np.array_equal(writing.notes_before[one], writing.notes_before[other])

"""Pieces that don't close get another ending, by the shipped model, and keep all that comes before."""

import numpy as np
import pytest

from models.metrics.structure import comes_to_rest
from models.music.notes import Piece
from models.style.pieces import sampling, search
from models.style.pieces.sampling import Writer
from models.style.pieces.search import BARS, closing

COUNT, LENGTH = 12, 8


def before_the_end(piece: Piece) -> list[list[int]]:
    """Onset, duration and interval from the first note: where a piece lies is found when it is whole."""
    notes = piece.window(0, len(piece.bars) - BARS).notes[:, :3]
    return (notes - [0, 0, notes[0, 2]]).tolist()


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer.load("pieces-latents")


@pytest.mark.slow
def test_tunes_that_do_not_close_end_otherwise_and_the_rest_stays(writer, monkeypatch) -> None:
    monkeypatch.setattr(sampling, "TRIED", {})
    plain = writer.compose("dance", count=COUNT, bars=LENGTH, seed=3)
    for module in (sampling, search):
        monkeypatch.setattr(module, "TRIED", {"dance": 4})
    ended = writer.compose("dance", count=COUNT, bars=LENGTH, seed=3)
    changed = [not np.array_equal(one.notes, other.notes) for one, other in zip(plain, ended, strict=True)]
    for one, other, is_changed in zip(plain, ended, changed, strict=True):
        assert all(closing(other, "dance")) or not is_changed
        assert len(one.bars) == len(other.bars)
        assert not (is_changed and all(closing(one, "dance")))
        assert before_the_end(one) == before_the_end(other)
    assert any(changed)
    assert not all(changed)


@pytest.mark.slow
def test_a_chorale_gets_another_ending_only_where_that_is_better(writer, monkeypatch) -> None:
    found = []
    for tried in ({}, {"chorale": 4}):
        for module in (sampling, search):
            monkeypatch.setattr(module, "TRIED", tried)
        found.append(writer.compose("chorale", count=6, bars=LENGTH, seed=5))
    better = [closing(other, "chorale") > closing(one, "chorale") for one, other in zip(*found, strict=True)]
    same = [np.array_equal(one.notes, other.notes) for one, other in zip(*found, strict=True)]
    assert any(better)
    assert [not each for each in better] == same


@pytest.mark.slow
def test_pop_comes_to_rest_where_another_ending_does(writer, monkeypatch) -> None:
    found = []
    for tried in ({}, {"pop": 4}):
        for module in (sampling, search):
            monkeypatch.setattr(module, "TRIED", tried)
        found.append(writer.compose("pop", count=8, bars=LENGTH, seed=1))
    rested = [[comes_to_rest(piece) for piece in pieces] for pieces in found]
    assert sum(rested[1]) > sum(rested[0])
    for one, other, before in zip(*found, rested[0], strict=True):
        assert not before or np.array_equal(one.notes, other.notes)


@pytest.mark.slow
def test_what_breaks_off_stays_as_it_is(writer, monkeypatch) -> None:
    found = []
    for tried in ({}, {"dance": 4}):
        for module in (sampling, search):
            monkeypatch.setattr(module, "TRIED", tried)
        found.append(writer.compose("dance", count=4, bars=LENGTH, seed=3, ending=False))
    assert all(np.array_equal(one.notes, other.notes) for one, other in zip(*found, strict=True))

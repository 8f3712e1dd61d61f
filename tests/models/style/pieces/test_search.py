"""Particles go on as copies of those that a reward likes, and what is written then follows from these."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.voice_leading import part_writing_faults
from models.music.notes import Piece
from models.music.tokens import BAR, LENGTH, METER, METERS, PITCH, POSITION, TEMPO
from models.style.pieces.conditions import Wishes
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer
from models.style.pieces.search import Particles, first_bars, survivors
from models.style.pieces.writing import Writing


def test_the_better_a_particle_the_more_copies_go_on_and_survivors_stay_where_they_are() -> None:
    rewards = np.array([0.0, 2.0, -np.inf, 1.0, -5.0, 1.0])
    drawn = np.mean(
        [np.bincount(survivors(rewards, np.random.default_rng(n)), minlength=6) for n in range(400)], axis=0
    )
    weight = np.exp(2 * rewards)
    np.testing.assert_allclose(drawn, 6 * weight / weight.sum(), atol=0.08)
    found = survivors(rewards, np.random.default_rng(0))
    assert all(found[each] == each for each in set(found.tolist()))
    np.testing.assert_array_equal(survivors(np.full(3, -np.inf), np.random.default_rng(0)), [0, 1, 2])


def test_a_copy_hears_what_its_source_has_heard() -> None:
    writing = Writing(tiny_pieces().model, Wishes(1, 8, regular=True), [(0, row) for row in range(4)])
    for _ in range(12):  # fewer than it hears at once
        writing.step()
    writing._hear_again()  # as it does when its context is full: the first bar's meter is then told before it
    state = writing.state.copy()
    writing.likelihood[:] = range(4)
    source = np.array([2, 1, 2, 3])
    writing.choose(source)
    assert writing.likelihood.tolist() == source.tolist()
    assert (writing.state == state[[2, 1, 2, 3]]).all()
    one, *_, other = np.array(writing.pieces(), dtype=object)[[0, 2]]
    np.testing.assert_array_equal(one, other)
    writing.step()
    cached = writing.state.copy()
    writing._hear_again()  # what the cache says is what is heard when all is heard anew
    running = ~writing.ended
    np.testing.assert_allclose(cached[running], writing.state[running], atol=1e-4)
    writing.ended[0] = True
    with pytest.raises(ValueError, match="ended"):
        writing.choose(np.array([1, 1, 2, 3]))


@pytest.mark.slow
def test_a_search_writes_more_of_what_is_rewarded() -> None:
    def few_notes(piece: Piece) -> float:
        return -len(piece.notes) / 10

    writer, seeds = Writer(tiny_pieces()), [(0, turn) for turn in range(8)]
    places = writer.places("dance", seeds, 12)
    particles = Particles("dance", few_notes, 8, [(0,)])
    plain = writer.excerpts("dance", seeds, 12, places)
    found = writer.excerpts("dance", seeds, 12, places, after_step=particles)
    assert particles.resampled >= 1
    assert np.mean([len(piece.notes) for piece in found]) < np.mean([len(piece.notes) for piece in plain])
    assert len(found) == 8


def test_groups_stay_together_however_many_pieces_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, groups = Writer(tiny_pieces()), [(0, number) for number in range(3)]
    seeds = [(*group, turn) for group in groups for turn in range(4)]
    found = []
    for at_once in (12, 6, 3):
        monkeypatch.setattr("models.style.pieces.sampling.SIDE_BY_SIDE", at_once)
        particles = Particles("dance", lambda piece: -len(piece.notes) / 10, 4, groups)
        found.append(writer.excerpts("dance", seeds, 12, writer.places("dance", seeds, 12), after_step=particles))
        assert particles.resampled >= 1
    for pieces in zip(*found, strict=True):
        assert len({each.notes.tobytes() for each in pieces}) == 1


def test_what_goes_on_of_a_group_does_not_hang_on_other_groups_and_begins_after_the_prompt() -> None:
    judged: list[int] = []

    def heard(piece: Piece) -> float:
        judged.append(len(piece.bars))
        return -len(piece.notes) / 10

    prompt = np.full((2, 7), -1, dtype=np.int16)  # two empty bars of 4/4
    prompt[:, POSITION], prompt[:, METER], prompt[:, LENGTH], prompt[:, TEMPO] = BAR, METERS.index((4, 4)), 48, 20
    found = []
    for groups in (1, 2):
        seeds = [(0, number, turn) for number in range(groups) for turn in range(4)]
        writing = Writing(tiny_pieces().model, Wishes(1, 10, regular=True), seeds, prompt)
        particles = Particles("dance", heard, 4, [(0, number) for number in range(groups)])
        while not writing.ended.all():
            writing.step()
            particles(writing)
        assert particles.resampled >= groups
        found.append(writing.pieces()[:4])
    assert min(judged) == 6  # four more than the prompt has
    for alone, beside in zip(*found, strict=True):
        np.testing.assert_array_equal(alone, beside)


@pytest.mark.slow
def test_chorales_with_fewer_faults_go_on(drawing) -> None:
    seeds = [(0, number) for number in range(4)]
    faults = []
    for weight in (0.0, 24.0):
        writer = drawing(tiny_pieces(), "chorale", among=8, faults=weight)
        pieces = writer.excerpts("chorale", seeds, 12, writer.places("chorale", seeds, 12))
        faults.append(np.mean([part_writing_faults(piece) for piece in pieces]))
    assert faults[1] < faults[0]


def test_the_first_bars_are_whole() -> None:
    tokens = np.full((9, 7), -1, dtype=np.int16)
    tokens[:, PITCH] = 60
    tokens[:, POSITION] = 0
    tokens[[0, 4, 7], POSITION] = BAR
    assert len(first_bars(tokens, 1)) == 4
    assert len(first_bars(tokens, 2)) == 7

"""Whole pieces as rows of steps to train on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import BAR, DURATION, END, PITCH, POSITION, TEMPO, to_tokens
from models.style.pieces.conditions import (
    ABSENT,
    OF_LEFT,
    OF_MOOD,
    OF_NUMBER,
    OF_RETURNS,
    classes,
    regular_tokens,
    returns_of,
    whole_tokens,
)
from models.style.pieces.data import Batch, PieceSet, draw_part, make_batch, training_batch


@pytest.fixture(scope="module")
def pieces(tune) -> PieceSet:
    return PieceSet.of([tune(seed, bars=6, domain=domain) for seed in range(4) for domain in DOMAINS])


def later(rows: np.ndarray, ticks: int) -> np.ndarray:
    """Notes or bars so many ticks later."""
    return rows + np.array([ticks, 0, 0, 0])


def joined(parts: list[Piece]) -> Piece:
    """Pieces of one meter behind each other."""
    ticks = np.cumsum([0, *(part.end_tick for part in parts)])
    notes = [later(part.notes, tick) for part, tick in zip(parts, ticks, strict=False)]
    bars = [later(part.bars, tick) for part, tick in zip(parts, ticks, strict=False)]
    return replace(
        parts[0],
        notes=np.concatenate(notes),
        bars=np.concatenate(bars),
        tempo_bpm=np.full(sum(len(part.bars) for part in parts), 100.0),
    )


def with_pickup(piece: Piece) -> Piece:
    """A quarter before the first bar."""
    return replace(
        piece,
        notes=np.concatenate([[[0, 24, 60, 64]], later(piece.notes, 24)]),
        bars=np.concatenate([[[0, 24, 4, 4]], later(piece.bars, 24)]),
        tempo_bpm=np.append(piece.tempo_bpm, piece.tempo_bpm[-1]),
    )


def test_a_part_ends_with_its_piece_and_counts_its_bars(pieces) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        part = draw_part(pieces, np.arange(len(pieces)), 1000, rng, training=False)
        heads = part.classes[:, POSITION] == BAR
        assert part.classes[0, POSITION] == ABSENT
        assert part.classes[-1, POSITION] == END
        left = part.conditions[heads, OF_LEFT]
        assert (np.diff(left) == -1).all()
        assert left[-1] == 0
        assert (left + part.conditions[heads, OF_NUMBER] == 6).all()
        assert part.conditions[0, OF_LEFT] == left[0] + 1
        assert (np.diff(part.bars[1:-1]) >= 0).all()


def test_a_pickup_is_bar_number_zero_and_ends_where_the_first_bar_begins(tune) -> None:
    plain, early = (PieceSet.of([piece]) for piece in (tune(1, bars=6), with_pickup(tune(1, bars=6))))
    without, part = (
        draw_part(found, np.array([0]), 1000, np.random.default_rng(2), training=False) for found in (plain, early)
    )
    assert part.conditions[1:3, OF_NUMBER].tolist() == [0, 0]
    assert part.bars[1] == 0.75
    assert np.array_equal(part.bars[3:], without.bars[1:])
    assert np.array_equal(part.conditions[3:, OF_LEFT], without.conditions[1:, OF_LEFT])
    assert part.conditions[0, OF_LEFT] == without.conditions[0, OF_LEFT] == 6


def test_bars_that_come_again_are_found(tune) -> None:
    a, b = tune(1, bars=4), tune(2, bars=4)
    found = returns_of(to_tokens(joined([a, a, b, a])))
    assert found.tolist() == [0] * 4 + [4] * 4 + [0] * 4 + [8] * 4


def test_training_rows_are_transposed_and_told_of_less(pieces) -> None:
    batch = make_batch(pieces, [1] * 40, 128, np.random.default_rng(0), training=True)
    known = {
        field: (batch.steps.conditions[..., field] != ABSENT).float().mean().item()
        for field in (OF_LEFT, OF_RETURNS, OF_NUMBER)
    }
    assert 0.6 < known[OF_LEFT] < 0.9
    assert 0.1 < known[OF_RETURNS] < 0.5
    assert known[OF_NUMBER] > 0.9
    plain = {steps.tobytes() for steps in np.split(classes(pieces.tokens), pieces.edges[1:-1])}
    shifted = draw_part(pieces, np.array([0]), 1000, np.random.default_rng(3), training=True)
    assert shifted.classes[1:-1].tobytes() not in plain


def test_moods_are_told_of_half_the_parts_in_training_and_kept_in_the_file(pieces, tmp_path) -> None:
    judged = replace(pieces, moods=np.tile([2, 5], (len(pieces.heads), 1)))
    judged.save(tmp_path / "pieces.npz")
    again = PieceSet.load(tmp_path / "pieces.npz")
    assert np.array_equal(again.moods, judged.moods)
    told = make_batch(again, [1] * 60, 128, np.random.default_rng(0), training=True).steps.conditions[..., OF_MOOD]
    for column, fifth in enumerate((2, 5)):
        share = (told[..., column] == fifth).float().mean().item()
        assert 0.3 < share < 0.55
    assert {tuple(pair) for pair in told.reshape(-1, 2).tolist()} <= {(2, 5), (0, 5), (2, 0), (0, 0), (-1, -1)}
    held_out = make_batch(again, [1] * 8, 128, np.random.default_rng(0), training=False).steps.conditions
    assert (held_out[..., OF_MOOD] <= 0).all()


def test_a_row_s_steps_are_followed_by_the_next_ones(pieces) -> None:
    batch = make_batch(pieces, [0, 1, 2], 200, np.random.default_rng(0), training=False)
    assert batch.steps.classes.shape == (3, 200, 7)
    assert torch.equal(batch.steps.classes[:, 1:], batch.following[:, :-1])
    part = batch.steps.part
    ends = batch.steps.classes[:, :-1, POSITION] == END
    assert torch.equal(ends, part[:, 1:] != part[:, :-1])
    assert (batch.following[:, :-1, POSITION][ends] == ABSENT).all()  # nothing is to be told after an end


def equal(left: Batch, right: Batch) -> bool:
    return torch.equal(left.following, right.following) and torch.equal(left.steps.conditions, right.steps.conditions)


def test_a_batch_depends_on_seed_and_number_alone(pieces) -> None:
    one, again, other, next_one = (
        training_batch(pieces, rows=4, context=64, seed=seed, number=number)
        for seed, number in ((0, 7), (0, 7), (1, 7), (0, 8))
    )
    assert equal(one, again)
    assert not equal(one, other)
    assert not equal(one, next_one)


def test_rows_come_by_the_domains_shares(pieces) -> None:
    batch = training_batch(
        pieces, rows=400, context=16, seed=0, number=0, share={"pop": 0.6, "dance": 0.4, "chorale": 0.0}
    )
    rows = np.bincount(batch.steps.conditions[:, 0, 0].numpy(), minlength=3) / 400
    assert rows == pytest.approx([0.6, 0.4, 0], abs=0.06)


def test_what_is_saved_is_read_again(pieces, tmp_path) -> None:
    pieces.save(tmp_path / "train.npz")
    again = PieceSet.load(tmp_path / "train.npz")
    assert again.names == pieces.names
    for name in ("tokens", "edges", "heads", "first", "returns", "domain"):
        assert np.array_equal(getattr(again, name), getattr(pieces, name)), name


def test_silence_around_a_piece_and_pieces_without_bars_are_left_out(tune) -> None:
    piece = tune(0, bars=6)
    late = replace(
        piece,
        notes=piece.notes[(piece.notes[:, 0] >= 96) & (piece.notes[:, 0] < 5 * 96)],
    )
    assert (regular_tokens(late)[:, POSITION] == BAR).sum() == 4
    assert whole_tokens(replace(piece, extra={"bars": "unestimated"})) is None
    assert whole_tokens(piece.window(0, 3)) is None
    with pytest.raises(MusicError, match="none of the 1 pieces"):
        PieceSet.of([piece.window(0, 2)])


def test_classes_begin_at_nought(pieces) -> None:
    found = classes(pieces.tokens)
    notes = pieces.tokens[:, PITCH] >= 0
    assert np.array_equal(found[notes, PITCH], pieces.tokens[notes, PITCH] - 21)
    assert (found[notes, TEMPO] == ABSENT).all()
    assert (found[~notes, DURATION] == ABSENT).all()

"""Each encoder hears only its own part of the music."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import Piece
from models.music.tokens import on_grid, to_tokens
from models.style.features import FEATURE_SIZES, bar_features, gather_notes, heights, levels, sounding_time
from models.style.latents import GROUPS
from models.style.windows import pad

SEEDS = range(4)


def heard(piece: Piece) -> dict[str, torch.Tensor]:
    return bar_features(gather_notes(pad([to_tokens(piece)]), len(piece.bars)))


def changed(before: Piece, after: Piece) -> set[str]:
    """Groups whose encoder hears the difference."""
    one, other = heard(before), heard(after)
    return {name for name in GROUPS if not torch.allclose(one[name], other[name], atol=1e-5)}


def with_column(piece: Piece, column: int, values: np.ndarray) -> Piece:
    notes = piece.notes.copy()
    notes[:, column] = values
    return replace(piece, notes=notes)


def with_new_rhythm(piece: Piece, seed: int) -> Piece:
    """The same pitches in every bar at other places, for other times."""
    rng = np.random.default_rng(seed)
    notes = piece.notes.copy()
    for start, length in piece.bars[:, :2]:
        inside = (notes[:, 0] >= start) & (notes[:, 0] < start + length)
        notes[inside, 0] = start + 2 * rng.choice(length // 2, size=inside.sum(), replace=False)
    notes[:, 1] = 2 * rng.integers(1, 25, size=len(notes))
    return replace(piece, notes=notes)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_octave_changes_the_register_alone(tune, seed) -> None:
    assert changed(tune(seed), tune(seed).transposed(12)) == {"register"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transposition_changes_register_and_harmony_and_not_the_contour(tune, seed) -> None:
    assert changed(tune(seed), tune(seed).transposed(2)) == {"register", "harmony"}


@pytest.mark.parametrize("seed", SEEDS)
def test_velocities_change_the_dynamics_alone(tune, seed) -> None:
    piece = tune(seed)
    louder = np.random.default_rng(seed).integers(20, 127, size=len(piece.notes))
    assert changed(piece, with_column(piece, 3, louder)) == {"dynamics"}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tempo_changes_the_tempo_alone(tune, seed) -> None:
    piece = tune(seed)
    assert changed(piece, replace(piece, tempo_bpm=piece.tempo_bpm * 1.5)) == {"tempo"}


@pytest.mark.parametrize("seed", SEEDS)
def test_other_pitches_leave_rhythm_dynamics_and_texture_alone(tune, seed) -> None:
    piece = tune(seed)
    pitches = np.random.default_rng(seed).integers(30, 100, size=len(piece.notes))
    found = changed(piece, with_column(piece, 2, pitches))
    assert found == {"content", "register", "harmony"}


@pytest.mark.parametrize("seed", SEEDS)
def test_another_rhythm_leaves_the_register_and_the_tempo_alone(tune, seed) -> None:
    found = changed(tune(seed), with_new_rhythm(tune(seed), seed))
    assert found.isdisjoint({"register", "tempo"})
    assert found >= {"rhythm", "content", "harmony"}


def test_a_second_voice_below_changes_the_texture(tune) -> None:
    piece = tune(0)
    below = piece.notes.copy()
    below[:, 2] -= 7
    assert "texture" in changed(piece, on_grid(replace(piece, notes=np.concatenate([piece.notes, below]))))


def test_a_ragged_batch_is_heard_as_its_clips_alone(tune) -> None:
    pieces = [tune(0, meter=(6, 8)), tune(1), tune(2, meter=(3, 4))]
    together = bar_features(gather_notes(pad([to_tokens(p) for p in pieces]), 8))
    for name in GROUPS:
        alone = torch.cat([heard(p)[name] for p in pieces])
        assert together[name].shape == (24, FEATURE_SIZES[name])
        assert torch.allclose(together[name], alone, atol=1e-6), name


def test_silent_bars_are_heard_as_finite_numbers(tune) -> None:
    piece = tune(0)
    silent = replace(piece, notes=piece.notes[piece.notes[:, 0] >= 96])
    assert all(torch.isfinite(value).all() for value in heard(silent).values())


def test_content_does_not_hear_a_line_struck_again(tune) -> None:
    """Quarters, and the same tune in eighths."""
    piece = tune(0)
    onset = np.arange(32)[:, None] * 24
    quarters = np.concatenate([onset, np.full((32, 1), 24), piece.notes[:32, 2:]], axis=1)
    eighths = np.repeat(quarters, 2, axis=0)
    eighths[1::2, 0] += 12
    eighths[:, 1] = 12
    found = changed(replace(piece, notes=quarters), replace(piece, notes=eighths))
    assert "rhythm" in found
    assert "content" not in found


def test_jitter_moves_what_content_hears_and_nothing_else(tune) -> None:
    notes = gather_notes(pad([to_tokens(tune(0))]), 8)
    plain, moved = bar_features(notes), bar_features(notes, torch.Generator().manual_seed(0))
    assert {name for name in GROUPS if not torch.equal(plain[name], moved[name])} == {"content"}


def test_harmony_hears_notes_that_are_held_over_a_bar_line(tune) -> None:
    piece = tune(0)
    notes = np.array([[48, 96, 60, 80], [96 + 24, 24, 64, 80]])  # C from the middle of bar 1 to the middle of bar 2
    held = gather_notes(pad([to_tokens(replace(piece, notes=notes))]), 8)
    sounding = sounding_time(held)
    assert sounding[:2, :, 0].tolist() == [[0, 24], [24, 0]]
    assert sounding[:2, :, 4].tolist() == [[0, 0], [12, 0]]
    over = sounding_time(held, own=False)
    assert over.sum() == over[1, 0, 0] == 24
    found = bar_features(held)["harmony"].view(8, 48)
    assert found[1, 0].square() == pytest.approx(24 / 36)


def test_nothing_is_held_over_to_the_next_clip(tune) -> None:
    notes = np.array([[0, 24, 64, 80], [7 * 96 + 48, 96, 60, 80]])
    pieces = [replace(tune(0), notes=notes), tune(1)]
    together = gather_notes(pad([to_tokens(piece) for piece in pieces]), 8)
    alone = gather_notes(pad([to_tokens(pieces[1])]), 8)
    assert torch.equal(sounding_time(together)[8:], sounding_time(alone))


def test_levels_are_those_of_each_bar_and_of_the_whole_clip(tune) -> None:
    notes = np.array([[0, 24, 33, 64], [24, 24, 57, 64], [96, 24, 45, 127]])
    batch = gather_notes(pad([to_tokens(replace(tune(0), notes=notes))]), 8)
    assert heights(batch)[:3].tolist() == [[2, 1, 1, 2], [2, 0, 0, 2], [0, 0, 0, 2]]
    loud = levels(batch)
    assert loud[0].tolist() == pytest.approx([16.5 / 4, 0, (2 * 16.5 + 31.5) / 12])
    assert loud[2, 2] == loud[0, 2]

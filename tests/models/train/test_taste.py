"""Fitting a taste space from pieces with a tiny real model."""

import numpy as np
import pytest

from models.music.notes import MusicError, Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.taste.space import TasteSpace, summary
from models.train.taste import NAMES, clips_of, fit_space, measure


def make_piece(seed: int) -> Piece:
    generator = np.random.default_rng(seed)
    onset = np.arange(0, 16 * 96, 12 * int(generator.integers(1, 4)))
    pitch = 60 + generator.integers(-12, 13, size=len(onset))
    notes = np.stack([onset, np.full_like(onset, 12), pitch, generator.integers(40, 90, size=len(onset))], axis=1)
    bars = np.array([[96 * bar, 96, 4, 4] for bar in range(16)])
    return Piece(notes, bars, np.full(16, generator.uniform(60, 180)), domain="pop", piece_id=f"p{seed}")


def test_a_space_fitted_from_pieces_reads_latents_of_its_own_model() -> None:
    composer = Composer(tiny_style())
    pieces = [make_piece(seed) for seed in range(12)]
    space = fit_space(composer, pieces, clips=80, seed=0, quiet=True)
    assert isinstance(space, TasteSpace)
    assert (space.version, space.names) == (composer.version, NAMES)
    clip = clips_of(pieces, 1, seed=1)[0]
    assert np.isfinite(space.features(summary(composer.encode(clip)))).all()


def test_clips_are_eight_bars_and_drawn_without_repeats() -> None:
    clips = clips_of([make_piece(0)], 100, seed=0)
    assert {len(clip.bars) for clip in clips} == {8}
    assert len({clip.notes.tobytes() for clip in clips}) == len(clips)
    assert len(clips_of([make_piece(0)], 3, seed=0)) == 3


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(MusicError):
        measure(Composer(tiny_style()), [], quiet=True)

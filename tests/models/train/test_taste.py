"""Fitting a taste space from pieces with a tiny real model."""

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.windows import make_windows
from models.taste.readouts import summary
from models.taste.space_fitting import NAMES, draw_clips
from models.train import taste

pytestmark = pytest.mark.slow


def make_piece(seed: int) -> Piece:
    generator = np.random.default_rng(seed)
    onset = np.arange(0, 16 * 96, 12 * int(generator.integers(1, 4)))
    pitch = 60 + generator.integers(-12, 13, size=len(onset))
    notes = np.stack([onset, np.full_like(onset, 12), pitch, generator.integers(40, 90, size=len(onset))], axis=1)
    bars = np.array([[96 * bar, 96, 4, 4] for bar in range(16)])
    return Piece(notes, bars, np.full(16, generator.uniform(60, 180)), domain="pop", piece_id=f"p{seed}")


def test_a_space_fitted_from_pieces_reads_latents_of_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [make_piece(seed) for seed in range(16)]
    monkeypatch.setattr(taste, "training_pieces", lambda _: pieces)
    monkeypatch.setattr(taste, "split", lambda all_, seed: {"train": all_[:12], "test": all_[12:]})
    composer = Composer(tiny_style())
    space, table = taste.fit(composer, None, clips=80, seed=0, quiet=True)
    assert (space.version, space.names) == (composer.version, NAMES)
    assert [column.header for column in table.columns] == ["style", "attribute", "variance found", "unseen pop"]
    clip = draw_clips(make_windows(pieces), 1, seed=1)[0]
    assert np.isfinite(space.features(summary(composer.encode(clip)))).all()

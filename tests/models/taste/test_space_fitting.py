"""Clips of real pieces, encoded and measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.windows import make_windows
from models.taste.readouts import summary
from models.taste.space_fitting import NAMES, draw_clips, explained_variance, fit_space, measure_clips


def make_piece(seed: int) -> Piece:
    generator = np.random.default_rng(seed)
    onset = np.arange(0, 16 * 96, 12 * int(generator.integers(1, 4)))
    pitch = 60 + generator.integers(-12, 13, size=len(onset))
    notes = np.stack([onset, np.full_like(onset, 12), pitch, generator.integers(40, 90, size=len(onset))], axis=1)
    bars = np.array([[96 * bar, 96, 4, 4] for bar in range(16)])
    return Piece(notes, bars, np.full(16, generator.uniform(60, 180)), domain="pop", piece_id=f"p{seed}")


def test_clips_are_eight_bars_and_drawn_without_repeats() -> None:
    windows = make_windows([make_piece(0)])
    clips = draw_clips(windows, 100, seed=0)
    assert {len(clip.bars) for clip in clips} == {8}
    assert len({clip.notes.tobytes() for clip in clips}) == len(clips)
    assert len(draw_clips(windows, 3, seed=0)) == 3


def test_clips_that_begin_a_phrase_come_first() -> None:
    windows = make_windows([make_piece(0)])
    windows = replace(windows, start=np.arange(len(windows)) == 5)
    first = draw_clips(windows, 1, seed=0)[0]
    assert np.array_equal(first.notes, windows.clip(5).notes)


def test_the_tempo_that_is_read_is_the_likeliest_by_the_model() -> None:
    composer = Composer(tiny_style())
    clips = draw_clips(make_windows([make_piece(seed) for seed in range(12)]), 80, seed=0)
    found = measure_clips(composer, clips, quiet=True)
    space = fit_space(composer, found)
    assert space.readings is not None
    latents = composer.draw_each(["pop"], [3])[0]
    with torch.no_grad():
        likeliest = composer.model.tempo.logits(torch.from_numpy(latents.groups["tempo"])[None])[0].argmax(-1).numpy()
    bpm = space.readings.tempi_bpm[likeliest].mean()
    assert space.readings.of(summary(latents)[None].astype(np.float64))[0, 1] == pytest.approx(bpm, rel=1e-6)


def test_variance_is_found_domain_by_domain() -> None:
    composer = Composer(tiny_style())
    clips = draw_clips(make_windows([make_piece(seed) for seed in range(12)]), 80, seed=0)
    found = measure_clips(composer, clips, quiet=True)
    share = explained_variance(fit_space(composer, found), found)
    assert set(share) == {"pop"}
    assert share["pop"].shape == (len(NAMES),)
    assert np.isnan(share["pop"]).all() or (np.nan_to_num(share["pop"]) <= 1).all()

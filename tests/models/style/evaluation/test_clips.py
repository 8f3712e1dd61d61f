"""Held-out clips: how they are chosen, who lends them styles, how they are composed again.

Excerpts: whole bars of one meter, each song before any twice, nothing that would never be offered.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.evaluation.clips import compose_all, composed_excerpts, donors_of, real_excerpts, regular, starts_of
from tests.models.style.conftest import make_tune

pytestmark = pytest.mark.slow


def with_pickup(piece: Piece) -> Piece:
    """A quarter before the first bar, which the last one lacks."""
    notes = piece.notes[piece.notes[:, 0] < piece.end_tick - 24] + np.array([24, 0, 0, 0])
    bars = piece.bars + np.array([24, 0, 0, 0])
    bars[-1, 1] -= 24
    tempo = np.append(piece.tempo_bpm[0], piece.tempo_bpm)
    return replace(piece, notes=notes, bars=np.concatenate([[[0, 24, 4, 4]], bars]), tempo_bpm=tempo)


def test_an_excerpt_begins_after_the_pickup_and_keeps_the_notes_there() -> None:
    tune = with_pickup(make_tune(1, bars=16))
    found = composed_excerpts([tune], 8, seed=0)
    cut = found.pieces[0]
    assert cut.bars[:, 1].tolist() == [96] * 8
    first = [row for row in tune.notes.tolist() if 24 <= row[0] < 24 + 8 * 96]
    second = [row for row in tune.notes.tolist() if row[0] >= 24 + 8 * 96]
    assert len(cut.notes) in {len(first), len(second)}
    assert starts_of(regular([tune])[0], 8) == [1, 9]  # dance tunes in phrases of eight


def test_whole_pieces_are_their_longest_run_of_one_meter() -> None:
    tune = make_tune(2, bars=20)
    bars = tune.bars.copy()
    bars[:4, 2:] = (2, 2)
    found = composed_excerpts([replace(tune, bars=bars)], None, seed=0)
    assert [len(piece.bars) for piece in found.pieces] == [16]
    assert composed_excerpts([make_tune(3, bars=7)], None, seed=0).pieces == []
    assert len(composed_excerpts([make_tune(3, bars=80)], None, seed=0).pieces[0].bars) == 64


def test_every_song_comes_before_any_comes_twice() -> None:
    songs = regular([make_tune(seed, bars=24) for seed in range(4)])
    found = real_excerpts(songs, 8, 6, seed=1)
    assert sorted(found.songs[:4]) == [f"made/{seed}" for seed in range(4)]
    assert len(found.pieces) == 6
    assert len(real_excerpts(songs, 8, 100, seed=1).pieces) == 12
    again = real_excerpts(songs, 8, 6, seed=1)
    assert all(np.array_equal(a.notes, b.notes) for a, b in zip(found.pieces, again.pieces, strict=True))


def test_what_nobody_would_be_offered_is_thrown_away_and_counted() -> None:
    tune = make_tune(4)
    silent = replace(tune, notes=tune.notes[:0])
    meaningless = replace(tune, extra={"bars": "unestimated"})
    found = composed_excerpts([tune, silent, meaningless], 8, seed=0)
    assert (found.songs, found.thrown_away) == (["composed-0"], [False, True, True])


def test_clips_are_eight_bars_of_different_songs_first(clips) -> None:
    assert {len(p.bars) for p in clips.pieces} == {8}
    assert len(set(clips.songs)) == len(clips.songs)
    for piece, later in zip(clips.pieces, clips.later, strict=True):
        if later is not None:
            assert later.notes[later.notes[:, 0] < 4 * later.bars[0, 1]].size
            assert not np.array_equal(later.notes, piece.notes)


def test_donors_are_other_songs_of_the_same_domain_and_meter_where_there_is_one(clips) -> None:
    donors = donors_of(clips, 0)
    meters = [tuple(p.bars[0, 2:].tolist()) for p in clips.pieces]
    for index, donor in enumerate(donors):
        assert clips.songs[donor] != clips.songs[index]
        if meters.count(meters[index]) > 1:
            assert meters[donor] == meters[index]


def test_only_the_chosen_clips_take_another_ones_group(clips, weights) -> None:
    composer = Composer(load_style(weights))
    own = np.arange(len(clips.pieces))
    donors = own.copy()
    donors[0] = 3
    plain, swapped = (
        compose_all(composer, clips, seed=0, temperature=0.9, styles=styles)
        for styles in ({"rhythm": own}, {"rhythm": donors})
    )
    same = [np.array_equal(a.notes, b.notes) for a, b in zip(plain, swapped, strict=True)]
    assert same == [False] + [True] * (len(own) - 1)

"""Held-out clips: how they are chosen, who lends them styles, how they are composed again."""

import numpy as np
import pytest

from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.evaluation.clips import compose_all, donors_of

pytestmark = pytest.mark.slow


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

"""Forms are those of real pieces, and what is drawn from them fits what has begun."""

from dataclasses import replace

import numpy as np

from models.style.pieces import forms
from models.style.pieces.data import regular_tokens


def test_a_form_says_how_many_bars_back_each_whole_bar_was_heard(tune) -> None:
    piece = tune(1, bars=3, meter=(3, 4))
    twice = piece.followed_by(piece)
    assert forms.form_of(regular_tokens(twice)) == (*forms.form_of(regular_tokens(piece)), 3, 3, 3)
    half = replace(piece, bars=piece.bars[:1] - [[0, 24, 0, 0]], tempo_bpm=piece.tempo_bpm[:1], notes=piece.notes[:1])
    assert half.has_pickup
    assert len(forms.form_of(regular_tokens(half.followed_by(twice)))) == 6


def test_forms_are_kept_beside_the_card(tune, tmp_path) -> None:
    found = forms.learn([tune(seed, bars=8) for seed in range(4)])
    assert set(found) == {"dance"}
    assert [len(form) for form in found["dance"]] == [8] * 4
    forms.save(tmp_path, found)
    assert forms.load(tmp_path) == found
    assert forms.load(tmp_path / "nowhere") == forms.load(None) == {}


def test_a_form_is_drawn_that_begins_alike_and_is_about_as_long(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    known = [(0, 0, 0, 0, 4, 4), (0, 0, 2, 2, 4, 4, 4, 4), (0, 0, 2, 2, 0, 0, *[4] * 50), (0, 0)]
    monkeypatch.setattr(forms, "NEAREST", 1)
    assert forms.drawn_like(known, 5, (), rng) == (0, 0, 0, 0, 4)  # the shortest that is long enough
    assert forms.drawn_like(known, 5, (0, 0, 2), rng) == (0, 0, 2, 2, 4)
    assert forms.drawn_like(known, 60, (0,), rng) == ()
    ends = [(0, 0, 0, 0, 4, 4, 4, 4, 8, 0)]
    assert forms.drawn_like(ends, 8, (), rng) == (0, 0, 0, 0, 4, 4, 4, 4)
    assert forms.drawn_like(ends, 8, (), rng, ending=True) == (0, 0, 0, 0, 4, 4, 0, 0)  # nothing lies eight bars back
    assert forms.drawn_like(ends, 9, (), rng, ending=True) == (0, 0, 0, 0, 4, 4, 4, 0, 0)
    assert forms.drawn_like([(0, 1, 2)], 2, (), rng, ending=True) == (0, 1)
    monkeypatch.setattr(forms, "NEAREST", 8)
    assert len({forms.drawn_like(known, 6, (), rng) for _ in range(50)}) == 3
    as_long = [(number, 0) for number in range(40)]
    assert len({forms.drawn_like(as_long, 2, (), rng) for _ in range(500)}) == 40  # not always the first of them

"""A performance without bars is put into those that are heard in it."""

from __future__ import annotations

import numpy as np
import pytest

from models.mood import beats as bars_of
from models.mood.beats import Found, load_beats, with_bars
from models.music.notes import Piece

BEAT_S = 0.6


def performance(seconds) -> Piece:
    """Quavers that begin at these ``seconds``, on the grid of 120 beats a minute that means nothing."""
    onset = np.round(np.asarray(seconds) * 48).astype(int)
    notes = np.stack([onset, np.full(len(onset), 10), np.full(len(onset), 60), np.full(len(onset), 70)], 1)
    bars = np.array([[96 * bar, 96, 4, 4] for bar in range(int(onset.max()) // 96 + 1)])
    return Piece(notes, bars, np.full(len(bars), 120.0), domain="pop", extra={"bars": "unestimated", "quadrant": "Q1"})


def test_notes_stand_where_they_stood_between_the_beats(monkeypatch) -> None:
    begin = 1.0
    beats = begin + BEAT_S * np.arange(33)
    monkeypatch.setattr(bars_of, "tracked", lambda *_: Found(beats, beats[1::4]))
    piece = with_bars(performance(begin + BEAT_S * np.arange(0, 32, 0.5)), load_beats().network)
    # the first downbeat is the second beat: the first two quavers lie in the last quarter of a bar
    assert piece.notes[:4, 0].tolist() == [72, 84, 96, 108]
    assert (np.diff(piece.notes[:, 0]) == 12).all()
    assert piece.tempo_bpm == pytest.approx(np.full(9, 100.0), rel=0.02)
    assert len(piece.bars) == 9
    assert "bars" not in piece.extra
    assert piece.extra["quadrant"] == "Q1"

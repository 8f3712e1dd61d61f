from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from models.music.notes import Piece
from webapp.composing import rendering
from webapp.runtime.clip_store import ClipStore


@pytest.fixture(autouse=True)
def the_whole_ladder(monkeypatch):
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (7.0, 14.0))


def piece(seconds: float) -> Piece:
    """A scale that begins a bar late and lasts so long from its first note on, at 120 quarters a minute."""
    quarters = round(seconds * 2)
    bars = quarters // 4 + 2
    return Piece(
        notes=np.array([[96 + i * 24, 24, 50 + i % 24, 70] for i in range(quarters)]).reshape(-1, 4),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(bars)]),
        tempo_bpm=np.full(bars, 120.0),
    )


def test_a_clip_is_offered_at_the_lengths_that_it_fills() -> None:
    for seconds, lengths in ((0, []), (4, []), (6.5, [7.0]), (10, [7.0]), (13, [7.0, 14.0]), (30, [7.0, 14.0])):
        assert rendering.playable_lengths(piece(seconds)) == lengths


@pytest.mark.slow
def test_both_lengths_are_stored_as_long_and_as_loud_as_they_say(tmp_path):
    store = ClipStore(str(tmp_path))
    sounds = [rendering.render_into(store, piece(16), seconds, "pop") for seconds in (7.0, 14.0)]
    for sound in sounds:
        audio, rate = soundfile.read(io.BytesIO(store.get(sound.key)))
        assert len(audio) / rate == pytest.approx(sound.seconds, abs=0.06)
        assert audio.shape[1] == 2
        assert sound.lufs == pytest.approx(-18, abs=0.5)
        assert sound.true_peak_db < -1
        assert sound.size == store.size(sound.key)
    assert rendering.render_into(store, piece(16), 7.0, "pop") == sounds[0]

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from models.music.notes import Piece
from webapp.composing.sources import as_heard, named_traits

NAMES = ("tempo_bpm", "notes_per_onset")
SINGLE, CHORDS = -1.6, 1.5  # as the readout finds them, in standard deviations of all music


def textures(pool: list[float], clips: list[float]) -> list[float]:
    rows = SimpleNamespace(features=np.array([[0.0, each] for each in pool]))
    playable = SimpleNamespace(clips=lambda session, domain: rows)
    features = np.array([[0.0, each] for each in clips])
    found = named_traits(None, SimpleNamespace(names=NAMES), playable, "dance", features)
    return [each["notes_per_onset"] for each in found]


def test_a_tune_of_single_notes_has_no_thick_chords_even_among_its_like():
    pool = [SINGLE + step / 10 for step in range(-4, 5)]
    single, chords = textures(pool, [SINGLE + 0.4, CHORDS])
    assert single == 0
    assert chords > 1


def test_among_chords_single_notes_are_thin():
    single, chords = textures([CHORDS + step / 10 for step in range(-4, 5)], [SINGLE, CHORDS])
    assert single < -1
    assert chords == 0


def test_what_the_readout_takes_for_chords_is_told_only_of_notes_that_sound_together():
    bars, tempo = np.array([[0, 96, 4, 4]]), np.array([120.0])
    line, chord = (Piece(np.array([[0, 24, 60, 80], [at, 24, 64, 80]]), bars, tempo) for at in (24, 0))
    readout = {"tempo_bpm": 0.5, "notes_per_onset": 1.8}
    assert as_heard(readout, line) == {"tempo_bpm": 0.5, "notes_per_onset": 0.0}
    assert as_heard(readout, chord) == readout
    assert as_heard({"notes_per_onset": -1.2}, line) == {"notes_per_onset": -1.2}

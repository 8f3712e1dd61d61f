from __future__ import annotations

import mir_eval
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.mood.beat_training import beat_f
from models.mood.beats import (
    FEATURES,
    RATE_HZ,
    BeatNetwork,
    Performance,
    autocorrelated,
    frames_of,
    read_performance,
    targets_of,
    tracked,
)
from models.music.midi import write_midi
from models.music.notes import Piece

TIMES = st.lists(st.integers(0, 400), unique=True, max_size=40).map(lambda found: np.sort(np.array(found)) / 20 + 4)


def steady(seconds: float, bars: int) -> Performance:
    """A chord on each beat, with a low note where a bar begins."""
    beats = 1.0 + seconds * np.arange(4 * bars)
    onset = np.concatenate([beats, beats[::4]])
    order = np.argsort(onset, kind="stable")
    pitch = np.concatenate([np.full(len(beats), 64), np.full(bars, 36)])
    return Performance(onset[order], pitch[order], np.full(len(onset), 70.0), beats, beats[::4])


@given(TIMES, TIMES)
def test_the_f_measure_is_mir_evals(found, wanted) -> None:
    kept = [mir_eval.beat.trim_beats(times) for times in (wanted, found)]
    expected = mir_eval.beat.f_measure(*kept) if all(map(len, kept)) else 0.0
    assert beat_f(found, wanted) == pytest.approx(expected)


def test_beats_are_followed_where_the_tempo_drifts_and_one_is_not_heard() -> None:
    gaps = np.linspace(18, 24, 40)
    at = np.round(np.cumsum(gaps)).astype(int)
    chances = np.full((2, at[-1] + 20), 0.02, dtype=np.float32)
    chances[0, np.delete(at, 13)] = 0.9
    chances[1, at[2::4]] = 0.8
    found = tracked(chances, 0.0)
    assert np.abs(found.beats_s[:, None] - at / RATE_HZ).min(0).max() <= 0.05
    assert len(found.beats_s) == len(at)
    assert found.downbeats_s == pytest.approx(found.beats_s[2::4])


def test_of_two_tempi_that_are_heard_the_one_is_followed_that_music_usually_has() -> None:
    chances = np.full((2, 800), 0.02, dtype=np.float32)
    chances[0, 10::40], chances[0, 30::40] = 0.9, 0.45  # 60 and 120 beats a minute
    found = tracked(chances, 0.0)
    assert np.median(np.diff(found.beats_s)) == pytest.approx(20 / RATE_HZ)


def test_the_rival_finds_a_steady_beat_and_its_bars() -> None:
    played = steady(0.5, 16)
    found = autocorrelated(played)
    assert beat_f(found.beats_s, played.beats_s) > 0.95
    assert beat_f(found.downbeats_s, played.downbeats_s) > 0.9


def test_a_frame_holds_what_begins_in_it() -> None:
    played = steady(0.5, 2)
    frames, targets = frames_of(played), targets_of(played)
    assert frames.shape == (FEATURES, played.frames)
    first = round(0.5 * RATE_HZ)
    assert np.flatnonzero(frames[-1]).tolist() == (first + 20 * np.arange(8)).tolist()
    assert targets[0, first] == targets[1, first] == 1
    assert (targets[0] == 1).sum() == 8
    assert (targets[1] == 1).sum() == 2


def test_the_beats_of_a_file_are_those_of_its_tempo_map(tmp_path) -> None:
    rows = [(24 * beat, 24, 60 + beat % 5, 70) for beat in range(64)]
    grid = [(96 * bar, 96, 4, 4) for bar in range(16)]
    path = tmp_path / "played.mid"
    path.write_bytes(write_midi(Piece(np.array(rows), np.array(grid), np.linspace(80, 120, 16))))
    found = read_performance(path)
    assert found.beats_s == pytest.approx(found.onset_s, abs=1e-3)
    assert found.downbeats_s == pytest.approx(found.beats_s[::4])
    assert np.diff(found.beats_s)[0] > np.diff(found.beats_s)[-1]


def test_the_network_hears_as_far_as_it_says_and_every_layer_learns() -> None:
    network = BeatNetwork(dim=4, layers=3).eval()
    x = torch.zeros(1, FEATURES, 101, requires_grad=True)
    torch.autograd.backward(network(x)[0, 0, 50])
    heard = np.flatnonzero(x.grad.abs().sum((0, 1)).numpy())
    assert (heard.min(), heard.max()) == (50 - 9, 50 + 9)
    assert all(each.grad is not None for name, each in network.named_parameters() if name != "out.bias")

from __future__ import annotations

import numpy as np
import pytest

from models.experiments.report import Report
from models.mood.judge import load_mood
from models.mood.training import probe
from models.music.notes import Piece
from models.style.evaluation.clips import Clips
from models.style.latents import GROUPS, Latents


class Encoding:
    """Stands for a composer: the dynamics' latents are the mean velocity, all others are noise."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def encode(self, piece: Piece) -> Latents:
        noise = {name: self.rng.normal(size=(8, 3)) for name in GROUPS}
        loud = np.full((8, 3), float(piece.notes[:, 3].mean()))
        return Latents("v", {**noise, "dynamics": loud + 0.1 * noise["dynamics"]}, {})


def clip(seed: int) -> Piece:
    """Alike but for tempo and loudness, which rise together."""
    rng = np.random.default_rng(seed)
    onset = np.arange(0, 768, 12)
    velocity = np.clip(30 + seed + rng.integers(0, 8, len(onset)), 1, 127)
    notes = np.stack([onset, np.full(len(onset), 12), rng.integers(55, 75, len(onset)), velocity], axis=1)
    bars = np.array([(96 * bar, 96, 4, 4) for bar in range(8)])
    return Piece(notes, bars, np.full(8, 60.0 + seed), domain="pop")


@pytest.fixture(scope="module")
def report() -> Report:
    pieces = [clip(seed) for seed in range(0, 90, 2)]
    songs = [f"song {number // 3}" for number in range(len(pieces))]
    found = Report("mood", {}, {}, 0)
    probe(found, load_mood(), Encoding(), Clips(pieces, [None] * len(pieces), songs, ["pop"] * len(pieces)))
    return found


@pytest.mark.slow
def test_arousal_is_read_where_it_is_and_nowhere_else(report) -> None:
    values = {name: metric.value for name, metric in report.metrics.items()}
    assert len(values) == 2 * len(GROUPS)
    assert values["mood.probe.dynamics.arousal"] > 0.85
    others = [values[f"mood.probe.{group}.arousal"] for group in GROUPS if group != "dynamics"]
    assert np.mean(others) < 0.65
    assert all(metric.chance == 0.5 for metric in report.metrics.values())

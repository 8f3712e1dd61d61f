"""The way between two clips and what is kept of one: measured beside the baselines, on real tunes with a tiny model."""

from dataclasses import replace

import numpy as np
import pytest

from models.evaluate.clips import Clips
from models.evaluate.interpolation import SHARES, STEPS, cross_fade, interpolation
from models.evaluate.keeping import keeping
from models.evaluate.report import Report
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.model import StyleModel


def scale(start: int, tempo: float, song: int) -> Piece:
    notes = np.array([[24 * i, 24, start + (i * (song + 2)) % 12, 60 + song] for i in range(16)])
    bars = np.array([[96 * i, 96, 4, 4] for i in range(4)])
    return Piece(notes, bars, np.full(4, tempo), domain="dance")


@pytest.fixture(scope="module")
def clips() -> Clips:
    pieces = [scale(48 + 3 * song, 80.0 + 10 * song, song) for song in range(4)]
    return Clips(pieces, [None] * 4, [str(song) for song in range(4)], ["dance"] * 4)


@pytest.fixture(scope="module")
def composer() -> Composer:
    bundle = tiny_style()
    model = StyleModel(replace(bundle.model.config, max_steps=24))
    model.load_state_dict(bundle.model.state_dict())
    return Composer(replace(bundle, model=model.eval()))


def test_a_cross_fade_is_the_one_at_its_beginning_and_the_other_at_its_end(clips) -> None:
    one, other = clips.pieces[:2]
    rng = np.random.default_rng(0)
    assert cross_fade(one, other, 0.0, rng).notes.tolist() == one.notes.tolist()
    assert cross_fade(one, other, 1.0, rng).notes.tolist() == other.notes.tolist()
    half = cross_fade(one, other, 0.5, rng)
    assert {tuple(note) for note in half.notes.tolist()} <= {tuple(n) for p in (one, other) for n in p.notes.tolist()}
    assert half.tempo_bpm[0] == pytest.approx(np.sqrt(80 * 90))


def test_a_way_is_told_by_its_steps(clips, composer) -> None:
    report = Report("test", {}, {}, 0)
    interpolation(report, composer, clips, seed=0)
    found = report.metrics
    places = [found[f"interpolation.place_{k + 1}"] for k in range(STEPS)]
    assert [place.reference for place in places] == list(SHARES)
    faded = [place.baseline for place in places]
    assert faded[0] < faded[-1]  # a cross-fade does come nearer
    assert found["interpolation.largest_step"].value >= 1 / (STEPS + 1)
    assert found["interpolation.detour"].value >= 0
    assert found["interpolation.in_key"].n == STEPS * len(clips.pieces)


def test_what_is_kept_is_told_by_share_and_lock(clips, composer) -> None:
    report = Report("test", {}, {}, 0)
    keeping(report, composer, clips, seed=0)
    found = report.metrics
    assert found["lock.melody"].value > found["lock.melody"].baseline
    assert {name.split(".")[1] for name in found if name.startswith("keep.")} == {"0", "25", "50", "75"}
    assert found["lock.rhythm.in_key"].n == len(clips.pieces)
    assert clips.some(2).songs == ["0", "3"]

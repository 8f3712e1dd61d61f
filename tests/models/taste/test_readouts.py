import numpy as np
import pytest

from models.metrics.music_statistics import attributes
from models.music.keys import half_bar_chroma
from models.music.notes import Piece
from models.style.latents import GROUPS, Latents
from models.taste.readouts import TEMPO_BARS, Readouts, mode, summary

SIZES = {"content": 3, "rhythm": 2, "register": 2, "harmony": 12, "dynamics": 1, "tempo": 2, "texture": 1}
CENTRES = np.array([[0.0, 5.0], [4.0, -3.0], [-4.0, -2.0]])  # of the tempi 60, 180 and 90: a table, not a scale
TEMPI = np.array([60.0, 180.0, 90.0])


def make_latents(seed: int, bars: int = 8, **groups: np.ndarray) -> Latents:
    generator = np.random.default_rng(seed)
    made = {name: generator.normal(size=(bars, size)) for name, size in SIZES.items()}
    return Latents("v1", {name: value.astype(np.float32) for name, value in {**made, **groups}.items()})


def make_readings(count: int = 200) -> tuple[Readouts, np.ndarray, np.ndarray]:
    """Readings of clips whose mean harmony latents are their chroma in another basis."""
    generator = np.random.default_rng(0)
    chroma = generator.dirichlet(np.ones(12), size=count)
    basis = generator.normal(size=(12, 12))
    clips = [make_latents(i, harmony=np.tile(row @ basis, (8, 1))) for i, row in enumerate(chroma)]
    rows = np.stack([summary(each) for each in clips]).astype(np.float64)
    tempo = np.vstack([2 * CENTRES.T, -(CENTRES**2).sum(axis=1)])
    return Readouts.fit(rows, 7 * chroma, sizes=SIZES, tempo=tempo, tempi_bpm=TEMPI), rows, chroma


def test_a_summary_holds_means_the_slope_of_the_register_and_the_tempo_bar_by_bar() -> None:
    latents = make_latents(0, register=np.arange(8)[:, None] * np.array([0.5, -2.0]) + 3)
    found = summary(latents)
    means = sum(SIZES.values())
    assert found.dtype == np.float32
    assert np.allclose(found[:means], np.concatenate([latents.groups[g].mean(axis=0) for g in GROUPS]), atol=1e-6)
    assert np.allclose(found[means : means + 2], [0.5, -2.0], atol=1e-6)
    assert np.allclose(found[means + 2 :].reshape(TEMPO_BARS, 2), latents.groups["tempo"])


def test_summaries_of_any_number_of_bars_are_equally_long() -> None:
    for bars in (1, 3, 8, 11):
        assert np.isfinite(summary(make_latents(0, bars))).all()
        assert len(summary(make_latents(0, bars))) == len(summary(make_latents(1)))


def test_mode_is_that_of_the_music_statistics() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        onset = np.arange(0, 96, 12)
        notes = np.stack([onset, onset * 0 + 12, generator.integers(40, 80, 8), onset * 0 + 64], axis=1)
        piece = Piece(notes, np.array([[0, 96, 4, 4]]), np.array([100.0]))
        assert mode(half_bar_chroma(piece).sum(axis=0)[None])[0] == pytest.approx(attributes(piece)["mode"], abs=1e-9)
    assert mode(np.ones((1, 12)))[0] == 0


def test_mode_is_read_from_the_harmony_latents() -> None:
    readings, rows, chroma = make_readings()
    assert np.allclose(readings.of(rows)[:, 0], mode(chroma), atol=0.05)


def test_tempo_is_the_mean_of_what_each_bar_is_decoded_to() -> None:
    readings, _, _ = make_readings()
    clip = make_latents(0, tempo=CENTRES[[0, 0, 0, 0, 1, 1, 2, 2]] + 0.3)
    assert readings.of(summary(clip)[None].astype(np.float64))[0, 1] == pytest.approx((4 * 60 + 2 * 180 + 2 * 90) / 8)

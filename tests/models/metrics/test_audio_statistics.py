"""What is measured in sounds that are known."""

import numpy as np
import pytest
import soundfile

from models.metrics.audio_statistics import SAMPLE_RATE_HZ, audio_statistics, mel_filters, read_audio

TIME = np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def test_brightness_follows_pitch_and_noise_is_flat() -> None:
    low, high = (audio_statistics(np.sin(2 * np.pi * hz * TIME)) for hz in (200, 2000))
    noise = audio_statistics(np.random.default_rng(0).normal(size=len(TIME)))
    assert low["centroid_mean"] == pytest.approx(np.log(201), abs=0.2)
    assert high["centroid_mean"] == pytest.approx(np.log(2001), abs=0.05)
    assert noise["flatness_mean"] > high["flatness_mean"] + 3
    assert noise["chroma_entropy"] > high["chroma_entropy"]


def test_clicks_have_their_tempo_and_a_clear_pulse() -> None:
    rng = np.random.default_rng(0)
    clicks = 0.001 * rng.normal(size=len(TIME))
    for beat in np.arange(0, 6, 0.5):
        start = int(beat * SAMPLE_RATE_HZ)
        clicks[start : start + 400] += rng.normal(size=400)
    found = audio_statistics(clicks)
    assert min(abs(np.exp(found["tempo"]) - bpm) for bpm in (60, 120)) < 4
    assert found["pulse"] > audio_statistics(rng.normal(size=len(TIME)))["pulse"] + 0.3
    assert found["onsets_per_second"] == pytest.approx(2, abs=0.4)


def test_loudness_alone_changes_nothing() -> None:
    sound = np.random.default_rng(0).normal(size=len(TIME)) * np.linspace(0, 1, len(TIME))
    loud, soft = audio_statistics(sound), audio_statistics(0.01 * sound)
    assert loud == pytest.approx(soft, rel=1e-6)
    assert all(np.isfinite(value) for value in loud.values())


def test_mel_filters_cover_every_frequency_between_their_ends() -> None:
    filters = mel_filters()
    assert (filters >= 0).all()
    assert (filters.sum(axis=1) > 0).all()


def test_files_are_read_at_one_rate_and_silence_is_refused(tmp_path) -> None:
    stereo = np.stack([np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)] * 2, axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 48_000)
    assert len(read_audio(tmp_path / "a.wav")) == pytest.approx(SAMPLE_RATE_HZ, abs=2)
    soundfile.write(tmp_path / "silent.wav", 0 * stereo, 48_000)
    with pytest.raises(ValueError, match="no sound"):
        read_audio(tmp_path / "silent.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.wav is no audio"):
        read_audio(tmp_path / "text.wav")

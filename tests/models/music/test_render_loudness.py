import numpy as np
import pytest

from models.music.render import SAMPLE_RATE_HZ, TARGET_LUFS, measure, normalise


def tone(seconds=2.0, hertz=997.0, amplitude=1.0, phase=0.0):
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ + phase)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_a_full_scale_tone_in_both_channels_measures_zero_lufs():
    # BS.1770: a 0 dBFS 997 Hz sine in one channel measures −3.01 LUFS; the second channel adds 3.01 dB.
    assert measure(tone()).lufs == pytest.approx(0.0, abs=0.05)


def test_the_true_peak_finds_what_lies_between_the_samples():
    # A quarter of the sample rate at 45 degrees: every sample is 3 dB below the peak of the wave.
    loudness = measure(tone(hertz=SAMPLE_RATE_HZ / 4, amplitude=1.0, phase=np.pi / 4))
    assert loudness.true_peak_db == pytest.approx(0.0, abs=0.3)


def test_normalising_reaches_the_target_even_where_peaks_leave_no_room():
    clicks = tone(4.0, amplitude=0.02)
    clicks[:: SAMPLE_RATE_HZ // 4] = 0.9
    for audio in (tone(amplitude=0.003), tone(0.2, amplitude=0.3), clicks):
        loudness = measure(normalise(audio))
        assert loudness.lufs == pytest.approx(TARGET_LUFS, abs=0.6)
        assert loudness.true_peak_db < -1.0


def test_silence_stays_silence():
    silence = np.zeros((SAMPLE_RATE_HZ, 2), dtype=np.float32)
    assert not normalise(silence).any()
    assert measure(silence).lufs == measure(silence).true_peak_db == -np.inf
    assert measure(silence[:0]).lufs == -np.inf

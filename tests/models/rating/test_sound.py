import av
import numpy as np
import pytest
import soundfile

from models.music.decoding import SoundError
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.sound import read_sound


def tone(seconds, rate):
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def broken_files(folder):
    (folder / "text.mp3").write_text("this is no sound\n" * 40)
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nothing.wav", np.zeros(0), 22_050)
    soundfile.write(folder / "one.wav", np.zeros(1), 22_050)
    soundfile.write(folder / "nan.wav", np.full(44_100, np.nan), 22_050, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(44_100), 22_050)
    soundfile.write(folder / "short.wav", tone(0.5, 22_050), 22_050)


def test_what_cannot_be_rated_is_told_in_one_line(tmp_path):
    for name, told in (
        ("text.mp3", "is no audio"),
        ("empty.wav", "is no audio"),
        ("nothing.wav", "is empty"),
        ("one.wav", "at least 1 s"),
        ("nan.wav", "no numbers"),
        ("silent.wav", "is silent"),
        ("short.wav", "at least 1 s"),
        ("missing.wav", "can't be opened"),
    ):
        broken_files(tmp_path)
        with pytest.raises(SoundError, match=told) as raised:
            read_sound(tmp_path / name)
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)


def test_any_rate_is_read_at_the_networks_own(tmp_path):
    for rate in (8_000, 22_050, 44_100, 44_101, 48_000, 96_000):
        soundfile.write(tmp_path / "a.flac", np.stack([tone(2, rate)] * 2, axis=1), rate)
        sound = read_sound(tmp_path / "a.flac")
        assert len(sound.samples) == pytest.approx(2 * SAMPLE_RATE_HZ, abs=2)
        spectrum = np.abs(np.fft.rfft(sound.samples))
        assert spectrum.argmax() * SAMPLE_RATE_HZ / len(sound.samples) == pytest.approx(440, abs=1)
        assert bool(sound.remarks) == (rate == 8_000)


@pytest.mark.parametrize(("name", "rate"), [("voice memo.m4a", 44_100), ("recorded.webm", 48_000)])
def test_what_phones_and_browsers_record_is_read(name, rate, tmp_path):
    with av.open(tmp_path / name, "w") as container:
        stream = container.add_stream("aac" if name.endswith("m4a") else "libopus", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([tone(3, rate)] * 2).astype(np.float32), "fltp", "stereo")
        frame.sample_rate = rate
        fitting = av.AudioResampler(stream.format, "stereo", rate, stream.codec_context.frame_size)
        for part in (*fitting.resample(frame), *fitting.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    sound = read_sound(tmp_path / name)
    assert len(sound.samples) == pytest.approx(3 * SAMPLE_RATE_HZ, rel=0.05)
    assert np.abs(np.fft.rfft(sound.samples)).argmax() * SAMPLE_RATE_HZ / len(sound.samples) == pytest.approx(
        440, abs=1
    )


def test_pictures_without_sound_are_no_audio(tmp_path):
    with av.open(tmp_path / "film.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=5, width=32, height=32)
        container.mux(stream.encode(av.VideoFrame(32, 32, "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode())
    with pytest.raises(SoundError, match=r"film\.mp4 is no audio"):
        read_sound(tmp_path / "film.mp4")


@pytest.mark.slow
def test_of_three_hours_the_first_two_minutes_are_heard(tmp_path):
    rate = 4_000
    with soundfile.SoundFile(tmp_path / "long.wav", "w", rate, 1, "PCM_U8") as file:
        for _ in range(18):
            file.write(tone(600, rate))
    sound = read_sound(tmp_path / "long.wav")
    assert sound.seconds == pytest.approx(120)
    assert any("180 minutes" in line for line in sound.remarks)

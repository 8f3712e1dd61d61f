import io
import struct

import av
import numpy as np
import pytest
import soundfile

from models.music.decoding import Decoded, SoundError, decode

RATE = 44_100


def tone(seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def read(data: bytes, **options: object) -> Decoded:
    return decode(io.BytesIO(data), "a sound", **options)


def mp3(seconds: float, bits: int, *, header: bool) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"write_xing": str(int(header)), "id3v2_version": "0"}) as container:
        stream = container.add_stream("mp3", rate=RATE, bit_rate=bits, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds)[None], "fltp", "mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def with_cover(data: bytes, size: int = 300_000) -> bytes:
    """Behind an ID3 tag with a picture of noise, which holds what looks like beginnings of frames."""
    picture = b"\x00image/jpeg\x00\x03\x00" + np.random.default_rng(0).bytes(size)
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\x00\x00" + picture
    length = len(frame)
    return b"ID3\x03\x00\x00" + bytes(length >> shift & 127 for shift in (21, 14, 7, 0)) + frame + data


def other(form: str, seconds: float = 3, channels: int = 1, **options: object) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone(seconds)] * channels, axis=1), RATE, format=form, **options)
    return file.getvalue()


def without_length(flac: bytes) -> bytes:
    """With no number of samples in its head, as what is streamed."""
    head = bytearray(flac)
    head[21] &= 0xF0
    head[22:26] = bytes(4)
    return bytes(head)


def streamed(wav: bytes, size: int) -> bytes:
    at = wav.index(b"data") + 4
    return wav[:4] + struct.pack("<I", size) + wav[8:at] + struct.pack("<I", size) + wav[at + 4 :]


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (with_cover(mp3(12, 128_000, header=False)), 12),
        (mp3(4, 32_000, header=False) + mp3(4, 256_000, header=False), 8),
        (mp3(4, 256_000, header=False) + mp3(4, 32_000, header=False), 8),
        (mp3(8, 128_000, header=True)[:64_000], 4),
        (mp3(4, 128_000, header=True) + b"TAG" + bytes(125), 4),
        (other("OGG") + other("OGG", 2), 5),
        (streamed(other("WAV"), 0xFFFFFFFF), 3),
        (streamed(other("WAV"), 0), 3),
        (other("WAV")[:-RATE * 2], 2),
        (without_length(other("FLAC")), 3),
        (other("AIFF"), 3),
        (other("WAV", channels=6), 3),
    ],
    ids=[
        "cover without Info", "VBR without Xing, low first", "VBR without Xing, high first", "broken download", "ID3v1",
        "chained Ogg", "streamed WAV", "WAV of length 0", "cut WAV",
        "FLAC of unknown length", "AIFF", "5.1",
    ],
)  # fmt: skip
def test_a_sound_is_as_long_as_what_can_be_decoded(data: bytes, seconds: float) -> None:
    sound = read(data)
    assert sound.seconds == pytest.approx(seconds, abs=0.1)
    assert len(sound.samples) == round(sound.seconds * RATE)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert spectrum.argmax() * RATE / len(sound.samples) == pytest.approx(440, abs=1)


def test_channels_that_cancel_or_lie_elsewhere_are_heard() -> None:
    for signs in ((1, -1), (1, -0.98), (0, 0, 1, 0, 0, 0), (1, 1, 1, 1, 1, 1)):
        file = io.BytesIO()
        soundfile.write(file, np.stack([tone(2) * sign for sign in signs], axis=1), RATE, format="WAV")
        assert np.abs(read(file.getvalue()).samples).max() > 0.1
        both = read(file.getvalue(), stereo=True).samples
        assert both.shape == (2 * RATE, 2)
        assert np.abs(both).max() > 0.1


def test_the_mean_of_two_channels_is_heard_and_no_more_than_is_wanted() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone(3), np.zeros(3 * RATE)], axis=1), RATE, format="WAV", subtype="FLOAT")
    sound = read(file.getvalue(), most_s=1)
    assert (len(sound.samples), sound.seconds) == (RATE, 3)
    np.testing.assert_allclose(sound.samples, tone(1) / 2, atol=1e-6)


def test_what_is_no_sound_is_named() -> None:
    for data in (b"", b"words " * 500, mp3(2, 128_000, header=True)[:40], b"ID3" + bytes(2000)):
        with pytest.raises(SoundError, match=r"a sound is no audio; WAV.* is needed"):
            read(data)

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from models.music.render import SAMPLE_RATE_HZ
from models.picture.film import FilmError, Pictures, read_film
from models.picture.movie import write_frames, write_movie

from .conftest import A_SECOND, SIZE


def test_cuts_and_length_are_found(make_film: Callable[..., Path]) -> None:
    film = read_film(make_film())
    assert film.seconds == pytest.approx(9.0, abs=0.01)
    assert film.cuts_s == pytest.approx([3.0, 6.0], abs=0.01)
    assert len(film.frames) == len(film.times_s) == 54


def test_a_fade_is_no_cut(tmp_path: Path) -> None:
    levels = np.clip(np.arange(48) - 12, 0, 24) / 24
    frames = (np.full((*SIZE, 3), round(250 * level), dtype=np.uint8) for level in levels)
    write_frames(frames, A_SECOND, np.zeros((4 * SAMPLE_RATE_HZ, 2), dtype=np.float32), tmp_path / "fade.mp4")
    assert len(read_film(tmp_path / "fade.mp4").cuts_s) == 0


def _sound(path: Path) -> None:
    soundfile.write(path, np.zeros(8000), 8000, format="WAV")


def _playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n", encoding="ascii")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.touch(), "the file is empty"),
        (lambda path: path.write_bytes(b"not a film" * 100), "no film that can be read"),
        (_sound, "has sound but no moving picture"),
        (_playlist, "no film that can be read"),
        (lambda path: None, "there is no file"),
    ],
    ids=["empty", "text", "sound", "playlist", "missing"],
)
def test_what_is_no_film_gives_one_clear_line(write: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    write(tmp_path / "film.mp4")
    with pytest.raises(FilmError, match=said) as error:
        read_film(tmp_path / "film.mp4")
    assert "\n" not in str(error.value)


def test_films_that_are_too_long_or_too_short_are_refused(make_film: Callable[..., Path]) -> None:
    with pytest.raises(FilmError, match="0:04 minutes can be set to music"):
        read_film(make_film(), longest_s=4.0)
    with pytest.raises(FilmError, match="at least"):
        read_film(make_film(seconds=1.0))


def test_a_film_of_more_frames_than_any_camera_takes_is_refused_at_once(tmp_path: Path) -> None:
    frames = (np.full((16, 16, 3), 5, dtype=np.uint8) for _ in range(1_000))
    write_frames(frames, 500, np.zeros((2 * SAMPLE_RATE_HZ, 2), dtype=np.float32), tmp_path / "film.mp4")
    with pytest.raises(FilmError, match="more than 130 frames a second"):
        read_film(tmp_path / "film.mp4")


def test_a_film_cut_off_in_the_middle_is_read_as_far_as_it_goes(make_film: Callable[..., Path], tmp_path: Path) -> None:
    whole = make_film(seconds=30.0)
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])  # its index lies at the front
    assert 2 < read_film(half).seconds < 30


def test_pictures_are_copied_and_the_sound_is_in_time(make_film: Callable[..., Path], tmp_path: Path) -> None:
    sound = np.zeros((9 * SAMPLE_RATE_HZ, 2), dtype=np.float32)
    click = 4 * SAMPLE_RATE_HZ
    sound[click : click + 200] = 0.8
    source = make_film()
    write_movie(source, sound, tmp_path / "made.mp4")
    with av.open(str(tmp_path / "made.mp4")) as made:
        heard = [(frame.time, frame.to_ndarray()) for frame in made.decode(audio=0)]
    loudest = max(heard, key=lambda each: float(np.abs(each[1]).max()))
    inside = int(np.abs(loudest[1][0]).argmax()) / SAMPLE_RATE_HZ
    assert loudest[0] + inside == pytest.approx(4.0, abs=0.04)
    before, after = (read_film(path) for path in (source, tmp_path / "made.mp4"))
    assert (before.frames == after.frames).all()


def _film(path: Path, codec: str, form: str = "yuv420p", sar: Fraction = Fraction(1), **options: str) -> Path:
    """Three seconds of 64 × 36 pixels, the upper half of which is lit."""
    with av.open(str(path), "w") as made:
        stream = made.add_stream(codec, rate=A_SECOND, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 36, form
        stream.codec_context.sample_aspect_ratio = sar
        for number in range(3 * A_SECOND):
            picture = np.zeros((36, 64, 3), dtype=np.uint8)
            picture[:18] = 200 + number % 20
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode(None))
    return path


def _turned(path: Path) -> Path:
    """The same as from a phone that was held upright: its head says that the picture is to be turned."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def _shown(path: Path, sound_s: float = 3.0) -> tuple[list[Pictures], tuple[int, int]]:
    """The frames of the film with new sound as a browser shows them, and their width and height."""
    out = path.with_name("made.mp4")
    write_movie(path, np.zeros((round(sound_s * SAMPLE_RATE_HZ), 2), dtype=np.float32), out)
    with av.open(str(out)) as made:
        stream = made.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        found = list(made.decode(stream))
        turns = round(found[0].rotation / 90) % 4
        frames = [np.rot90(each.to_ndarray(format="rgb24"), turns) for each in found]
        height, width = frames[0].shape[:2]
        wide = float(stream.sample_aspect_ratio or 1)
        return frames, (width, round(height * wide)) if turns % 2 else (round(width * wide), height)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mp4", "mpeg4"), ("a.mov", "libx265")])
def test_a_film_that_was_held_upright_stays_upright(tmp_path: Path, name: str, codec: str) -> None:
    frames, size = _shown(_turned(_film(tmp_path / name, codec)))
    assert (len(frames), size) == (3 * A_SECOND, (36, 64))
    assert frames[5][:, 20:].mean() > 150  # what was above is at the right
    assert frames[5][:, :16].mean() < 50


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_pixels_that_are_not_square_keep_their_shape(tmp_path: Path, codec: str) -> None:
    assert _shown(_film(tmp_path / "a.mp4", codec, sar=Fraction(4, 3)))[1] == (pytest.approx(85, abs=2), 36)


def test_a_film_with_b_frames_keeps_them_all(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "a.mov", "a.ts", "a.avi", "a.flv"):
        frames, _ = _shown(_film(tmp_path / name, "libx264", bf="3", b_strategy="0"))
        assert len(frames) == pytest.approx(3 * A_SECOND, abs=1)
        assert frames[0].mean() > 50


@pytest.mark.parametrize("form", ["yuv444p", "yuv420p10le", "yuv422p"])
def test_pictures_of_colours_that_browsers_do_not_play_are_encoded(tmp_path: Path, form: str) -> None:
    assert len(_shown(_film(tmp_path / "a.mp4", "libx264", form))[0]) == 3 * A_SECOND


def test_pictures_that_browsers_do_not_play_are_encoded(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "old.avi"), "w") as made:
        stream = made.add_stream("mpeg4", rate=A_SECOND)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for number in range(3 * A_SECOND):
            frame = np.full((*SIZE, 3), number * 5, dtype=np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        made.mux(stream.encode(None))
    write_movie(tmp_path / "old.avi", np.zeros((3 * SAMPLE_RATE_HZ, 2), dtype=np.float32), tmp_path / "new.mp4")
    with av.open(str(tmp_path / "new.mp4")) as new:
        assert new.streams.video[0].codec_context.name == "h264"
    assert read_film(tmp_path / "new.mp4").seconds == pytest.approx(3.0, abs=0.1)

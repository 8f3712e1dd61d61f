"""A film with music as one MP4: its own pictures, unchanged where browsers play them, and the new sound.

Still pictures become a film, too: each is seen for some seconds and cross-faded into the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from models.music.render import SAMPLE_RATE_HZ, Audio
from models.picture import film
from models.picture.film import A_SECOND, SIDE, Film, FilmError, Pictures, Progress
from models.picture.reading import BROKEN, PictureError, in_eight_bits, opened

PICTURE_S, FADE_S = 5.2, 0.8  # two bars at a walking pace
MOST_PICTURES = 100
CANVAS = (960, 540)
SHOWN_A_SECOND = 24
PAPER = (255, 255, 255)
CODEC, FORMATS = "h264", ("yuv420p", "yuvj420p")  # what browsers play; not 4:4:4, nor 10 bits
TIMED = {"mov", "matroska", "mpegts", "flv"}  # containers that say when each picture is shown
WIDEST, FASTEST = 1280, 30  # pixels and frames a second of what is encoded anew
QUALITY, EFFORT = "23", "veryfast"
SOUND_BITS = 192_000
STEP_SAMPLES = 1024


def read_slide(source: Path | bytes) -> Pictures:
    """A picture in the middle of a white canvas of ``CANVAS``; raises ``FilmError`` for what is none or is huge."""
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
        whole = in_eight_bits(opened(data, "the picture", 2 * max(CANVAS))).convert("RGBA")
    except PictureError as error:
        raise FilmError(str(error)) from error
    except BROKEN as error:
        raise FilmError("a file is no picture that can be read; PNG, JPEG, WebP, AVIF, BMP and TIFF can") from error
    return on_canvas(whole)


def on_canvas(picture: Image.Image) -> Pictures:
    """A picture in the middle of a white canvas of ``CANVAS``."""
    whole = picture.convert("RGBA")
    fitted = ImageOps.contain(whole, CANVAS, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", CANVAS, (*PAPER, 255))
    canvas.alpha_composite(fitted, ((CANVAS[0] - fitted.width) // 2, (CANVAS[1] - fitted.height) // 2))
    return np.asarray(canvas.convert("RGB"))


def slideshow(slides: Sequence[Pictures], *, picture_s: float = PICTURE_S) -> Film:
    """The pictures one after the other as a film, with a cut wherever one follows another.

    Raises ``FilmError`` for none or more than ``MOST_PICTURES``.
    """
    if not 0 < len(slides) <= MOST_PICTURES:
        raise FilmError(f"{len(slides)} pictures were given; 1 to {MOST_PICTURES} make a film")
    small = [np.asarray(Image.fromarray(slide).resize((SIDE, SIDE), Image.Resampling.BOX)) for slide in slides]
    seconds = picture_s * len(slides)
    frames = np.stack(list(faded(small, A_SECOND, picture_s)))
    cuts = picture_s * np.arange(1.0, len(slides))
    return Film(frames, np.arange(len(frames), dtype=np.float64) / A_SECOND, cuts, seconds)


def faded(slides: Sequence[Pictures], a_second: float, picture_s: float = PICTURE_S) -> Iterator[Pictures]:
    """The film's pictures, so many ``a_second``; half of a fade lies before each change, half after it."""
    for number in range(round(picture_s * len(slides) * a_second)):
        place = number / a_second / picture_s
        one = int(place)
        since, till = (place - one) * picture_s, (one + 1 - place) * picture_s
        if till < FADE_S / 2 and one + 1 < len(slides):
            share, other = 0.5 - till / FADE_S, one + 1
        elif since < FADE_S / 2 and one > 0:
            share, other = 0.5 - since / FADE_S, one - 1
        else:
            yield slides[one]
            continue
        mixed = slides[one] * (1 - share) + slides[other] * share
        yield mixed.round().astype(np.uint8)


def write_movie(source: str | Path, sound: Audio, out: Path, progress: Progress = lambda _: None) -> None:
    """Write the pictures of ``source`` with ``sound`` ``(samples, 2)`` at 44,100 Hz as ``out``.

    H.264 pictures as browsers play them are copied, others encoded, upright and with square pixels; raises
    ``FilmError`` for a source that can't be read.
    """
    with film.opened(source) as (container, stream), av.open(str(out), "w", options={"movflags": "faststart"}) as made:
        if _is_played_everywhere(container, stream):
            _copy(container, stream, made, sound, progress)
        else:
            _encode(container, stream, made, sound, progress)


def write_frames(
    pictures: Iterable[Pictures], a_second: int, sound: Audio, out: Path, progress: Progress = lambda _: None
) -> None:
    """Write ``pictures`` ``(height, width, 3)``, so many ``a_second``, with ``sound`` as ``out``."""
    with av.open(str(out), "w", options={"movflags": "faststart"}) as made:
        stream: VideoStream | None = None
        voice = made.add_stream("aac", rate=SAMPLE_RATE_HZ, bit_rate=SOUND_BITS)
        for number, picture in enumerate(pictures):
            if stream is None:
                height, width = (size - size % 2 for size in picture.shape[:2])
                stream = made.add_stream("libx264", rate=a_second, options={"crf": QUALITY, "preset": EFFORT})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, a_second)
            made.mux(stream.encode(frame))
            progress(min(1.0, number * SAMPLE_RATE_HZ / (a_second * len(sound))))
        if stream is not None:
            made.mux(stream.encode(None))
        _sing(made, voice, sound)


def _is_played_everywhere(container: InputContainer, stream: VideoStream) -> bool:
    timed = bool(TIMED & set(container.format.name.split(",")))
    return timed and stream.codec_context.name == CODEC and stream.codec_context.pix_fmt in FORMATS


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Packets with their times; before B frames, MKV leaves out when the first ones are decoded."""
    waiting: list[Packet[VideoStream]] = []
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        waiting.append(packet)
        if packet.dts is None:
            continue
        for place, early in enumerate(waiting):
            early.dts = packet.dts - (len(waiting) - 1 - place) * max(1, packet.duration or 1)
        yield from waiting
        waiting = []


def _copy(
    container: InputContainer, stream: VideoStream, made: OutputContainer, sound: Audio, progress: Progress
) -> None:
    copy = made.add_stream_from_template(stream)
    voice = made.add_stream("aac", rate=SAMPLE_RATE_HZ, bit_rate=SOUND_BITS)
    first: int | None = None
    total = len(sound) / SAMPLE_RATE_HZ
    for packet in _packets(container, stream):
        if packet.pts is None or packet.dts is None:
            continue
        first = packet.pts if first is None else first
        packet.pts, packet.dts, packet.stream = packet.pts - first, packet.dts - first, copy
        made.mux(packet)
        progress(min(1.0, float(packet.pts * packet.time_base) / total))
    _sing(made, voice, sound)


def _encode(
    container: InputContainer, stream: VideoStream, made: OutputContainer, sound: Audio, progress: Progress
) -> None:
    seconds = len(sound) / SAMPLE_RATE_HZ
    rate = min(Fraction(stream.average_rate or 25), Fraction(FASTEST))
    shown = stream.width * float(stream.sample_aspect_ratio or 1)
    share = min(1.0, WIDEST / max(shown, stream.height))
    width, height = (max(2, round(size * share / 2) * 2) for size in (shown, stream.height))
    new: VideoStream | None = None
    last = -1
    for time, frame in film.decoded(container, stream):
        number = round(time * rate)
        if number <= last or time >= seconds:
            continue
        picture = film.upright(frame, width, height)
        if new is None:
            new = made.add_stream("libx264", rate=rate, options={"crf": QUALITY, "preset": EFFORT})
            new.width, new.height, new.pix_fmt = picture.width, picture.height, "yuv420p"
            voice = made.add_stream("aac", rate=SAMPLE_RATE_HZ, bit_rate=SOUND_BITS)
        picture.pts, picture.time_base, picture.pict_type = number, 1 / rate, 0
        made.mux(new.encode(picture))
        last = number
        progress(min(1.0, time / seconds))
    if new is not None:
        made.mux(new.encode(None))
        _sing(made, voice, sound)


def _sing(made: OutputContainer, voice: av.AudioStream, sound: Audio) -> None:
    """Add the whole sound."""
    for first in range(0, len(sound), STEP_SAMPLES):
        part = np.ascontiguousarray(sound[first : first + STEP_SAMPLES].T, dtype=np.float32)
        frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, first, Fraction(1, SAMPLE_RATE_HZ)
        made.mux(voice.encode(frame))
    made.mux(voice.encode(None))

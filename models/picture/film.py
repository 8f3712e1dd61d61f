"""A film as small frames at a steady rate, with its length and its cuts; read through PyAV, frame by frame.

Cuts are found on every frame: the colour histogram jumps further than it has in the two seconds before (Boreczky & Rowe
1996 compare histograms with a fixed threshold; a running one leaves fast camera work alone), and colours go far, which
they don't from one frame of a fade to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SIDE = 96  # pixels of a frame, squeezed to a square: all of it counts
A_SECOND = 6.0  # frames that are kept
SHORTEST_S, LONGEST_S = 2.0, 4 * 3600.0  # an hour's frames take 600 MB
MOST_PIXELS = 4096 * 2304
MOST_FRAMES_A_SECOND = 130  # a phone's slow motion has 120, kept as it was taken
MOST_BROKEN = 50  # frames in a row that can't be decoded
# Containers of one file alone: playlists and the like may name other files, or addresses
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,mpeg,mpegts,mpegvideo,flv,gif,asf,h264,hevc,m4v,mjpeg,ivf"
SOUND_FORMATS = "mp3,wav,flac,aac"  # whose lack of pictures can be said

LEVELS = 6  # of each colour in a histogram
SMALL = (64, 36)  # pixels that it counts
JUMP = 0.35  # share of the pixels that change their colour at a cut, at least
FAR = 0.05  # that colours go at a cut, at least, of the way from black to white
DEVIATIONS, TIMES = 4.0, 3.0  # above the jumps of the last frames; as far as they went
RUNNING_S = 2.0
APART_S = 0.5  # between two cuts

Progress = Callable[[float], None]


class FilmError(ValueError):
    """A film that can't be used; the message says what was given and what is allowed."""


@dataclass(frozen=True)
class Film:
    """``frames`` uint8 ``(frames, SIDE, SIDE, 3)`` at ``times_s`` ``(frames,)``; ``cuts_s`` where new shots begin."""

    frames: Pictures
    times_s: Floats
    cuts_s: Floats
    seconds: float


def read_film(
    path: str | Path,
    *,
    a_second: float = A_SECOND,
    longest_s: float = LONGEST_S,
    progress: Progress = lambda _: None,
) -> Film:
    """The film in a file, whatever its length up to ``longest_s``; only small frames stay in memory.

    Raises ``FilmError`` for what is no film, is broken, too short, too long or too large. ``progress`` is told the
    share that was read.
    """
    frames: list[Pictures] = []
    times: list[float] = []
    cuts = Cuts()
    end = 0.0
    with opened(path) as (container, stream):
        told = container.duration / 1e6 if container.duration else 0.0
        if told > longest_s + 1:
            raise FilmError(f"the film lasts {_clock(told)}; films of up to {_clock(longest_s)} can be set to music")
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        for time, frame in decoded(container, stream):
            if time > longest_s:
                raise FilmError(f"the film lasts longer than {_clock(longest_s)}; a shorter part of it will do")
            cuts.see(time, _array(frame, *SMALL))
            if time >= len(frames) / a_second - 1e-6:
                frames.append(_turned(_array(frame, SIDE, SIDE), frame))
                times.append(time)
                progress(min(1.0, time / told) if told else 0.0)
            end = time + (float(frame.duration * stream.time_base) if frame.duration and stream.time_base else 1 / rate)
    if end < SHORTEST_S:
        raise FilmError(f"the film lasts {end:.1f} seconds; it must last {SHORTEST_S:g} at least")
    return Film(np.stack(frames), np.array(times), np.array(cuts.found), end)


class Cuts:
    """Finds cuts while frames go by; ``found`` are the times so far at which a new shot began."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._before: Floats | None = None
        self._colours: Floats = np.zeros(0)
        self._recent: deque[tuple[float, float, float]] = deque()

    def see(self, time_s: float, picture: Pictures) -> None:
        """The next frame."""
        levels = (picture.reshape(-1, 3).astype(np.int64) * LEVELS) >> 8
        index = levels @ np.array([LEVELS * LEVELS, LEVELS, 1])
        colours = np.sort(picture.reshape(-1, 3), axis=0) / 255.0  # their distance is the earth mover's
        histogram = np.bincount(index, minlength=LEVELS**3) / len(index)
        if self._before is not None:
            distance = float(np.abs(histogram - self._before).sum()) / 2
            while self._recent and self._recent[0][0] < time_s - RUNNING_S:
                self._recent.popleft()
            usual, gone = np.array([each[1:] for each in self._recent] or [(0.0, 0.0)]).T
            far = float(np.abs(colours - self._colours).mean())
            apart = time_s - (self.found[-1] if self.found else 0.0) >= APART_S
            jumps = distance > max(JUMP, float(usual.mean() + DEVIATIONS * usual.std()))
            if apart and jumps and far > max(FAR, TIMES * float(gone.mean())):
                self.found.append(time_s)
                self._recent.clear()
            else:
                self._recent.append((time_s, distance, far))
        self._before, self._colours = histogram, colours


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first moving picture; nothing is opened that the file names. Raises ``FilmError``."""
    if Path(path).is_file() and Path(path).stat().st_size == 0:
        raise FilmError("the file is empty")
    try:
        container = av.open(
            f"file:{path}",
            options={"protocol_whitelist": "file", "format_whitelist": f"{FORMATS},{SOUND_FORMATS}"},
            metadata_errors="ignore",
        )
    except FileNotFoundError as error:
        raise FilmError(f"there is no file {path}") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FilmError("the file is no film that can be read; MP4, WebM, MOV, MKV, AVI and GIF can") from error
    with container:
        pictures = [
            each for each in container.streams.video if not each.disposition & av.stream.Disposition.attached_pic
        ]
        if not pictures:
            has = "sound" if container.streams.audio else "nothing to see"
            raise FilmError(f"the file has {has} but no moving picture; a film is needed")
        stream = pictures[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise FilmError(f"the film has {stream.width} × {stream.height} pixels; up to 4096 × 2304 can be read")
        stream.thread_type = "AUTO"
        yield container, stream


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their seconds from the first one; single broken ones are left out."""
    first: float | None = None
    last, broken, seen = -1.0, 0, 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            break
        except av.FFmpegError as error:
            broken += 1
            if broken > MOST_BROKEN:
                raise FilmError("the film is broken: many frames in a row can't be decoded") from error
            continue
        for frame in frames:
            seen += 1
            if seen > MOST_FRAMES_A_SECOND * (max(last, 0.0) + SHORTEST_S):
                raise FilmError(f"the film has more than {MOST_FRAMES_A_SECOND} frames a second; fewer can be read")
            if frame.pts is None:
                continue
            first = frame.time if first is None else first
            time = frame.time - first
            if time > last:
                broken, last = 0, time
                yield time, frame
    if first is None:
        raise FilmError("the film is broken: not one frame can be decoded")


def _array(frame: VideoFrame, width: int, height: int) -> Pictures:
    return frame.reformat(width, height, format="rgb24").to_ndarray().astype(np.uint8, copy=False)


def upright(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """The frame at ``width`` × ``height``, as it lies in the file, then turned as a phone held upright meant it."""
    if not _turns(frame):
        return frame.reformat(width, height, format="yuv420p")
    turned = VideoFrame.from_ndarray(_turned(_array(frame, width, height), frame), format="rgb24")
    return turned.reformat(format="yuv420p")


def _turns(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) % 4


def _turned(picture: Pictures, frame: VideoFrame) -> Pictures:
    return np.ascontiguousarray(np.rot90(picture, _turns(frame)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} minutes" if minutes < 100 else f"{minutes // 60}:{minutes % 60:02} hours"

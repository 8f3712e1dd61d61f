"""The sound of one bar of live music, played in the light of the bars before it, to be laid over the end of the last.

It begins with its first note, goes on beyond the bar line until its last note has died away, and is as loud as it was
composed: a quiet bar after a loud one stays quiet. A second half has what still rings of the first in it, and fades in
while the first version fades out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from models.music import render as render_module
from models.music.notes import Piece
from models.music.performance import Performance
from models.music.render import SAMPLE_RATE_HZ, encode_mp3, render
from models.style.performance import touch
from webapp.live.music import LiveBar

GAIN = 2.8  # brings pop as it is usually composed near the loudness of clips
KNEE = 0.7  # of full scale, from which on peaks are bent, so that nothing clips
QUICK = 5  # LAME's quality: half the time of clips' own, and nobody downloads it
FADE_S = 0.05  # in which a second half fades in before its first beat

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BarSound:
    """An MP3 that begins ``after_s`` seconds after its bar, or the half that it is of; nothing where that is silent."""

    mp3: bytes
    after_s: float


@cache
def warm_up() -> None:
    """Begin to have the piano ready, beside everything else: a key that was never struck delays its first bar."""
    threading.Thread(target=render_module.warm_up, name="live piano", daemon=True).start()


def sound_of(bar: LiveBar) -> BarSound:
    """Play a bar."""
    if not len(bar.piece.notes):
        return BarSound(b"", 0.0)
    performance = performed(bar)
    audio = render(bar.piece, None, performance, levelled=False) * np.float32(GAIN)
    over = np.abs(audio) > KNEE
    audio[over] = np.sign(audio[over]) * (KNEE + (1 - KNEE) * np.tanh((np.abs(audio[over]) - KNEE) / (1 - KNEE)))
    after_s = float(performance.onset_s.min())
    if bar.from_tick:
        return _from(audio, bar.from_tick * bar.tick_s - after_s)
    return BarSound(encode_mp3(audio, QUICK), round(after_s, 4))


def _from(audio: Audio, begin_s: float) -> BarSound:
    """What sounds from ``begin_s`` on of a sound, with a fade before that."""
    first = round((begin_s - FADE_S) * SAMPLE_RATE_HZ)
    rest = audio[max(first, 0) :]
    if not len(rest):
        return BarSound(b"", 0.0)
    if first > 0:
        fade = rest[: round(FADE_S * SAMPLE_RATE_HZ)]
        fade *= np.linspace(0, 1, len(fade), dtype=fade.dtype)[:, None]
    return BarSound(encode_mp3(rest, QUICK), round(max(-FADE_S, -begin_s), 4))


def performed(bar: LiveBar) -> Performance:
    """How the bar is played after those before it, in seconds from where it begins; it lasts as long as it is written.

    So a player's timing moves notes within a bar, and never the bar line, by which clocks go.
    """
    whole = bar.before.followed_by(bar.piece) if bar.before else bar.piece
    found = touch.play(whole)
    first = int(whole.bars[-1, 0])
    own = _rows_of(whole, bar.piece, first)
    begin, end = float(found.bars_s[-2]), float(found.bars_s[-1])
    scale = bar.seconds / (end - begin)
    onset = np.maximum((found.onset_s[own] - begin) * scale, 0.0)
    held, sounding = (np.maximum(each[own] * scale, touch.LEAST_SECONDS) for each in (found.held_s, found.sounding_s))
    return replace(
        found, onset_s=onset, held_s=held, sounding_s=sounding, velocity=found.velocity[own],
        bars_s=np.array([0.0, bar.seconds]), pedal_s=np.zeros((0, 2)),
    )  # fmt: skip


def _rows_of(whole: Piece, last: Piece, first_tick: int) -> npt.NDArray[np.int64]:
    """Where the notes of the last bar stand in the whole piece, in the last bar's order."""
    rows: npt.NDArray[np.int64] = np.flatnonzero(whole.notes[:, 0] >= first_tick)
    assert len(rows) == len(last.notes)
    return rows

"""Following the bar: the likeliest beats by a hidden Markov model of tempo and place in the bar.

The bar pointer model in the form of Krebs, Böck & Widmer (2015): a state is a place in one of four beats of some
length, and the length may change only where a beat begins. Lengths are as likely as they are in Pop1K7, without which
one song in six is heard at half or double its tempo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.mood.beats.performance import BEATS, RATE_HZ, Frames, Performance

Floats = npt.NDArray[np.float64]

SHORTEST, LONGEST = 12, 48  # frames of a beat: 200 to 50 beats a minute
STEADY = 40.0  # nats that it costs to change the length of a beat by a factor of e
ONE_FRAME = 0.3  # and by one frame, since few tempi have beats of whole frames
USUAL_S, SPREAD = 0.54, 0.256  # median length of a beat in 300 training songs, and its deviation in natural logarithms
TEMPO = 0.4  # how much each beat counts for how likely its length is
LEAST = 1e-3


@dataclass(frozen=True)
class Found:
    """Beats and the downbeats among them, in seconds."""

    beats_s: Floats
    downbeats_s: Floats


def tracked(chances: Frames, start_s: float) -> Found:
    """The likeliest beats of what a network says of each frame ``(2, frames)``."""
    beat, down = np.clip(chances.astype(np.float64), LEAST, 1 - LEAST)
    down = np.minimum(down, 0.95 * beat)
    begins = np.log(np.stack([down, *[beat - down] * (BEATS - 1)], axis=1))  # (frames, BEATS)
    goes_on = np.log1p(-beat)
    lengths = np.arange(SHORTEST, LONGEST + 1)
    change = _changes(lengths) + _likely(lengths)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])  # of each length's places, within one beat
    places, last = int(lengths.sum()), first + lengths - 1
    score = np.full((BEATS, places), -np.log(BEATS * places))
    score[:, first] += begins[0][:, None] + _likely(lengths)
    came = np.zeros((len(begins), BEATS, len(lengths)), dtype=np.int64)
    for frame in range(1, len(begins)):
        ended = np.roll(score[:, last], 1, axis=0)  # what ended is followed by the next beat
        ways = ended[:, :, None] + change
        came[frame] = ways.argmax(1)
        score[:, 1:] = score[:, :-1] + goes_on[frame]
        score[:, first] = ways.max(1) + begins[frame][:, None]
    return _traced(score, came, lengths, first, start_s)


def _changes(lengths: npt.NDArray[np.int64]) -> Floats:
    """What it adds to go from one length to another ``(from, to)``, in nats."""
    far = -STEADY * np.abs(np.log(lengths[:, None] / lengths[None]))
    frames = np.abs(lengths[:, None] - lengths[None])
    found: Floats = np.where(frames == 1, -ONE_FRAME, far)
    return found


def _likely(lengths: npt.NDArray[np.int64]) -> Floats:
    """What beats of each length add ``(lengths,)``, in nats."""
    away = np.log(lengths / (RATE_HZ * USUAL_S)) / SPREAD
    found: Floats = -TEMPO * away**2 / 2
    return found


def _traced(
    score: Floats,
    came: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    start_s: float,
) -> Found:
    """Back along the likeliest way."""
    number, place = np.unravel_index(int(score.argmax()), score.shape)
    length = int(np.searchsorted(first, place, side="right")) - 1
    frame, beat = len(came) - 1 - int(place - first[length]), int(number)
    beats, downs = [], []
    while frame >= 0:
        beats.append(frame)
        if beat == 0:
            downs.append(frame)
        length = int(came[frame, beat, length]) if frame else length
        frame, beat = frame - int(lengths[length]), (beat - 1) % BEATS
    return Found(*(start_s + np.array(each[::-1], dtype=np.float64) / RATE_HZ for each in (beats, downs)))


def autocorrelated(played: Performance) -> Found:
    """The rival: one tempo, where the onsets agree best with themselves later, from where most notes lie on the beats.

    Bars begin on the fourth beat out of four with most in the bass.
    """
    at = np.round((played.onset_s - played.start_s) * RATE_HZ).astype(np.int64)
    loud = np.bincount(at, played.velocity, minlength=played.frames)
    bass = np.bincount(at, played.velocity * (played.pitch < 50), minlength=played.frames)
    centred = loud - loud.mean()
    lags = np.arange(SHORTEST, LONGEST + 1)
    alike = [float(centred[lag:] @ centred[:-lag]) if lag < len(centred) else 0.0 for lag in lags]
    period = int(lags[int(np.argmax(alike))])
    phase = int(np.argmax([loud[start::period].sum() for start in range(period)]))
    beats = np.arange(phase, played.frames, period)
    bar = int(np.argmax([bass[beats[start::BEATS]].sum() for start in range(BEATS)]))
    found = played.start_s + beats / RATE_HZ
    return Found(found, found[bar::BEATS])

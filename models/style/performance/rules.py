"""What is not learned but ruled: the slowing at an end, the breath after a phrase, the pedal.

Each is a plain rule and says so. The slowing follows Friberg & Sundberg 1999 (a runner who stops); the pedal changes
with the bass and at every bar line, as pupils learn it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.notes import TICKS_PER_QUARTER, Domain, Piece

from .score import Floats

LAST_TEMPO = {"pop": 0.78, "dance": 0.88, "chorale": 0.72}  # of the final note, over the piece's own
SLOWING_BARS = {"pop": 2, "dance": 1, "chorale": 1}
SLOWED_ALREADY = 0.93  # the score's own tempo of its last bars over that before them
CURVATURE = 3.0
BREATH_SECONDS = 0.12
HELD_QUARTERS = 2  # a chord of a chorale as long as this ends a phrase

PEDAL_DELAY_SECONDS, PEDAL_LIFT_SECONDS, SHORTEST_PEDAL_SECONDS = 0.06, 0.01, 0.25
MOST_PITCH_CLASSES = 5  # more than these would blur
BASS_BELOW = 60


def slowing(piece: Piece, domain: Domain, tempo_bpm: Floats) -> Floats:
    """By how much each tick of a piece that ends lasts longer: ``(ticks,)``, 1 until the last bars."""
    longer = np.ones(piece.end_tick)
    last_onset = int(piece.notes[-1, 0])
    last_bar = int(np.searchsorted(piece.bars[:, 0], last_onset, side="right")) - 1
    first_bar = max(0, last_bar + 1 - SLOWING_BARS[domain])
    before = tempo_bpm[max(0, first_bar - 8) : max(1, first_bar)]
    if tempo_bpm[first_bar : last_bar + 1].min() < SLOWED_ALREADY * np.median(before):
        return longer
    begin = int(piece.bars[first_bar, 0])
    way = np.clip((np.arange(begin, piece.end_tick) - begin) / max(1, last_onset - begin), 0, 1)
    end = LAST_TEMPO[domain]
    longer[begin:] = (1 + (end**CURVATURE - 1) * way) ** (-1 / CURVATURE)
    return longer


def phrase_ends(piece: Piece) -> list[int]:
    """The ticks at which a chorale breathes: after chords of all voices that are held, but for the last."""
    ends = []
    onset, duration = piece.notes[:, 0], piece.notes[:, 1]
    last = int((onset + duration).max())
    for tick in np.unique(onset):
        held = duration[onset == tick]
        end = int(tick + held.min())
        if len(held) >= 3 and held.min() >= HELD_QUARTERS * TICKS_PER_QUARTER and end < min(last, piece.end_tick):
            ends.append(end)
    return ends


def pedal_ticks(piece: Piece) -> list[tuple[int, int]]:
    """From which tick to which one pedal lasts: to the next bar line or new bass; none where it would blur."""
    onset, _, pitch = piece.notes[:, :3].T
    times = np.unique(onset)
    lines = set(piece.bars[:, 0].tolist())
    changes: list[int] = []
    bass: int | None = None
    for time in times.tolist():
        lowest = int(pitch[onset == time].min())
        new_bass = lowest < BASS_BELOW and time % TICKS_PER_QUARTER == 0 and (bass is None or lowest % 12 != bass)
        crossed = not changes or any(changes[-1] < line <= time for line in lines)
        if crossed or new_bass:
            changes.append(time)
            bass = lowest % 12 if lowest < BASS_BELOW else bass
    spans = []
    for begin, end in zip(changes, [*changes[1:], piece.end_tick], strict=True):
        heard = pitch[(onset >= begin) & (onset < end)]
        if len(heard) > 1 and len(set((heard % 12).tolist())) <= MOST_PITCH_CLASSES:
            spans.append((begin, end))
    return spans


def pedal_seconds(spans: list[tuple[int, int]], clock: Floats, onset_s: Floats, onset: npt.NDArray[np.int32]) -> Floats:
    """When the pedal goes down and up: down a little after the first note, up just as the next is struck."""
    presses = []
    for begin, end in spans:
        struck = onset_s[onset == begin].max()
        following = onset_s[onset == end]
        up = (following.min() if len(following) else clock[end]) + PEDAL_LIFT_SECONDS
        if up - struck - PEDAL_DELAY_SECONDS >= SHORTEST_PEDAL_SECONDS:
            presses.append((struck + PEDAL_DELAY_SECONDS, up))
    return np.array(presses, dtype=np.float64).reshape(-1, 2)


def under_pedal(onset_s: Floats, held_s: Floats, pedal_s: Floats) -> Floats:
    """How long notes sound whose keys are let go while the pedal is down."""
    if len(pedal_s) == 0:
        return held_s
    end = onset_s + held_s
    press = np.searchsorted(pedal_s[:, 0], end, side="right") - 1
    up = np.where(press >= 0, pedal_s[np.maximum(press, 0), 1], 0.0)
    sounding: Floats = np.maximum(end, up) - onset_s
    return sounding

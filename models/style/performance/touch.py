"""A composed piece as it is played: pop by the model, dance tunes and chorales with what carries over of it.

Nobody's playing of dance tunes and chorales is there to learn from. A dance tune keeps its tempo and strays from the
beat by a few milliseconds; a chorale's voices sound together and its tempo moves half as much. What is drawn depends on
the notes alone: the same piece is always played in the same way.

The slowing at an end, the breath after a phrase and the pedal are not learned but plain rules. The slowing follows
Friberg & Sundberg 1999 (a runner who stops); the pedal changes with the bass and at every bar line, as pupils learn it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from models.music.notes import TICKS_PER_QUARTER, Domain, IntArray, Piece
from models.music.performance import Performance, as_written
from models.style.latents import BARS
from models.style.performance.player import SHIPPED, load_performance_model
from models.style.performance.score import Floats, Played, Score, read_score

RULES = 1  # raised where the rules change what is heard
LEAST_SECONDS = 0.03  # that a key is held
KEY_RETURNS_SECONDS = 0.02  # before it can be struck again
KEPT = 512  # performances of some 10 kB


@dataclass(frozen=True)
class Restraint:
    """The share of what the model drew that a kind of music takes, and the most that a note is early or late.

    ``chord`` is the share of what sets a chord's notes apart; ``dynamics``: whether the score's own are all there is
    to go by (the model then draws around them) or get a share of those that it draws without looking at them.
    """

    tempo: float
    late: float
    chord: float
    most_late_s: float
    loud: float
    long: float
    dynamics: bool
    pedal: bool


RESTRAINT: dict[Domain, Restraint] = {
    "pop": Restraint(1.0, 1.0, 1.0, 0.15, 1.0, 1.0, dynamics=True, pedal=True),
    "dance": Restraint(0.0, 0.25, 0.25, 0.012, 0.6, 0.5, dynamics=False, pedal=False),
    "chorale": Restraint(0.5, 0.4, 0.25, 0.02, 0.6, 0.25, dynamics=False, pedal=False),
}

_kept: OrderedDict[str, Performance] = OrderedDict()
_lock = Lock()
_playing = (
    Lock()
)  # one at a time: in one interpreter several take as long, and who asks for anything else waits for all


def version(model: str | Path = SHIPPED) -> str:
    """Which playing this is: performances of one version are treated alike."""
    return f"{load_performance_model(model).version}.{RULES}"


def play(piece: Piece, domain: Domain | None = None, model: str | Path = SHIPPED) -> Performance:
    """How a composed piece is played, an ending slowed where it has one: where it is longer than an opening.

    ``domain`` where the piece does not tell. A piece without notes stays as it is.
    """
    kind: Domain = piece.domain or domain or "pop"
    if len(piece.notes) == 0:
        return as_written(piece)
    digest = hashlib.sha256(piece.notes.tobytes() + piece.bars.tobytes() + piece.tempo_bpm.tobytes()).hexdigest()
    key = f"{version(model)}:{kind}:{digest}"
    if (known := _known(key)) is not None:
        return known
    with _playing:
        if (known := _known(key)) is not None:  # somebody else asked for it, too
            return known
        player = load_performance_model(model).player
        restraint = RESTRAINT[kind]
        score = read_score(piece, dynamics=restraint.dynamics)
        drawn = player.play(score, _chance(piece, score))
        played = restrained(piece, score, drawn, restraint)
        found = performance(piece, kind, score, played, ends=len(piece.bars) > BARS)
        with _lock:
            _kept[key] = found
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
    return found


def _known(key: str) -> Performance | None:
    with _lock:
        if (known := _kept.get(key)) is not None:
            _kept.move_to_end(key)
        return known


def _chance(piece: Piece, score: Score) -> Floats:
    """Numbers that each bar's own notes give, so that a bar that stays is played much as it was: ``(notes, 4, 2)``."""
    notes = piece.notes[score.order]
    edges = [*np.flatnonzero(score.opens).tolist(), len(notes)]
    found = []
    for begin, end in pairwise(edges):
        digest = hashlib.sha256(notes[begin:end].tobytes()).digest()
        found.append(np.random.default_rng(int.from_bytes(digest[:8], "big")).random((end - begin, 4, 2)))
    return np.concatenate(found)


def restrained(piece: Piece, score: Score, drawn: Played, restraint: Restraint) -> Played:
    """What a kind of music takes of what was drawn."""
    group = np.cumsum(score.first) - 1
    head = drawn.late_s[np.flatnonzero(score.first)][group]
    limit = restraint.most_late_s
    late = np.clip(restraint.late * head, -limit, limit)
    late += np.clip(restraint.chord * (drawn.late_s - head), -limit, limit)
    late -= np.where(group == 0, late[0], 0.0)  # where a piece begins, its time begins
    loud = drawn.velocity
    if not restraint.dynamics:
        loud = piece.notes[score.order, 3] + restraint.loud * (loud - loud.mean())
    return replace(
        drawn, tempo=restraint.tempo * drawn.tempo, late_s=late, velocity=loud, length=restraint.long * drawn.length
    )


def performance(piece: Piece, domain: Domain, score: Score, played: Played, *, ends: bool) -> Performance:
    """Seconds of what was played, with the rules of the domain."""
    tempo = score.base_tempo_bpm * np.exp(played.tempo)
    onset, duration = piece.notes[:, 0], piece.notes[:, 1]
    per_tick = np.repeat(60.0 / tempo / TICKS_PER_QUARTER, piece.bars[:, 1])
    if ends:
        per_tick *= slowing(piece, domain, score.base_tempo_bpm)
    breaths = phrase_ends(piece) if domain == "chorale" else []
    clock = _clock(per_tick, int((onset + duration).max()))
    late, length = np.empty(len(onset)), np.empty(len(onset))
    late[score.order], length[score.order] = played.late_s, played.length
    written = clock[onset + duration] - clock[onset]
    held = written * np.exp(length)
    pauses = np.zeros(len(clock))
    for tick in breaths:
        ending = (onset + duration == tick) & (duration >= HELD_QUARTERS * TICKS_PER_QUARTER)
        held[ending] = np.minimum(held[ending], written[ending])
        pauses[tick:] += BREATH_SECONDS
    clock = clock + pauses
    onset_s = clock[onset] + late
    held = _freed(onset_s, np.maximum(held, LEAST_SECONDS), piece.notes[:, 2])
    pedal = np.zeros((0, 2))
    if RESTRAINT[domain].pedal:
        pedal = pedal_seconds(pedal_ticks(piece), clock, onset_s, onset)
    sounding = _freed(onset_s, under_pedal(onset_s, held, pedal), piece.notes[:, 2])
    velocity = np.empty(len(onset), dtype=np.int32)
    velocity[score.order] = np.clip(np.rint(played.velocity), 1, 127)
    bars = clock[[*piece.bars[:, 0].tolist(), piece.end_tick]]
    return Performance(onset_s, held, sounding, velocity, bars, pedal)


def _clock(per_tick: Floats, end: int) -> Floats:
    """The second of every tick, as far as the last note sounds at the last tick's speed."""
    going_on = np.full(max(0, end - len(per_tick)), per_tick[-1])
    clock: Floats = np.concatenate([[0.0], np.cumsum(np.concatenate([per_tick, going_on]))])
    return clock


def _freed(onset_s: Floats, lasts: Floats, pitch: IntArray) -> Floats:
    """No note sounds on where its own key is struck again."""
    order = np.lexsort((onset_s, pitch))
    same = np.flatnonzero(np.diff(pitch[order]) == 0)
    room = np.diff(onset_s[order])[same] - KEY_RETURNS_SECONDS
    freed = lasts.copy()
    freed[order[same]] = np.minimum(freed[order[same]], np.maximum(room, LEAST_SECONDS))
    return freed


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

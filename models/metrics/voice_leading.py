"""Voice leading of four-part music, counted on notes alone: no voice is named, so voices are told by their height.

On quarter beats, as written: what sounds where a beat begins. Where four notes sound on two neighbouring beats they
are soprano, alto, tenor and bass from the top; a chord change is such a pair of beats in which a voice moves. The rules
are those of the common practice (for example W. Piston: Harmony, 1941, chapters 2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from models.music.keys import QUALITIES
from models.music.notes import TICKS_PER_QUARTER, Piece

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

VOICES = 4
PAIRS = [(upper, lower) for upper in range(VOICES) for lower in range(upper + 1, VOICES)]
RANGES = ((60, 81), (53, 74), (48, 69), (40, 62))  # MIDI pitches that soprano, alto, tenor and bass sing
FIFTH, OCTAVE = 7, 0
DISSONANT = (1, 2, 6, 10, 11)  # semitones modulo an octave: seconds, tritone, sevenths
STEP = 2


@dataclass(frozen=True)
class VoiceLeading:
    """Counts over a piece.

    Args:
        changes: chord changes, pairs of neighbouring beats of four voices in which something moves.
        parallels: pairs of voices that move in one direction from a fifth to a fifth or an octave to an octave.
        hidden: outer voices that move in one direction into a fifth or an octave, the soprano by a leap.
        unprepared: changes to a dissonance of which neither note is held or reached by a step.
        onsets: pairs of neighbouring onsets with four voices sounding.
        crossings: moving voices that pass a held one there (other crossings can't be seen without named voices).
        beats: beats on which at least two notes sound; ``dissonant`` have a second, seventh or tritone among them.
        four: beats with exactly four notes; ``outside`` counts voices on them that leave their range.
    """

    changes: int
    parallels: int
    hidden: int
    unprepared: int
    onsets: int
    crossings: int
    beats: int
    dissonant: int
    four: int
    outside: int


def voice_leading(piece: Piece) -> VoiceLeading:
    """The counts of a piece; all 0 where it is silent."""
    beats = pitches_on_beats(piece)
    several = [pitches for pitches in beats if len(pitches) > 1]
    full = np.array([pitches for pitches in beats if len(pitches) == VOICES], dtype=np.int64).reshape(-1, VOICES)
    before, after = chord_changes(beats)
    onsets, crossings = held_crossings(piece)
    low, high = np.array(RANGES).T
    return VoiceLeading(
        changes=len(before),
        parallels=int(parallel_moves(before, after).sum()),
        hidden=int(hidden_moves(before, after).sum()),
        unprepared=int(unprepared_dissonances(before, after).sum()),
        onsets=onsets,
        crossings=crossings,
        beats=len(several),
        dissonant=sum(is_dissonant(pitches) for pitches in several),
        four=len(full),
        outside=int(((full < low) | (full > high)).sum()),
    )


def part_writing_faults(piece: Piece) -> float:
    """Parallels a chord change and a third of the share of dissonant beats; about .1 in Bach's chorales."""
    beats = pitches_on_beats(piece)
    several = [pitches for pitches in beats if len(pitches) > 1]
    before, after = chord_changes(beats)
    dissonant = sum(is_dissonant(pitches) for pitches in several)
    return int(parallel_moves(before, after).sum()) / max(1, len(before)) + dissonant / max(1, 3 * len(several))


def pitches_on_beats(piece: Piece) -> list[Ints]:
    """What sounds where each quarter beat begins, as ``sounding_pitches`` gives it."""
    return [sounding_pitches(piece, beat) for beat in range(0, piece.end_tick, TICKS_PER_QUARTER)]


def chord_changes(beats: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Four voices on a beat and on the next, where something moves: twice ``(changes, 4)``."""
    changes = [
        (before, after)
        for before, after in pairwise(beats)
        if len(before) == len(after) == VOICES and (before != after).any()
    ]
    before, after = np.array(changes, dtype=np.int64).reshape(-1, 2, VOICES).swapaxes(0, 1)
    return before, after


def sounding_pitches(piece: Piece, tick: int) -> Ints:
    """Pitches that sound at ``tick``, from the top, each once."""
    onset, duration, pitch = piece.notes[:, :3].T
    there: Ints = np.unique(pitch[(onset <= tick) & (tick < onset + duration)])[::-1].astype(np.int64)
    return there


def parallel_moves(before: Ints, after: Ints) -> Ints:
    """Parallel fifths and octaves of each change from chords ``(changes, 4)`` to the next ones: ``(changes,)``."""
    found = np.zeros(len(before), dtype=np.int64)
    step = np.sign(after - before)
    for upper, lower in PAIRS:
        together = (step[:, upper] == step[:, lower]) & (step[:, upper] != 0)
        one, two = ((chord[:, upper] - chord[:, lower]) % 12 for chord in (before, after))
        found += together & (one == two) & np.isin(one, (FIFTH, OCTAVE))
    return found


def hidden_moves(before: Ints, after: Ints) -> Bools:
    """Whether the outer voices move together into a fifth or octave, not from the same, the soprano by a leap."""
    move = after - before
    together = (np.sign(move[:, 0]) == np.sign(move[:, -1])) & (np.abs(move[:, 0]) > STEP)
    one, two = ((chord[:, 0] - chord[:, -1]) % 12 for chord in (before, after))
    hidden: Bools = together & np.isin(two, (FIFTH, OCTAVE)) & (one != two)
    return hidden


def unprepared_dissonances(before: Ints, after: Ints) -> Bools:
    """Whether the new chord has a dissonant pair both of whose notes are reached by leaps."""
    leapt = np.abs(after - before) > STEP
    found = np.zeros(len(before), dtype=bool)
    for upper, lower in PAIRS:
        clash = np.isin((after[:, upper] - after[:, lower]) % 12, DISSONANT)
        found |= clash & leapt[:, upper] & leapt[:, lower]
    return found


def is_dissonant(pitches: Ints) -> bool:
    """Whether a second, seventh or tritone sounds among ``pitches``."""
    return any((upper - lower) % 12 in DISSONANT for upper, lower in combinations(pitches.tolist(), 2))


def held_crossings(piece: Piece) -> tuple[int, int]:
    """Pairs of neighbouring onsets with four voices, and how often a moving voice passes a held one in them."""
    onset, duration, pitch = piece.notes[:, :3].T
    times = np.unique(onset)
    sounding = [np.flatnonzero((onset <= time) & (time < onset + duration)) for time in times]
    pairs = crossings = 0
    for old, new in pairwise(sounding):
        if len(old) != VOICES or len(new) != VOICES:
            continue
        pairs += 1
        held = pitch[np.intersect1d(old, new)].astype(np.int64)
        left, reached = (np.sort(pitch[np.setdiff1d(one, other)]) for one, other in ((old, new), (new, old)))
        apart = np.sign(left[:, None] - held) * np.sign(reached[:, None] - held)
        crossings += int((apart < 0).sum())
    return pairs, crossings


def ends_in_cadence(piece: Piece) -> bool:
    """Whether the last chord is a major or minor triad over its root, the bass moving to it by a fifth or a fourth.

    The chord is what sounds at the last onset of the bass; a doubled or missing fifth is no matter, a missing third is.
    """
    chords = [sounding_pitches(piece, tick) for tick in range(0, piece.end_tick, TICKS_PER_QUARTER)]
    chords = [pitches for pitches in chords if len(pitches) > 2]
    if len(chords) < 2:
        return False
    bass = [int(pitches[-1]) for pitches in chords]
    earlier = [pitch for pitch in bass if pitch % 12 != bass[-1] % 12]
    above = {int(pitch - bass[-1]) % 12 for pitch in chords[-1]}
    triads = [set(QUALITIES[quality]) for quality in ("maj", "min")]
    triadic = any(above <= triad for triad in triads) and bool(above & {3, 4})
    return triadic and bool(earlier) and (bass[-1] - earlier[-1]) % 12 in (5, 7)

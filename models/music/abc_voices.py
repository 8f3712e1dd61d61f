"""The voices of an ABC tune joined by time: where the bar lines of one stand, whatever the others call their bars.

A voice may end early, rest for four bars in one measure, or begin with the only pickup: each counts its own time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from .abc_repeats import Measure, written_out

Voice = Sequence[Measure]


def joined(voices: Sequence[Voice], order: str, tempo_bpm: float) -> list[Measure]:
    """All voices in the order in which they sound, in the measures of the first; ``tempo_bpm`` where it says nothing.

    Voices that are written equally long share the first one's repeats; others play their own. A later voice that is
    longer goes on in its own measures.
    """
    first, *others = [[m for m in voice if m.length] for voice in voices] or [[]]
    if all(_length(voice) == _length(first) for voice in others):
        for voice in others:
            _add(first, voice)
        _say_tempi(first, tempo_bpm)
        return written_out(first, order)
    _say_tempi(first, tempo_bpm)
    played = [  # what is repeated is there twice, and each changes by itself
        [replace(each, notes=list(each.notes), tempi=list(each.tempi)) for each in written_out(voice, order)]
        for voice in (first, *others)
    ]
    for voice in played[1:]:
        _add(played[0], voice)
    return played[0]


def _length(voice: Voice) -> int:
    return sum(measure.length for measure in voice)


def _say_tempi(measures: Voice, bpm: float) -> None:
    """Let each measure say its tempo, so that what is repeated has that of the place where it is written."""
    for measure in measures:
        measure.tempi.sort(key=lambda change: change[0])
        if not measure.tempi or measure.tempi[0][0]:
            measure.tempi.insert(0, (0, bpm))
        bpm = measure.tempi[-1][1]


def _add(first: list[Measure], other: Voice) -> None:
    """Put the notes, chords and tempi of a voice into the measures of the first, and into new ones behind them."""
    ends = list(accumulate(measure.length for measure in other))
    last = _length(first)
    for end, measure in zip(ends, other, strict=True):
        if end > last:
            first.append(Measure(length=end - last, meter=measure.meter))
            last = end
    starts = [0, *accumulate(measure.length for measure in first)][:-1]
    for at, measure in zip([0, *ends], other, strict=False):
        for onset, duration, pitch, tied in measure.notes:
            place = bisect_right(starts, at + onset) - 1
            first[place].notes.append((at + onset - starts[place], duration, pitch, tied))
        for onset, bpm in measure.tempi:
            place = bisect_right(starts, at + onset) - 1
            first[place].tempi.append((at + onset - starts[place], bpm))
        place = bisect_right(starts, at) - 1
        first[place].chord = first[place].chord or measure.chord

"""Live music as MIDI messages, each at its tick: clock (24 a quarter), start and stop, and notes.

A tick of ours is a clock of MIDI's, so a bar of 96 ticks sends 96 clocks. Source: MIDI 1.0 Detailed Specification,
System Real-Time Messages.
"""

from __future__ import annotations

from webapp.live.music import LiveBar

CLOCK, START, STOP = b"\xf8", b"\xfa", b"\xfc"
NOTE_ON, NOTE_OFF = 0x90, 0x80  # on channel 1

Timed = tuple[int, bytes]  # tick within the bar, message


def messages_of(bar: LiveBar) -> list[Timed]:
    """The messages of one bar in the order in which they are due.

    Notes that are held over the bar line end in a later bar's time: their tick lies beyond the bar. Of one tick a note
    ends before another begins, and the clock comes first. Those of a second half alone have ticks from
    ``bar.from_tick`` on: what was sent of the first is sent.
    """
    found = [(tick, 0, CLOCK) for tick in range(bar.ticks)]
    for onset, duration, pitch, velocity in bar.piece.notes.tolist():
        found += [
            (onset, 2, bytes([NOTE_ON, pitch, velocity])), (onset + duration, 1, bytes([NOTE_OFF, pitch, 0])),
        ]  # fmt: skip
    return [(tick, message) for tick, _, message in sorted(found)]

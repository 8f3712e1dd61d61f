"""Live music as MIDI messages, each at its tick: clock (24 a quarter), start and stop, and notes.

A tick of ours is a clock of MIDI's, so a bar of 96 ticks sends 96 clocks. Source: MIDI 1.0 Detailed Specification,
System Real-Time Messages.
"""

from __future__ import annotations

from collections import Counter

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
            (onset, 2, bytes([NOTE_ON, pitch, velocity])), (onset + duration, 1, note_off(pitch)),
        ]  # fmt: skip
    return [(tick, message) for tick, _, message in sorted(found)]


class Keys:
    """The keys that are down; notes of one pitch may overlap, across bars or halves, and a receiver knows one key each.

    So a key that is struck while it is down is let go before, and after that with the last of its notes.
    """

    def __init__(self) -> None:
        self._notes: Counter[int] = Counter()  # that hold each key

    def follow(self, message: bytes) -> list[bytes]:
        """What to send for a message that is due."""
        kind, pitch = message[0], message[1] if len(message) > 1 else 0
        if kind == NOTE_ON:
            self._notes[pitch] += 1
            return [note_off(pitch), message] if self._notes[pitch] > 1 else [message]
        if kind == NOTE_OFF:
            self._notes[pitch] -= 1
            return [] if self._notes[pitch] else [message]
        return [message]

    def let_go(self) -> list[bytes]:
        """What to send so that every key is up."""
        found = [note_off(pitch) for pitch in sorted(+self._notes)]
        self._notes.clear()
        return found


def note_off(pitch: int) -> bytes:
    """The message that lets go of a key."""
    return bytes([NOTE_OFF, pitch, 0])

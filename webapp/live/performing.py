"""Live music in real time on the operator's machine: bars composed a moment before they sound, sent as OSC and MIDI.

A bar is asked for so early that even a slow one is there in time. What is seen after that is heard from its middle beat
on, where a usual one would be there by then: so the music follows within a bar.

As MIDI each message has its tick: clock (24 a quarter), start and stop, and notes. A tick of ours is a clock of MIDI's,
so a bar of 96 ticks sends 96 clocks. Source: MIDI 1.0 Detailed Specification, System Real-Time Messages.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

from webapp.live import steering
from webapp.live.music import LiveBar, LiveMusic
from webapp.live.osc import OscOut

LEAST_LEAD_S, MARGIN_S = 0.15, 0.08
FIRST_S = 0.6  # that composing may take, as long as too few bars have told
RECENT = 8  # bars by whose composing the lead is judged
SLOWER = 1.25  # than those bars the next may be

Send = Callable[[], None]
Timed = tuple[float, int, Send]
CLOCK, START, STOP = b"\xf8", b"\xfa", b"\xfc"
NOTE_ON, NOTE_OFF = 0x90, 0x80  # on channel 1
TimedMessage = tuple[int, bytes]  # tick within the bar, message


@dataclass(frozen=True)
class Made:
    """A bar or its second half, how long it took in seconds, and what has the music go on from it."""

    bar: LiveBar
    took_s: float
    goes_on: Callable[[], None]


Coming = Future[Made]


class Lead:
    """How long before a bar begins it is to be asked for: as the slowest of the last few bars took, and a margin."""

    def __init__(self) -> None:
        self._took: deque[float] = deque([FIRST_S], maxlen=RECENT)

    def took(self, seconds: float) -> None:
        """A bar was composed in so many seconds."""
        self._took.append(seconds)

    @property
    def seconds(self) -> float:
        """Of the next bar."""
        return max(LEAST_LEAD_S, SLOWER * max(self._took) + MARGIN_S)

    @property
    def usual(self) -> float:
        """The same as the usual one of them took: where there is less time, nothing is to be asked for in vain."""
        return max(LEAST_LEAD_S, SLOWER * median(self._took) + MARGIN_S)


class Performer:
    """Plays until it is stopped, or for so many ``bars``; ``seen`` says what is seen whenever a bar is composed.

    ``composed`` is called with each bar that begins, with each second half that goes by something else, and how long it
    took in seconds; ``late_bars`` counts bars that were not there in time: the music waits for them.
    """

    def __init__(
        self,
        music: LiveMusic,
        seen: Callable[[], Mapping[str, float]],
        out: OscOut,
        composed: Callable[[LiveBar, float], None] = lambda _bar, _seconds: None,
    ) -> None:
        self._music, self._seen, self._out, self._composed = music, seen, out, composed
        self._stopped, self._playing = threading.Event(), threading.Event()
        self._playing.set()
        self._keys = Keys()
        self.lead = Lead()
        self.late_bars = 0

    def act(self, word: str) -> None:
        """``pause`` after the bar that sounds, or ``play`` on."""
        if word == "pause":
            self._playing.clear()
        elif word == "play":
            self._playing.set()

    def stop(self) -> None:
        """Stop within a moment."""
        self._stopped.set()
        self._playing.set()

    def play(self, bars: int | None = None) -> None:
        """Play until ``stop`` or to the last of the ``bars``; raises a ``GenerationError`` where none is composed."""
        held: list[Timed] = []  # notes that end in a later bar
        with ThreadPoolExecutor(1, "live bars") as composing:
            coming: Coming | None = composing.submit(self._compose)
            begin = 0.0
            sounds = False
            left = bars if bars is not None else 1 << 62
            while coming is not None:
                self._playing.wait()
                made = coming.result()
                if self._stopped.is_set():
                    break
                self._composed(made.bar, made.took_s)
                now = time.monotonic()
                if sounds and now > begin + MARGIN_S:
                    self.late_bars += 1
                begin = max(begin, now) if sounds else now
                if not sounds:
                    self._out.midi(START)
                    sounds = True
                left -= 1
                begin, coming = self._sound(made.bar, begin, held, composing, last=left == 0)
                if not self._playing.is_set():
                    self._rest(held)
                    sounds = False
            self._rest(held)

    def _midi(self, message: bytes) -> None:
        for each in self._keys.follow(message):
            self._out.midi(each)

    def _compose(self) -> Made:
        began = time.monotonic()
        bar = self._music.next_bar(self._seen())
        return self._made(bar, began, lambda: None)

    def _compose_half(self) -> Made:
        began = time.monotonic()
        bar, goes_on = self._music.second_half(self._seen())
        return self._made(bar, began, goes_on)

    def _made(self, bar: LiveBar, began: float, goes_on: Callable[[], None]) -> Made:
        took = time.monotonic() - began
        self.lead.took(took)
        return Made(bar, took, goes_on)

    def _sound(
        self, bar: LiveBar, begin: float, held: list[Timed], composing: ThreadPoolExecutor, *, last: bool
    ) -> tuple[float, Coming | None]:
        """Play a bar; when it ends, and the next, which is asked for meanwhile: none at the last, or when stopped."""
        middle = begin + bar.middle * bar.tick_s
        half: list[Coming] = []
        due = [(begin, -2, lambda: self._out.bar(bar)), *self._due(bar, begin, range(bar.middle))]
        if bar.middle and middle - begin >= self.lead.usual:
            ask = max(begin, middle - self.lead.seconds)
            due.append((ask, -1, lambda: self._ask_for_half(bar, half, composing)))
        if not self._sent(due, held, middle):
            return middle, None
        if half and half[0].done() and not half[0].exception():
            made = half[0].result()
            made.goes_on()
            bar = made.bar
            self._composed(bar, made.took_s)
            self._out.second_half(bar)
        end = middle + (bar.ticks - bar.middle) * bar.tick_s
        due = self._due(bar, middle, range(bar.middle, bar.ticks))
        coming: list[Coming] = []
        if not last:
            ask = max(middle, end - self.lead.seconds)
            due.append((ask, -3, lambda: coming.append(composing.submit(self._compose))))
        return end, coming[0] if self._sent(due, held, end) and coming else None

    def _ask_for_half(self, bar: LiveBar, half: list[Coming], composing: ThreadPoolExecutor) -> None:
        if steering.checked(self._seen()) != bar.readouts:
            half.append(composing.submit(self._compose_half))

    def _due(self, bar: LiveBar, begin: float, ticks: range) -> list[Timed]:
        """What a bar has to say from one tick, which is at ``begin``, to another; at its end what ends later, too."""

        def at(tick: int) -> float:
            return begin + (tick - ticks.start) * bar.tick_s

        due: list[Timed] = []
        for number, tick in enumerate(bar.beats):
            if tick in ticks:
                due.append((at(tick), -1, partial(self._out.send, "/beat", bar.number, number)))
        for order, (tick, message) in enumerate(messages_of(bar)):
            if tick in ticks or (tick >= bar.ticks == ticks.stop):
                due.append((at(tick), order, partial(self._midi, message)))
        for onset, duration, pitch, velocity in bar.piece.notes.tolist():
            if onset in ticks:
                note = (pitch, velocity, round(duration * bar.tick_s, 4))
                due.append((at(onset), -1, partial(self._out.send, "/note", *note)))
        return due

    def _sent(self, due: list[Timed], held: list[Timed], end: float) -> bool:
        """Send what is due, each in its time, until the ``end``; False when stopped. What comes later is ``held``."""
        due = sorted([*held, *due], key=lambda each: each[:2])
        held[:] = [each for each in due if each[0] >= end]
        for at, _, send in due[: len(due) - len(held)]:
            if self._stopped.wait(max(0.0, at - time.monotonic())):
                return False
            send()
        return not self._stopped.wait(max(0.0, end - time.monotonic()))

    def _rest(self, held: list[Timed]) -> None:
        """Let go of every key, and stop the clock."""
        held.clear()
        for message in self._keys.let_go():
            self._out.midi(message)
        self._out.midi(STOP)
        self._out.send("/stop")


def messages_of(bar: LiveBar) -> list[TimedMessage]:
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

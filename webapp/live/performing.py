"""Live music in real time on the operator's machine: bars composed a moment before they sound, sent as OSC and MIDI.

A bar is asked for so early that even a slow one is there in time. Where more has been seen when only a usual one still
would be, it is asked for once more, and the later answer sounds if it has come.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

from models.music.notes import TICKS_PER_QUARTER
from webapp.live import midi, steering
from webapp.live.music import LiveBar, LiveMusic
from webapp.live.osc import OscOut

LEAST_LEAD_S, MARGIN_S = 0.15, 0.08
FIRST_S = 0.6  # that composing may take, as long as too few bars have told
RECENT = 8  # bars by whose composing the lead is judged
SLOWER = 1.25  # than those bars the next may be

Send = Callable[[], None]
Timed = tuple[float, int, Send]


@dataclass(frozen=True)
class Made:
    """A bar, how long it took in seconds, and what has the music go on from it."""

    bar: LiveBar
    took_s: float
    goes_on: Callable[[], None]


Coming = list[Future[Made]]  # the next bar, and the same once more


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
        """Before which it can be asked for once more: as the last few took in the middle."""
        return max(LEAST_LEAD_S, SLOWER * median(self._took) + MARGIN_S)


class Performer:
    """Plays until it is stopped, or for so many ``bars``; ``seen`` says what is seen whenever a bar is composed.

    ``composed`` is called with each bar that begins, and how long it took in seconds; ``late_bars`` counts those that
    were not there in time: the music waits for them.
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
        self._down: set[int] = set()  # keys
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
            coming: Coming = [composing.submit(self._compose)]
            begin = 0.0
            sounds = False
            for number in range(bars if bars is not None else 1 << 62):
                made = self._awaited(coming)
                if made is None:
                    break
                bar = made.bar
                self._composed(bar, made.took_s)
                now = time.monotonic()
                if sounds and now > begin + MARGIN_S:
                    self.late_bars += 1
                begin = max(begin, now) if sounds else now
                if not sounds:
                    self._out.midi(midi.START)
                    sounds = True
                last = bars is not None and number == bars - 1
                ask = None if last else begin + bar.seconds - min(self.lead.seconds, bar.seconds)
                found = self._sound(bar, begin, held, ask, composing)
                begin += bar.seconds
                if found is None:
                    break
                coming = found
                if not self._playing.is_set():
                    self._rest(held)
                    sounds = False
            self._rest(held)

    def _midi(self, message: bytes) -> None:
        if message[0] == midi.NOTE_ON:
            self._down.add(message[1])
        elif message[0] == midi.NOTE_OFF:
            self._down.discard(message[1])
        self._out.midi(message)

    def _compose(self) -> Made:
        began = time.monotonic()
        bar = self._music.next_bar(self._seen())
        return self._made(bar, began, lambda: None)

    def _compose_again(self) -> Made:
        began = time.monotonic()
        bar, goes_on = self._music.last_bar_again(self._seen())
        return self._made(bar, began, goes_on)

    def _made(self, bar: LiveBar, began: float, goes_on: Callable[[], None]) -> Made:
        took = time.monotonic() - began
        self.lead.took(took)
        return Made(bar, took, goes_on)

    def _ask_again(self, coming: Coming, composing: ThreadPoolExecutor) -> None:
        """Where the bar that was asked for is there, and something else is seen by now."""
        if coming and coming[0].done() and not coming[0].exception():
            known = coming[0].result().bar.readouts
            if steering.checked(self._seen()) != known:
                coming.append(composing.submit(self._compose_again))

    def _awaited(self, coming: Coming) -> Made | None:
        """The bar, as it was composed last if that is there by now."""
        self._playing.wait()
        first, *again = coming
        there = [each for each in again if each.done() and not each.exception()]
        made = (there or [first])[0].result()
        made.goes_on()
        return None if self._stopped.is_set() else made

    def _sound(
        self, bar: LiveBar, begin: float, held: list[Timed], ask: float | None, composing: ThreadPoolExecutor
    ) -> Coming | None:
        """Send what a bar has to say, each in its time; the bar that is asked for meanwhile. ``held`` is changed."""
        second = 60 / (bar.tempo_bpm * TICKS_PER_QUARTER)  # a tick
        due: list[Timed] = [*held, (begin, -2, lambda: self._out.bar(bar))]
        beat = 4 * TICKS_PER_QUARTER // int(bar.piece.bars[0, 3])
        for number, tick in enumerate(range(0, bar.ticks, beat)):
            due.append((begin + tick * second, -1, partial(self._out.send, "/beat", bar.number, number)))
        for order, (tick, message) in enumerate(midi.messages_of(bar)):
            due.append((begin + tick * second, order, partial(self._midi, message)))
        for onset, duration, pitch, velocity in bar.piece.notes.tolist():
            note = (pitch, velocity, round(duration * second, 4))
            due.append((begin + onset * second, -1, partial(self._out.send, "/note", *note)))
        coming: Coming = []
        end = begin + bar.seconds
        if ask is not None:
            due.append((ask, -3, lambda: coming.append(composing.submit(self._compose))))
            due.append((max(ask, end - self.lead.usual), -2, lambda: self._ask_again(coming, composing)))
        due.sort(key=lambda each: each[:2])
        held[:] = [each for each in due if each[0] >= end]
        for at, _, send in due[: len(due) - len(held)]:
            if self._stopped.wait(max(0.0, at - time.monotonic())):
                return None
            send()
        if self._stopped.wait(max(0.0, end - time.monotonic())):
            return None
        return coming or None

    def _rest(self, held: list[Timed]) -> None:
        """Let go of every key, and stop the clock."""
        held.clear()
        for pitch in sorted(self._down):
            self._out.midi(bytes([midi.NOTE_OFF, pitch, 0]))
        self._down.clear()
        self._out.midi(midi.STOP)
        self._out.send("/stop")

"""Live music in real time on the operator's machine: bars composed a moment before they sound, sent as OSC and MIDI.

A bar is requested so early that even a slow one is there in time. What is seen after that counts from its middle beat
on, where a usual one would be there by then: so the music follows within a bar.

As MIDI each message has its tick: clock (24 a quarter), start and stop, and notes. A tick of ours is a clock of MIDI's,
so a bar of 96 ticks sends 96 clocks. Source: MIDI 1.0 Detailed Specification, System Real-Time Messages.

Open Sound Control goes out of live music and into it; ``docs/live.md`` has the addresses. By default nothing is sent or
received beyond this machine. No page and no visitor can begin it or say where it goes.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import BlockingOSCUDPServer
from pythonosc.udp_client import UDPClient

from models.picture.readouts import READOUTS
from webapp.live import steering
from webapp.live.music import LiveBar, LiveMusic
from webapp.live.steering import NOTHING_SEEN, PictureMap, checked
from webapp.runtime.errors import NotAllowed

ROOT = "/kallos"
HERE = "127.0.0.1"

LEAST_LEAD_S, MARGIN_S = 0.15, 0.08
FIRST_S = 0.6  # that composing may take, as long as too few bars have told
RECENT = 8  # bars by whose composing the lead is judged
SLOWER = 1.25  # than those bars the next may be

Send = Callable[[], None]
Timed = tuple[float, int, Send]
CLOCK, START, STOP = b"\xf8", b"\xfa", b"\xfc"
NOTE_ON, NOTE_OFF = 0x90, 0x80  # on channel 1
TimedMessage = tuple[int, bytes]  # tick within the bar, message


class OscAddressError(ValueError):
    """An address that OSC may not be sent to or listened on, in a line."""


def address(given: str, option: str, *, beyond: bool) -> tuple[str, int]:
    """``HOST:PORT`` or ``PORT`` alone, which is this machine's; a host beyond it needs ``beyond``.

    A host is an address in numbers or ``localhost``. Raises ``OscAddressError``.
    """
    host, _, port = given.rpartition(":")
    host = HERE if host in {"", "localhost"} else host.strip("[]")
    try:
        where = ipaddress.ip_address(host)
    except ValueError:
        raise OscAddressError(f"{option} {given}: give PORT, or HOST:PORT with the host in numbers") from None
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise OscAddressError(f"{option} {given}: a port is a number from 1 to 65535")
    if not where.is_loopback and not beyond:
        raise OscAddressError(
            f"{option} {given}: that is another machine; add --beyond-this-machine if it is meant, or leave out the "
            "host"
        )
    return host, int(port)


class OscOut:
    """Sends to one address; a message that nobody receives is lost."""

    def __init__(self, host: str, port: int) -> None:
        self._client = UDPClient(host, port)

    def send(self, path: str, *values: float | str) -> None:
        """One message; whole numbers go as integers."""
        builder = OscMessageBuilder(ROOT + path)
        for value in values:
            builder.add_arg(value)
        self._send(builder)

    def midi(self, message: bytes) -> None:
        """A MIDI message as ``/kallos/midi``, of the type ``m``: port 0, status and two data bytes."""
        builder = OscMessageBuilder(f"{ROOT}/midi")
        builder.add_arg((0, *message.ljust(3, b"\0")), OscMessageBuilder.ARG_TYPE_MIDI)
        self._send(builder)

    def bar(self, bar: LiveBar) -> None:
        """What is said of a bar when it begins."""
        _, _, above, below = bar.piece.bars[0].tolist()
        self.send("/bar", bar.number, bar.tempo_bpm, above, below, round(bar.seconds, 4))
        self._readings(bar)

    def second_half(self, bar: LiveBar) -> None:
        """What is said when a bar goes by something else from its middle beat on."""
        left_s = (bar.ticks - bar.from_tick) * bar.tick_s
        self.send("/half", bar.number, bar.beats.index(bar.from_tick), bar.tempo_bpm, round(left_s, 4))
        self._readings(bar)

    def _readings(self, bar: LiveBar) -> None:
        self.send("/key", bar.tonic, int(bar.major))
        for name, value in bar.readouts.items():
            self.send(f"/readouts/{name}", float(value))
        for name, value in bar.sides.items():
            self.send(f"/sides/{name}", float(value))
        for name, row in bar.latents.items():
            self.send(f"/latents/{name}", *map(float, row))

    def close(self) -> None:
        """Close the socket."""
        self._client._sock.close()  # python-osc has no way of its own

    def _send(self, builder: OscMessageBuilder) -> None:
        try:
            self._client.send(builder.build())
        except OSError:  # nobody listens there (yet): the next message may be heard
            return


class OscIn:
    """Hears what is seen elsewhere: readouts, one by one or together, or a position on the map of pictures.

    ``seen`` is what was said last. Messages that can't be understood are ignored.
    """

    def __init__(self, host: str, port: int, pictures: PictureMap, act: Callable[[str], None] | None = None) -> None:
        self._pictures, self._act = pictures, act or (lambda _: None)
        self._seen: Mapping[str, float] = NOTHING_SEEN
        self._lock = threading.Lock()
        dispatcher = Dispatcher()
        dispatcher.map(f"{ROOT}/in/readouts", self._readouts)
        dispatcher.map(f"{ROOT}/in/position", self._position)
        for name in READOUTS:
            dispatcher.map(f"{ROOT}/in/{name}", self._one, name)
        for word in ("play", "pause"):
            dispatcher.map(f"{ROOT}/in/{word}", lambda path, *_: self._act(path.rpartition("/")[2]))
        self._server = BlockingOSCUDPServer((host, port), dispatcher)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="osc in", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def seen(self) -> Mapping[str, float]:
        """The readouts as they are now."""
        with self._lock:
            return dict(self._seen)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _see(self, readouts: Mapping[str, float]) -> None:
        try:
            found = checked(readouts)
        except NotAllowed:
            return
        with self._lock:
            self._seen = found

    def _readouts(self, _path: str, *values: Any) -> None:
        if len(values) == len(READOUTS) and _numbers(values):
            self._see(dict(zip(READOUTS, values, strict=True)))

    def _one(self, _path: str, name: Sequence[str], *values: Any) -> None:
        if len(values) == 1 and _numbers(values):
            self._see({**self.seen, name[0]: values[0]})

    def _position(self, _path: str, *values: Any) -> None:
        if len(values) in {2, 3} and _numbers(values):
            try:
                self._see(self._pictures.readouts_at(values[:2], *values[2:]))
            except NotAllowed:
                return


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


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

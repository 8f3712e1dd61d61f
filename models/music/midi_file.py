"""Standard MIDI files down to events, checked byte by byte.

Our own reader, because symusic 0.5.9 ends the process on some broken files (an abort or a segmentation fault in each of
three runs over 2,500 mutated ones), and files come from strangers. Format: Standard MIDI Files 1.0 (MMA, 1996).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .notes import MAX_NOTES, MusicError

MAX_BYTES = 4 * 1024 * 1024
MAX_TRACKS = 256
MOST_FORM = 2  # 0: one track, 1: tracks side by side, 2: tracks one after another
MAX_QUARTERS = 40_000
MAX_EVENTS = 1_000_000
DRUMS = 9  # the tenth channel
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
SUSTAIN = 64


@dataclass
class MidiFile:
    """What a file says, times in its own ticks: ``tpq`` of them a quarter.

    ``notes``: onset, duration, pitch, velocity, part (one number per track and channel); drums are left out.
    ``pedals``: part, time, whether it is down. ``meters``: time, numerator, denominator. ``tempi``: time, microseconds
    a quarter. ``texts``: time and text of the markers.
    """

    tpq: int
    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    pedals: list[tuple[int, int, bool]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    events: int = 0


def parse(data: bytes | Path) -> MidiFile:
    """The events of a MIDI file; raises ``MusicError`` where it is none, is broken or is too large."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > MAX_BYTES:
        raise MusicError(f"the file has {size} bytes; at most {MAX_BYTES} are allowed")
    if isinstance(data, Path):
        data = data.read_bytes()
    if len(data) < 14 or data[:4] != b"MThd":
        raise MusicError("the file is not MIDI: it does not begin with an MThd header")
    header, form, tracks, division = struct.unpack(">IHHH", data[4:14])
    if not 6 <= header <= len(data) - 8 or form > MOST_FORM:
        raise MusicError("the MIDI file is broken: what follows MThd is no header of one; export it again")
    if not 1 <= division < 0x8000:
        raise MusicError("the MIDI file counts no ticks a quarter (SMPTE time, or none); 1 to 32,767 are allowed")
    if tracks > MAX_TRACKS:
        raise MusicError(f"the MIDI file has {tracks} tracks; at most {MAX_TRACKS} are allowed")
    midi = MidiFile(tpq=division)
    at, number = 8 + header, 0
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        end = at + 8 + length
        if end > len(data):
            raise MusicError(f"the MIDI file ends early: a part of {length} bytes has {len(data) - at - 8}")
        if kind == b"MTrk":
            number += 1
            if number > MAX_TRACKS:
                raise MusicError(f"the MIDI file has more than {MAX_TRACKS} tracks; at most that many are allowed")
            try:
                _Track(midi, data, at + 8, end, number).read()
            except IndexError:
                raise MusicError(f"track {number} of the MIDI file ends in the middle of an event") from None
        at = end
    if number == 0:
        raise MusicError("the MIDI file has no tracks; at least one is needed")
    return midi


class _Track:
    """One track while it is read: the place in the file, the time, and the notes that still sound."""

    def __init__(self, midi: MidiFile, data: bytes, at: int, end: int, number: int) -> None:
        self.midi, self.data, self.at, self.number = midi, data[:end], at, number
        self.time = 0
        self.latest = MAX_QUARTERS * midi.tpq
        self.sounding: dict[int, deque[tuple[int, int]]] = {}

    def _number(self) -> int:
        """A number of variable length, four bytes at most."""
        value = 0
        for _ in range(4):
            byte = self.data[self.at]
            self.at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise MusicError(f"track {self.number} of the MIDI file has a number of more than four bytes")

    def read(self) -> None:
        status = 0
        while self.at < len(self.data):
            self.time += self._number()
            if self.time > self.latest:
                raise MusicError(
                    f"the MIDI file lasts more than {MAX_QUARTERS} quarters; at most that many are allowed"
                )
            self.midi.events += 1
            if self.midi.events > MAX_EVENTS:
                raise MusicError(f"the MIDI file has more than {MAX_EVENTS} events; at most that many are allowed")
            byte = self.data[self.at]
            if byte >= 0xF0:
                self.at += 1
                if not self._system(byte):
                    break
            else:
                if byte >= 0x80:
                    status = byte
                    self.at += 1
                self._channel(status)
        for key, notes in self.sounding.items():  # never released: they end with the track
            for onset, velocity in notes:
                self._note(key, onset, velocity)

    def _system(self, byte: int) -> bool:
        """A meta or system event; False for the end of the track."""
        kind = -1
        if byte == 0xFF:
            kind = self.data[self.at]
            self.at += 1
        elif byte not in {0xF0, 0xF7}:
            raise MusicError(f"track {self.number} of the MIDI file has an event {byte:#x}, which files may not have")
        length = self._number()
        content = self.data[self.at : self.at + length]
        if len(content) < length:
            raise MusicError(f"track {self.number} of the MIDI file ends in the middle of an event")
        self.at += length
        if kind == 0x51 and length == 3:
            self.midi.tempi.append((self.time, int.from_bytes(content, "big")))
        elif kind == 0x58 and length >= 2:
            if not 1 <= content[0] <= 64 or content[1] > 6:
                meter = f"{content[0]}/2^{content[1]}"
                raise MusicError(f"the MIDI file has the meter {meter}; 1-64 over a power of two up to 64 is allowed")
            self.midi.meters.append((self.time, content[0], 2 ** content[1]))
        elif kind == 0x06 and length <= 64:
            self.midi.texts.append((self.time, content.decode("utf-8", "replace")))
        return kind != 0x2F

    def _channel(self, status: int) -> None:
        kind = status & 0xF0
        if kind not in DATA_BYTES:
            raise MusicError(f"track {self.number} of the MIDI file has data where an event should begin")
        first = self.data[self.at]
        second = self.data[self.at + 1] if DATA_BYTES[kind] == 2 else 0
        self.at += DATA_BYTES[kind]
        if first > 127 or second > 127:
            raise MusicError(f"track {self.number} of the MIDI file has an event with a value above 127")
        channel = status & 0x0F
        if channel == DRUMS:
            return
        if kind == 0x90 and second:
            self.sounding.setdefault(channel << 7 | first, deque()).append((self.time, second))
        elif kind in {0x80, 0x90}:
            if notes := self.sounding.get(channel << 7 | first):
                self._note(channel << 7 | first, *notes.popleft())
        elif kind == 0xB0 and first == SUSTAIN:
            self.midi.pedals.append((self.number << 4 | channel, self.time, second >= 64))

    def _note(self, key: int, onset: int, velocity: int) -> None:
        self.midi.notes.append((onset, self.time - onset, key & 127, velocity, self.number << 4 | key >> 7))
        if len(self.midi.notes) > MAX_NOTES:
            raise MusicError(f"the MIDI file has more than {MAX_NOTES} notes; at most {MAX_NOTES} are allowed")


def dump(midi: MidiFile, title: str = "", parts: Sequence[str] = ("",)) -> bytes:
    """The bytes of a file; a pedal belongs to the first part.

    With one part it has one track. With more, the first track has meters and tempi alone and each part, whose notes
    carry its number, a track of its own with its name.
    """
    events: list[tuple[int, int, bytes]] = []
    for time, text in midi.texts:
        encoded = text.encode()
        events.append((time, 0, b"\xff\x06" + _variable(len(encoded)) + encoded))
    for time, numerator, denominator in midi.meters:
        events.append((time, 1, bytes([0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, 24, 8])))
    for time, mspq in midi.tempi:
        events.append((time, 2, b"\xff\x51\x03" + mspq.to_bytes(3, "big")))
    played: list[list[tuple[int, int, bytes]]] = [[] for _ in parts]
    for onset, duration, pitch, velocity, part in midi.notes:
        played[part].append((onset, 4, bytes([0x90, pitch, velocity])))
        played[part].append((onset + duration, 3, bytes([0x80, pitch, 64])))  # before what begins at the same time
    for _, time, down in midi.pedals:
        played[0].append((time, 5 if down else 2, bytes([0xB0, SUSTAIN, 127 if down else 0])))
    if len(parts) == 1:
        tracks = [_track(title, events + played[0])]
    else:
        tracks = [_track(title, events), *(_track(name, mine) for name, mine in zip(parts, played, strict=True))]
    return b"MThd" + struct.pack(">IHHH", 6, int(len(tracks) > 1), len(tracks), midi.tpq) + b"".join(tracks)


def _track(name: str, events: list[tuple[int, int, bytes]]) -> bytes:
    encoded = name.encode()[:100]
    track, now = [b"\x00\xff\x03" + _variable(len(encoded)) + encoded], 0
    for time, _, event in sorted(events):
        track.append(_variable(time - now) + event)
        now = time
    content = b"".join(track) + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(content)) + content


def _variable(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))

"""Standard MIDI files down to events, checked byte by byte.

Our own reader, because symusic 0.5.9 ends the process on some broken files (an abort or a segmentation fault in each of
three runs over 2,500 mutated ones), and files are untrusted. Format: Standard MIDI Files 1.0 (MMA, 1996). What
players take all the same is read, and said in ``remarks``: what was cut off, values and meters that there aren't.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .notes import MAX_NOTES, MusicError

SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
MAX_BYTES = 4 * 1024 * 1024
MAX_TRACKS = 256
MOST_FORM = 2  # 0: one track, 1: tracks side by side, 2: tracks one after another
MAX_QUARTERS = 40_000
MAX_EVENTS = 1_000_000
DRUMS = 9  # the tenth channel
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
SUSTAIN = 64
SOUND_OFF, RESET, NOTES_OFF = 120, 121, range(123, 128)  # modes beyond 123 end notes as well
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # what else may come from a wire, as real-time bytes do, has none
HEADER = b"MThd\x00\x00\x00"
WRAPPED = 1024  # bytes in which a file may be wrapped: RIFF's take 20, MacBinary's 128
NTSC_FRAMES = 29


@dataclass
class MidiFile:
    """What a file says, times in its own ticks: ``tpq`` of them a quarter.

    ``notes``: onset, duration, pitch, velocity, part (one number per track and channel); drums are left out.
    ``pedals``: part, time, whether it is down. ``silences``: part and time where all notes of a channel end.
    ``meters``: time, numerator, denominator. ``tempi``: time, microseconds a quarter. ``texts``: time and text of the
    markers. ``remarks``: lines on what was read in spite of the format.
    """

    tpq: int
    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    pedals: list[tuple[int, int, bool]] = field(default_factory=list)
    silences: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    events: int = 0

    def remark(self, line: str) -> None:
        """Say something once."""
        if line not in self.remarks:
            self.remarks.append(line)


class _BrokenError(Exception):
    """A track can't be read on; the message says why, without its number."""


def begins(data: bytes) -> int:
    """Where the MIDI file begins in ``data``, also within a RIFF (RMID) or MacBinary file; -1 where there is none."""
    return 0 if data.startswith(b"MThd") else data.find(HEADER, 0, WRAPPED)


def parse(data: bytes | Path) -> MidiFile:
    """The events of a MIDI file; raises ``MusicError`` where it is none, is broken or is too large."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > MAX_BYTES:
        raise MusicError(f"the file has {size} bytes; at most {MAX_BYTES} are allowed")
    if isinstance(data, Path):
        data = data.read_bytes()
    if (first := begins(data)) < 0 or len(data) < first + 14:
        raise MusicError("the file is not MIDI: it does not begin with an MThd header")
    data = data[first:]
    header, form, tracks, division = struct.unpack(">IHHH", data[4:14])
    if not 6 <= header <= len(data) - 8 or form > MOST_FORM:
        raise MusicError("the MIDI file is broken: what follows MThd is no header of one; export it again")
    in_frames = division >= 0x8000
    if not (division & 0xFF if in_frames else division):
        raise MusicError("the MIDI file counts no ticks a quarter; 1 to 32,767 are allowed: export it again")
    if tracks > MAX_TRACKS:
        raise MusicError(f"the MIDI file has {tracks} tracks; at most {MAX_TRACKS} are allowed")
    midi = MidiFile(tpq=division)
    if in_frames:
        midi = _of_frames(256 - (division >> 8), division & 0xFF)
    number = _read_tracks(midi, data, 8 + header, form, in_frames=in_frames)
    if number == 0:
        raise MusicError("the MIDI file has no tracks; at least one is needed")
    _silence(midi)
    return midi


def _read_tracks(midi: MidiFile, data: bytes, at: int, form: int, *, in_frames: bool) -> int:
    """Put the events of the tracks from ``at`` on into ``midi``; how many there are."""
    number = start = 0
    while at + 8 <= len(data):
        kind, end = data[at : at + 4], at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if kind == b"MTrk":
            number += 1
            if number > MAX_TRACKS:
                raise MusicError(f"the MIDI file has more than {MAX_TRACKS} tracks; at most that many are allowed")
            if not _ends_at(data, end):  # its length is wrong, or the file was cut
                end = len(data)
                midi.remark(f"track {number} is not as long as it says; it was read as far as it goes")
            track = _Track(midi, data[:end], at + 8, number, start, in_frames=in_frames)
            track.read()
            start = track.time if form == MOST_FORM else 0
            end = end if end < len(data) else data.find(b"MTrk", track.at)
        elif not _chunk_at(data, end):
            end = data.find(b"MTrk", at + 1)
        if end < 0:
            break
        at = end
    return number


def _of_frames(frames_a_second: int, ticks_a_frame: int) -> MidiFile:
    """A file in SMPTE time, which has seconds and no beats: read at 120 quarters a minute."""
    drop = frames_a_second == NTSC_FRAMES
    midi = MidiFile((frames_a_second + drop) * ticks_a_frame, tempi=[(0, 500_500 if drop else 500_000)])
    midi.remark("its times are frames of a film (SMPTE) without beats; they were read as 120 quarters a minute")
    return midi


def _chunk_at(data: bytes, at: int) -> bool:
    """Whether a part of a file, or its end, is at ``at``."""
    return at == len(data) or (at + 8 <= len(data) and data[at : at + 4].isalnum())


def _ends_at(data: bytes, at: int) -> bool:
    """Whether a track may end at ``at``: the next part begins there, or the last event of a track stands before it."""
    return _chunk_at(data, at) or (at <= len(data) and data[at - 3 : at] == b"\xff\x2f\x00")


def _silence(midi: MidiFile) -> None:
    """End the notes of a channel, whatever track they are in, where it says so."""
    times: dict[int, list[int]] = {}
    for part, time in sorted(midi.silences, key=lambda each: each[1]):
        times.setdefault(part & 0x0F, []).append(time)
    for number, (onset, duration, pitch, velocity, part) in enumerate(midi.notes):
        if ends := times.get(part & 0x0F):
            place = bisect_right(ends, onset)
            if place < len(ends) and ends[place] < onset + duration:
                midi.notes[number] = (onset, ends[place] - onset, pitch, velocity, part)


class _Track:
    """One track while it is read: the place in the file, the time, and the notes that still sound."""

    def __init__(self, midi: MidiFile, data: bytes, at: int, number: int, start: int, *, in_frames: bool) -> None:
        self.midi, self.data, self.at, self.number = midi, data, at, number
        self.time, self.in_frames = start, in_frames
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
        raise _BrokenError("has a number of more than four bytes")

    def read(self) -> None:
        """Put the track's events into the file's, as far as they can be read."""
        try:
            self._events()
        except IndexError:
            self.midi.remark(f"track {self.number} ends in the middle of an event; it was read up to there")
        except _BrokenError as error:
            self.midi.remark(f"track {self.number} {error}; it was read up to there")
        for key, notes in self.sounding.items():  # never released: they end with the track
            for onset, velocity in notes:
                if self.time > onset:
                    self._note(key, onset, velocity)

    def _events(self) -> None:
        status = 0
        while self.at < len(self.data):
            self.time += self._number() << self.in_frames  # a quarter is half a second
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

    def _system(self, byte: int) -> bool:
        """A meta or system event; False for the end of the track."""
        kind = -1
        if byte == 0xFF:
            kind = self.data[self.at]
            self.at += 1
        elif byte not in {0xF0, 0xF7}:
            self.at += SYSTEM_BYTES.get(byte, 0)
            self.midi.remark("bytes that belong on a wire (clock, active sensing) were passed over")
            return True
        length = self._number()
        content = self.data[self.at : self.at + length]
        if len(content) < length:
            raise IndexError
        self.at += length
        if kind == 0x51 and length == 3 and not self.in_frames:
            self.midi.tempi.append((self.time, int.from_bytes(content, "big")))
        elif kind == 0x58 and length >= 2:
            if 1 <= content[0] <= 64 and content[1] <= 6:
                self.midi.meters.append((self.time, content[0], 2 ** content[1]))
            else:
                meter = f"{content[0]}/{2 ** content[1] if content[1] <= 8 else f'2^{content[1]}'}"
                self.midi.remark(f"the meter {meter} was left out; 1 to 64 over a power of two up to 64 is one")
        elif kind == 0x06 and length <= 64:
            self.midi.texts.append((self.time, content.decode("utf-8", "replace")))
        return kind != 0x2F

    def _channel(self, status: int) -> None:
        kind = status & 0xF0
        if kind not in DATA_BYTES:
            raise _BrokenError("has data where an event should begin")
        first = self.data[self.at]
        second = self.data[self.at + 1] if DATA_BYTES[kind] == 2 else 0
        self.at += DATA_BYTES[kind]
        if first > 127 or second > 127:
            self.midi.remark("values above 127 were read as 127, and what has such a pitch left out")
        channel, second = status & 0x0F, min(second, 127)
        if channel == DRUMS or first > 127:
            return
        part = self.number << 4 | channel
        if kind == 0x90 and second:
            if self.time > self.latest:
                raise MusicError(
                    f"the MIDI file lasts more than {MAX_QUARTERS} quarters; at most that many are allowed"
                )
            self.sounding.setdefault(channel << 7 | first, deque()).append((self.time, second))
        elif kind in {0x80, 0x90}:
            if notes := self.sounding.get(channel << 7 | first):
                self._note(channel << 7 | first, *notes.popleft())
        elif kind == 0xB0 and first == SUSTAIN:
            self.midi.pedals.append((part, self.time, second >= 64))
        elif kind == 0xB0 and (first in {SOUND_OFF, RESET} or first in NOTES_OFF):
            self._mode(channel, first)

    def _mode(self, channel: int, controller: int) -> None:
        """End the channel's notes, its pedal, or both."""
        part = self.number << 4 | channel
        if controller in {SOUND_OFF, RESET}:
            self.midi.pedals.append((part, self.time, False))
        if controller == RESET:
            return
        self.midi.silences.append((part, self.time))
        for key in [key for key in self.sounding if key >> 7 == channel]:
            for onset, velocity in self.sounding.pop(key):
                self._note(key, onset, velocity)

    def _note(self, key: int, onset: int, velocity: int) -> None:
        duration = min(self.time, self.latest) - onset
        self.midi.notes.append((onset, duration, key & 127, velocity, self.number << 4 | key >> 7))
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

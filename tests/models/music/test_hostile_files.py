import random
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest

from models.music.abc import read_abc
from models.music.midi import read_midi
from models.music.midi_file import MidiFile, dump
from models.music.notes import MusicError

pytestmark = pytest.mark.timeout(60)  # against hanging; each takes two seconds at most on an idle machine

HEAD = "X:1\nM:4/4\nL:1/8\nK:D\n"


def midi(track: bytes, division: int = 480, tracks: int = 1, length: int | None = None) -> bytes:
    size = len(track) if length is None else length
    return b"MThd" + struct.pack(">IHHH", 6, 1, tracks, division) + b"MTrk" + struct.pack(">I", size) + track


MIDI = {
    "empty": b"",
    "text": b"not a MIDI file at all",
    "ten megabytes of zeros": bytes(10_000_000),
    "four megabytes of zeros": bytes(4_000_000),
    "only a header": midi(b"")[:14],
    "no track": b"MThd" + struct.pack(">IHHH", 6, 1, 0, 480),
    "words after MThd": b"MThd and then a letter to a friend",
    "no notes": midi(b"\x00\xff\x2f\x00"),
    "SMPTE time": midi(b"\x00\x90\x3c\x40", division=0xE728),
    "no ticks a quarter": midi(b"\x00\x90\x3c\x40", division=0),
    "a truncated part": midi(b"\x00\x90\x3c\x40", length=400),
    "a truncated event": midi(b"\x00\x90\x3c"),
    "a truncated text": midi(b"\x00\xff\x06\x7fab"),
    "a time that never ends": midi(b"\xff" * 100),
    "a time of years": midi(b"\xff\xff\xff\x7f\x90\x3c\x40" * 4, division=1),
    "a pitch above 127": midi(b"\x00\x90\xff\x40"),
    "data without an event": midi(b"\x00\x3c\x40"),
    "a system event that files may not have": midi(b"\x00\xf4\x00"),
    "sixty thousand tracks": midi(b"\x00\x90\x3c\x40", tracks=60_000),
    "a million notes": midi(b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 1_000_000),
    "a million notes on and off": midi(b"\x00\x90\x3c\x40" + b"\x01\x3c\x00\x00\x3c\x40" * 600_000),
    "a million pitch bends": midi(b"\x00\xe0\x3c\x40" + b"\x00\x3c\x40" * 1_300_000),
    "only drums": dump(MidiFile(480, notes=[(0, 480, 38, 90, 0)])).replace(b"\x90", b"\x99").replace(b"\x80", b"\x89"),
}
ABC = {
    "empty": "",
    "zeros": bytes(4_000_000),
    "ten megabytes of zeros": bytes(10_000_000),
    "noise": random.Random(0).randbytes(1_000_000),
    "prose": "Once upon a time there was no tune.\n" * 100,
    "a header alone": "X:1\nT:x\nK:D\n",
    "no key": "X:1\nT:x\n",
    "a bar line that never comes": HEAD + "a" * 3_000_000,
    "bars that never end": HEAD + "|:" + "abcdefga|" * 200_000,
    "sections that explode": HEAD + "|: abcd abcd :|" * 3000,
    "repeats that explode": HEAD + ("|:" + "abcd|" * 900 + "e" + ":" * 7 + "|") * 2,
    "parts that explode": "X:1\nP:" + "A9" * 7 + "\nK:D\nP:A\n" + "abcd|" * 4000,
    "a part order that explodes": "X:1\nP:" + "(A9)9" * 1000 + "\nK:D\nP:A\nabc|\n",
    "division by zero": HEAD + "a/0 b",
    "a length of zero": "X:1\nL:1/0\nK:D\nabc|",
    "a meter of zero": "X:1\nM:4/0\nK:D\nabc|",
    "a meter of thousands of digits": "X:1\nM:" + "9" * 5000 + "/4\nK:D\nabc|",
    "an endless note": HEAD + "a99999999999999999999",
    "many endless notes": HEAD + "a9999" * 20_000,
    "a chord of everything": HEAD + "[" + "abc" * 1_000_000 + "]",
    "a chord left open": HEAD + "[" * 1_000_000,
    "graces left open": HEAD + "{" * 1_000_000,
    "a quote left open": HEAD + '"' * 1_000_001,
    "a million voices": "X:1\nK:D\n" + "".join(f"V:{i}\nabc|\n" for i in range(100_000)),
    "too many tunes": (HEAD + "abcd|\n\n") * 50_000,
    "endless rests": HEAD + "Z9999|" * 100,
    "overlays without end": HEAD + "a&" * 500_000,
}
SLOW_BUT_FINE = {
    "a tempo of a million digits": "X:1\nQ:" + "1/4 " * 300_000 + "\nK:D\nabc|",
    "a title of a million letters": "X:1\nT:" + "A (reel -- " * 100_000 + "\nK:D\nabc|",
    "nested repeat signs": HEAD + "|:" * 2000 + "abc|" + ":|" * 2000,
    "a tempo of zero": HEAD + "Q:1/4=0\nabc|",
    "a tuplet of zero": HEAD + "(3:2:0abc|",
    "a million dots": HEAD + "a" + ">" * 1_000_000 + "b|",
}


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(MusicError) as caught:
        read()
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", MIDI)
def test_a_hostile_midi_file_gives_one_clear_error(name: str) -> None:
    message = refused(lambda: read_midi(MIDI[name]))
    assert 20 < len(message) < 200
    assert "\n" not in message


@pytest.mark.slow
@pytest.mark.parametrize("name", ABC)
def test_a_hostile_abc_file_gives_one_clear_error(name: str) -> None:
    message = refused(lambda: read_abc(ABC[name]))
    assert 20 < len(message) < 200
    assert "\n" not in message


@pytest.mark.parametrize("name", SLOW_BUT_FINE)
def test_an_odd_abc_file_is_read_all_the_same(name: str) -> None:
    assert len(read_abc(SLOW_BUT_FINE[name])[0].notes) >= 2


def test_a_tempo_of_nothing_and_one_of_hours_are_kept_in_reason() -> None:
    for tempo in (b"\x00\x00\x00", b"\xff\xff\xff"):
        track = b"\x00\xff\x51\x03" + tempo + b"\x00\x90\x3c\x40\x60\x80\x3c\x40"
        assert 1 <= read_midi(midi(track)).tempo_bpm[0] <= 1000


def test_ten_thousand_tempo_changes_are_read() -> None:
    changes = [(i, 400_000 + i) for i in range(10_000)]
    assert (
        len(read_midi(dump(MidiFile(24, notes=[(0, 9_600, 60, 64, 0), (9_599, 1, 62, 64, 0)], tempi=changes))).bars)
        == 100
    )


def test_mutated_midi_files_never_do_worse_than_an_error() -> None:
    rng = random.Random(0)
    notes = [(i * 100, 90, 40 + i % 40, 64, 0) for i in range(80)]
    whole = dump(MidiFile(480, notes=notes, meters=[(0, 4, 4), (960, 3, 4)], tempi=[(0, 500_000)], texts=[(0, "a")]))
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(len(data))] = rng.choice([0, 127, 128, 255, rng.randrange(256)])
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        with suppress(MusicError):
            read_midi(bytes(data), performed=rng.random() < 0.5)


def test_mutated_tunes_never_do_worse_than_an_error() -> None:
    rng = random.Random(0)
    whole = (
        'X:1\nT:A\nM:6/8\nL:1/8\nQ:3/8=120\nR:jig\nK:Ador\n|:{g}a^gf (3efg|[1a>b-|b:|[2[ac]2 "Am"z [K:D]||\nV:2\nabc|'
    )
    alphabet = "abcdefgABCDEFGzZ^_=,'/0123456789|:[](){}<>-\"!+&~. \n\\%XTMLQKRVP"
    for _ in range(600):
        text = list(whole)
        for _ in range(rng.choice([1, 3, 20])):
            text[rng.randrange(len(text))] = rng.choice(alphabet)
        with suppress(MusicError):
            read_abc("".join(text))

"""The whole sound of a studio piece, its files and its notes in seconds, made when asked for: only notes are stored."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from models.music.abc_writer import write_abc
from models.music.engraving import write_musicxml
from models.music.midi import write_midi
from models.music.notes import Piece
from models.music.performance import bars_in_seconds, notes_in_seconds, sounding_seconds
from webapp.composing.sources import Source
from webapp.runtime.recent import Recent
from webapp.runtime.waiting import Waits, always, turn
from webapp.studio.studio import slow_slot

_rendering = threading.Lock()  # one core is enough, votes need the other
_kept: Recent[str, bytes] = Recent(24)  # sounds of about 1.2 MB, for the next who opens them
NoteInSeconds = tuple[float, float, int, int]  # start_s, duration_s, pitch, velocity


def sound(source: Source, form: str, waits: Waits = always) -> bytes:
    """The whole piece to the end of its last note's sound, as ``flac`` (what the page plays), ``wav`` or ``mp3``.

    Raises ``NobodyWaits`` where nobody ``waits`` for it any more.
    """
    from webapp.composing.rendering import rendered_for  # noqa: PLC0415 (the piano, where it is asked for)

    if form == "flac" and (known := _kept.get(source.name)) is not None:
        return known
    with slow_slot(), turn(_rendering, waits):
        title = "" if form == "flac" else source.called
        domain = None if source.written else source.music
        data = rendered_for(waits, source.piece, None, domain, form=form, title=title).data
    return _kept.keep(source.name, data) if form == "flac" else data


def midi(source: Source, *, played: bool = False) -> bytes:
    """The piece as a MIDI file, melody and accompaniment as two tracks; as written, or as it is ``played``."""
    return write_midi(_titled(source), source.performance if played else None, voices=True)


def played_midi(source: Source) -> bytes:
    """The piece as a MIDI file as it sounds: timing, dynamics, tempo and pedal of its performance."""
    return midi(source, played=True)


def abc(source: Source, *, reading: bool = False) -> bytes:
    """The piece as a tune in ABC, melody and accompaniment as two voices; for ``reading``, as a score has it."""
    return write_abc(_titled(source), reading=reading).encode()


def musicxml(source: Source) -> bytes:
    """The score as MusicXML, for notation programs."""
    with slow_slot(), _rendering:  # the first one waits for music21
        return write_musicxml(_titled(source), reading=True)


def _titled(source: Source) -> Piece:
    return replace(source.piece, titles=(source.called,), domain=source.music)


@dataclass(frozen=True)
class PianoRoll:
    """How many ``seconds`` a piece sounds, and its notes ``(start_s, duration_s, pitch, velocity)`` in that time.

    ``bars_s`` is the second at which each bar begins, and at last where the piece ends.
    """

    seconds: float
    notes: list[NoteInSeconds]
    bars_s: list[float]


def piano_roll(source: Source) -> PianoRoll:
    """The whole piece in the time of ``models.music.render.render``."""
    piece, performance = source.piece, source.performance
    seconds, bars = sounding_seconds(piece, performance), bars_in_seconds(piece, performance)
    return PianoRoll(round(seconds, 3), notes_in_seconds(piece, None, performance), bars)

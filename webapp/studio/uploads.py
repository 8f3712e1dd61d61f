"""What a listener brings into their studio: eight whole bars of their own MIDI or ABC file, or of a collection."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import numpy as np
from sqlalchemy.orm import Session

from db.queries import composed
from models.experiments.dataset import neutral
from models.music import played
from models.music.abc import Tune as AbcTune
from models.music.abc import decoded, split_tunes, tune_piece
from models.music.midi import read_midi
from models.music.midi_file import SUFFIXES, begins
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import METERS
from webapp.composing.sources import PIECES, Source
from webapp.generation.protocol import answered
from webapp.runtime.errors import NotAllowed, NotYours
from webapp.studio.formats import PianoRoll, piano_roll
from webapp.studio.pieces import TITLE_LENGTH, OpenedPiece, keep_encoded, open_piece
from webapp.studio.studio import Studio, check_rate, slow_slot

READ_BARS = 64  # of which the generator takes the first eight whole ones of one meter
BARS = 8
READ_AHEAD = 4096
ENDING = re.compile(r"(?<=.)\.[^.\s]{1,5}$")

_reading = threading.Lock()  # reading is Python's own work and would hold votes up
_looking_up = threading.Lock()  # likewise, in collections
REMEMBERED = 24  # pieces among which one that was taken before is looked for


@dataclass(frozen=True)
class BroughtPiece(OpenedPiece):
    """A file that was brought: what it was read as, by its content, from which of its bars on, and how many it has.

    A pickup is not counted. ``remarks``: what it doesn't say, or says wrongly, and as what it was read.
    """

    read_as: Literal["MIDI", "ABC"]
    first_bar: int
    bars: int
    remarks: str = ""


def upload(
    studio: Studio, listener_id: uuid.UUID, file_name: str, data: bytes, domain: str, *, first_bar: int = 1
) -> BroughtPiece:
    """Keep eight bars of a file as a piece to start from; raises ``NotAllowed`` with one line that says what to do.

    Bars without a note, or in a meter that the model doesn't know, are passed over before the eight.
    """
    studio.database.transaction(lambda session: check_rate(session, listener_id))
    shortened = " ".join(file_name.split())[:TITLE_LENGTH] or "the file"
    with slow_slot():
        try:
            with _reading:
                piece = heard(data, shortened)
            pickup = int(piece.has_pickup)
            wanted = first_bar - 1 + pickup
            begin = _sounding_from(piece, wanted)
            with answered(refused=f"“{shortened}” can't be used"):
                encoded = studio.generation.encode(piece.window(begin, READ_BARS).to_json())
        except MusicError as error:
            raise NotAllowed(
                f"“{shortened}” can't be used: {error}. Choose a MIDI file (.mid) or a tune in ABC (.abc)"
            ) from error
    title = piece.titles[0] if piece.titles else ENDING.sub("", shortened)
    first, bars = max(begin - pickup, 0) + 1, len(piece.bars) - pickup
    if first > 1:
        behind = f", from bar {first}"
        title = f"{title[: TITLE_LENGTH - len(behind)]}{behind}"
    known = piece.domain if piece.domain in DOMAINS else domain
    opened = open_piece(studio, listener_id, keep_encoded(studio, listener_id, known, title, encoded))
    read_as: Literal["MIDI", "ABC"] = "MIDI" if is_midi(data) else "ABC"
    remarks = "; ".join(filter(None, (piece.extra.get("remarks", ""), _passed_over(piece, wanted, begin))))
    return BroughtPiece(**vars(opened), read_as=read_as, first_bar=first, bars=bars, remarks=remarks)


def _sounding_from(piece: Piece, bar: int) -> int:
    """The first bar from ``bar`` on in which a note begins, of a meter that the model knows where there is one."""
    sounding = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    later = np.unique(sounding[sounding >= bar])
    if len(later) == 0:
        raise MusicError(f"no note begins from the wanted bar on; it has {len(piece.bars) - piece.has_pickup} bars")
    known = [each for each in later.tolist() if tuple(piece.bars[each, 2:].tolist()) in METERS]
    return known[0] if known else int(later[0])


def _passed_over(piece: Piece, bar: int, begin: int) -> str:
    """What is said of bars from ``bar`` on before ``begin`` whose meter the model doesn't know."""
    meters = {
        f"{above}/{below}": None for above, below in piece.bars[bar:begin, 2:].tolist() if (above, below) not in METERS
    }
    return f"bars in {' and '.join(meters)}, which the model doesn't know, were passed over" if meters else ""


def is_midi(data: bytes) -> bool:
    """Whether the content is MIDI, whatever the file is called."""
    return begins(data) >= 0


def read(data: bytes, file_name: str) -> Piece:
    """A MIDI file, or the first readable tune of an ABC file, told apart by content; raises ``MusicError``."""
    if is_midi(data):
        return read_midi(data, source="upload")
    tunes = tunes_of(data, file_name)
    for tune in tunes[:-1]:
        try:
            return tune_piece(tune, file_name, "upload")
        except MusicError:
            continue
    return tune_piece(tunes[-1], file_name, "upload")


def heard(data: bytes, file_name: str) -> Piece:
    """The same for models to hear: where a MIDI file says nothing of loudness or tempo, they are its kind's usual."""
    piece = read(data, file_name)
    return neutral(piece) if is_midi(data) else piece


def tunes_of(data: bytes, file_name: str) -> list[AbcTune]:
    """The tunes of an ABC file, one at least; raises ``MusicError``."""
    if not data.strip():
        raise MusicError("the file is empty")
    try:
        tunes = split_tunes(decoded(data))
    except MusicError as error:
        if b"\x00" in data[:READ_AHEAD]:
            raise MusicError("it is neither MIDI (which begins with MThd) nor text in ABC") from error
        raise
    if not tunes and file_name.lower().endswith(SUFFIXES):
        raise MusicError("it is neither MIDI (which begins with MThd) nor text in ABC")
    if not tunes:
        raise MusicError("no tune was found in it; ABC needs an X: and a K: line")
    return tunes


@dataclass(frozen=True)
class Tune:
    """A piece of a collection; POST to its ``address`` takes it into the studio."""

    address: str
    title: str
    collection: str
    domain: Domain
    audio_url: str
    notes_url: str


@dataclass(frozen=True)
class FoundTunes:
    """How many pieces of ``collections`` have the words in a title, and the first of them.

    ``collections``: what is searched, empty where no collection is there.
    """

    collections: list[str]
    found: int
    tunes: list[Tune]


def find_tunes(words: str, domain: str, limit: int) -> FoundTunes:
    """Pieces with ``words`` in a title, those of ``domain`` first, at most ``limit``."""
    with _looking_up:
        entries = played.find(words, domain)
    return FoundTunes(played.collections(), len(entries), [_tune(title, entry) for title, entry in entries[:limit]])


def _tune(title: str, entry: played.Entry) -> Tune:
    address = f"/api/studio/tunes/{entry.corpus}/{quote(entry.name)}"
    return Tune(address, title, entry.collection, entry.domain, f"{address}/audio", f"{address}/notes")


def source(corpus: str, name: str) -> Source:
    """The beginning of a piece as sound and roll are made of; raises ``NotYours`` where there is none."""
    entry, piece = _read(corpus, name)
    begin = piece.window(int(piece.has_pickup), BARS)
    return Source(
        f"tunes/{corpus}/{name}", entry.domain, entry.titles[0], {}, begin.to_json(), {}, "", mine=False, written=True
    )


def notes(corpus: str, name: str) -> PianoRoll:
    """What ``source`` begins with, in the time of its sound."""
    return piano_roll(source(corpus, name))


def take(studio: Studio, listener_id: uuid.UUID, corpus: str, name: str) -> OpenedPiece:
    """The piece's first eight whole bars in the listener's studio, kept once; answered as the page shows it.

    Raises ``NotYours`` where there is no such piece, ``NotAllowed`` where the model can't take it, ``TooMany`` and
    ``NotReady`` as composing does.
    """
    version, database = studio.space.version, studio.database
    before = database.transaction(lambda session: _taken(session, version, listener_id, f"{corpus}/{name}"))
    if before is not None:
        return open_piece(studio, listener_id, before)
    database.transaction(lambda session: check_rate(session, listener_id))
    entry, piece = _read(corpus, name)
    with slow_slot(), answered(refused=f"“{entry.titles[0]}” can't be used, choose another piece"):
        encoded = studio.generation.encode(piece.window(0, READ_BARS).to_json())
    return open_piece(studio, listener_id, keep_encoded(studio, listener_id, entry.domain, entry.titles[0], encoded))


def _taken(session: Session, version: str, listener_id: uuid.UUID, piece_id: str) -> str | None:
    for piece in composed.brought_pieces(session, listener_id, REMEMBERED):
        if piece.notes.get("piece_id") == piece_id and piece.model_version == version:
            return f"{PIECES}/{piece.id}"
    return None


def _read(corpus: str, name: str) -> tuple[played.Entry, Piece]:
    try:
        with _looking_up:
            return played.read(corpus, name)
    except MusicError as error:
        raise NotYours(str(error)) from error

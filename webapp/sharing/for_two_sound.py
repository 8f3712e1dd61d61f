"""A piece for two as a player asks for it: its sound, its notes, its MIDI."""

from __future__ import annotations

import uuid
from typing import cast

from sqlalchemy.orm import Session

from db.queries import sharing
from models.music.notes import Domain
from webapp.composing.sources import Source
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.studio import formats
from webapp.studio.formats import PianoRoll, piano_roll


def find(database: Database, listener_id: uuid.UUID, duet_id: uuid.UUID, piece_id: uuid.UUID) -> Source:
    """The piece where the listener is one of the two; raises ``NotYours``."""

    def work(session: Session) -> Source:
        piece = sharing.piece_of(session, duet_id, piece_id, listener_id)
        if piece is None:
            raise NotYours(f"there is no piece {piece_id} for you (any more)")
        domain = cast("Domain", piece.domain)  # a CHECK of the table holds it
        name = f"duets/{piece.id}"
        return Source(name, domain, "A piece for two", piece.recipe, piece.notes, piece.latents, piece.model_version)

    return database.transaction(work)


def audio(source: Source) -> bytes:
    """The whole piece as FLAC, made when it is asked for."""
    return formats.sound(source, "flac")


def midi(source: Source) -> bytes:
    """The piece as a MIDI file, as written."""
    return formats.midi(source)


def played_midi(source: Source) -> bytes:
    """The piece as a MIDI file, as it is played."""
    return formats.played_midi(source)


def notes(source: Source) -> PianoRoll:
    """The piece in the time of its sound."""
    return piano_roll(source)

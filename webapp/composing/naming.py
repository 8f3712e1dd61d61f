"""What a whole piece is called: its kind, key and meter, as a concert programme calls what bears no title."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from db.queries import composed as rows
from models.music.engraving import key_of
from models.music.notes import Piece
from webapp.runtime.database import Database

KINDS = {"pop": "Pop piano", "dance": "Dance tune", "chorale": "Chorale"}
SIGNS = {"b": " flat", "#": " sharp"}
KEPT = 10_000  # names; a page asks for the same ones again and again
_names: dict[uuid.UUID, str] = {}


def names_of(database: Database, clip_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What each of these clips is called: "Dance tune in D major, 6/8"."""
    unknown = [clip_id for clip_id in clip_ids if clip_id not in _names]
    if unknown:
        if len(_names) > KEPT:
            _names.clear()
        notes = database.transaction(lambda session: rows.notes_of(session, unknown))
        _names.update({clip_id: name_of(domain, piece) for clip_id, (domain, piece) in notes.items()})
    return {clip_id: _names[clip_id] for clip_id in clip_ids if clip_id in _names}


def name_of(domain: str, notes: Mapping[str, Any]) -> str:
    """The name of a piece of these notes."""
    piece = Piece.from_json(notes)
    meters = [(int(above), int(below)) for above, below in piece.bars[:, 2:]]
    above, below = max(meters, key=meters.count)
    return f"{KINDS[domain]} in {key_in_words(key_of(piece))}, {above}/{below}"


def key_in_words(key: str) -> str:
    """ "F#m" → "F sharp minor"."""
    letter, rest = key[0], key[1:]
    return f"{letter}{SIGNS.get(rest[:1], '')} {'minor' if rest.endswith('m') else 'major'}"

"""Which composed pieces may be offered, and why the others may not."""

from __future__ import annotations

import hashlib
import json
import uuid

import numpy as np

from db.queries import composed as rows
from models.music.notes import Piece
from models.style.screen import rejection_reason
from webapp.composing.rendering import playable_lengths
from webapp.generation.protocol import GenerateResult
from webapp.learning.installed_style import InstalledStyle
from webapp.runtime.database import Database

TOO_SHORT, THERE_ALREADY, LISTENER_GONE = "too_short", "there_already", "listener_gone"


def fault(piece: Piece, style: InstalledStyle) -> str | None:
    """Why nobody should hear this piece: it is broken, a copy, or too short to play; None where it is fine."""
    return rejection_reason(piece, style.fingerprint) or (None if playable_lengths(piece) else TOO_SHORT)


def is_there_already(database: Database, digest: str, result: GenerateResult, owner: uuid.UUID) -> bool:
    """Whether the listener has or may meet the clip of this content hash: made for all, or for them otherwise."""
    recipes = database.transaction(lambda session: rows.recipes_of(session, digest, owner))
    return any(recipe != result.recipe for recipe in recipes)


def content_hash(piece: Piece) -> str:
    """SHA-256 of what can be heard of a piece: notes, bars and tempi."""
    heard = [piece.notes.tolist(), piece.bars.tolist(), np.round(piece.tempo_bpm.astype(float), 3).tolist()]
    return hashlib.sha256(json.dumps(heard, separators=(",", ":")).encode()).hexdigest()

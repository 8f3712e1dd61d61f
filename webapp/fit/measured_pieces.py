"""What is measured of the pieces that may be asked about: each clip of the pool once, kept in memory."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.picture.fit.head import HEARD, of_music
from webapp.learning.playable_clips import domain_named

Floats = npt.NDArray[np.float64]

MOST_KEPT = 4000


class MeasuredPieces:
    """Measures ``(5,)`` of clips by id; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[uuid.UUID, Floats] = {}

    def of(self, session: Session, clips: Sequence[uuid.UUID], domain: str) -> Floats:
        """Of these clips of a domain, in their order: ``(clips, 5)``."""
        lacking = [clip for clip in clips if clip not in self._kept]
        found = {
            music.id: of_music(attributes(Piece.from_json(music.notes)), domain_named(domain))
            for music in (clip_rows.music_of(session, lacking) if lacking else [])
        }
        with self._lock:
            if len(self._kept) > MOST_KEPT:
                self._kept.clear()
            self._kept.update(found)
            known = {**self._kept, **found}
        return np.stack([known[clip] for clip in clips]) if clips else np.zeros((0, len(HEARD)))

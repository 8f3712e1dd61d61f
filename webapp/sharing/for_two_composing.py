"""The worker's part of composing for both: search, compose, screen, store, reporting how far it is."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners
from models.music.notes import Domain, Piece
from models.style.drafts import Draft
from models.style.fingerprint import rejection_reason
from models.style.latents import Latents
from models.taste.head import Head
from models.taste.search import SEARCHED, JointScore, best_for_both
from models.taste.space import TasteSpace, summary
from webapp.composing.clip_maker import Order, content_hash
from webapp.generation.protocol import GenerateResult, GenerationError, Generator
from webapp.learning import heads
from webapp.learning.playable_clips import InstalledStyle
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

PIECES_A_JOB = 3
SPARE = 2  # times as many are found, for those that are broken


@dataclass(frozen=True)
class Delivered:
    """How many ``pieces`` were stored of those ``composed``."""

    pieces: int = 0
    composed: int = 0

    def to_json(self) -> dict[str, int]:
        """As the job's result is stored."""
        return {"pieces": self.pieces, "composed": self.composed}


class DuetComposer:
    """Composes what two listeners both like."""

    def __init__(self, database: Database, journal: Journal, generation: Generator, style: InstalledStyle) -> None:
        self._database, self._journal, self._generation, self._style = database, journal, generation, style

    def compose(
        self, duet_id: uuid.UUID, domain: Domain, seed: int, report: Callable[[Mapping[str, Any]], None]
    ) -> Delivered:
        """Compose the best few pieces for both and store each as soon as it is there; none where the duet has ended.

        Done again with the same seed it composes the same pieces, which are then stored once. Raises
        ``GenerationError``.
        """
        space = self._style.space
        two = self._database.transaction(partial(_heads, space=space, duet_id=duet_id))
        if two is None:
            return Delivered()
        report({"stage": "searching", "pieces": 0, "of": PIECES_A_JOB})
        drafts = [Draft.from_json(each) for each in self._generation.drafts(domain, SEARCHED, seed).drafts]
        draws = [each.latents for each in drafts]
        both = JointScore(*two, space.features(np.stack([summary(each) for each in draws])))
        made = composed = 0
        for place in best_for_both(*two, space, draws, SPARE * PIECES_A_JOB):
            if made == PIECES_A_JOB:
                break
            result = Order(domain, seed + composed, drafts[place]).composed(self._generation)
            composed += 1
            if fault := rejection_reason(Piece.from_json(result.notes), self._style.fingerprint):
                log.info("piece_rejected duet=%s fault=%s", duet_id, fault)
                continue
            values = _values(space, both, domain, result) | {"mood": self._mood(result.notes)}
            if not self._database.transaction(partial(_store, journal=self._journal, duet_id=duet_id, values=values)):
                break
            made += 1
            report({"stage": "composing", "pieces": made, "of": PIECES_A_JOB})
        log.info("composed_for_both duet=%s pieces=%d composed=%d", duet_id, made, composed)
        return Delivered(made, composed)

    def _mood(self, notes: dict[str, Any]) -> dict[str, float] | None:
        """What the judges hear in a piece; None where they can't, for which nobody shall wait."""
        try:
            (mood,) = self._generation.moods([notes]).moods
        except GenerationError as error:
            log.warning("mood_unknown error=%s", error)
            return None
        return mood.model_dump() if mood else None


def _heads(session: Session, *, space: TasteSpace, duet_id: uuid.UUID) -> tuple[Head, Head] | None:
    duet = listeners.get_duet(session, duet_id)
    if duet is None or duet.guest_id is None:
        return None
    host, guest = (heads.load(session, who, space) for who in (duet.host_id, duet.guest_id))
    return host, guest


def _values(space: TasteSpace, both: JointScore, domain: str, result: GenerateResult) -> dict[str, Any]:
    features = space.features(summary(Latents.from_json(result.latents)))
    for_host, for_guest = both.chances(features)[:, 0]
    return {
        "domain": domain,
        "notes": result.notes,
        "latents": result.latents,
        "recipe": result.recipe,
        "for_host": float(for_host),
        "for_guest": float(for_guest),
        "model_version": result.model_version,
        "content_hash": content_hash(Piece.from_json(result.notes)),
    }


def _store(session: Session, *, journal: Journal, duet_id: uuid.UUID, values: dict[str, Any]) -> bool:
    """Whether the duet is still there."""
    duet = listeners.get_duet(session, duet_id, keep=True)
    if duet is None:
        return False
    listeners.add_piece(session, duet, **values)
    journal.keep_duet(session, duet_id)
    return True

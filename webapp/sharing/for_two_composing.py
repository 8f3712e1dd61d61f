"""The worker's part of composing for both: search, compose, screen, store, telling how far it is."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from sqlalchemy.orm import Session

from db.queries import duets as rows
from db.tables import Duet
from models.music.notes import Domain, Piece
from models.style.latents import Latents
from models.style.screen import why_broken
from models.taste.for_two import Both, best_for_both
from models.taste.head import Head
from models.taste.search import SEARCHED
from models.taste.space import TasteSpace, summary
from webapp.composing.clips import CLIPS_A_JOB, DEADLINE_MS, content_hash, fingerprint
from webapp.generation.protocol import GenerateRequest, GenerateResult, Source
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

Tell = Callable[[dict[str, Any]], None]


def compose_for_both(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    duet_id: uuid.UUID,
    domain: str,
    seed: int,
    tell: Tell,
) -> dict[str, Any]:
    """Compose the best few pieces for both and store each as soon as it is there; nothing where the duet has ended.

    Done again with the same seed it composes the same pieces, which are then stored once. Raises ``GenerationError``.
    """
    two = database.transaction(partial(_heads, space=space, duet_id=duet_id))
    if two is None:
        return {"pieces": 0, "composed": 0}
    tell({"stage": "searching", "pieces": 0, "of": CLIPS_A_JOB})
    draws = [Latents.from_json(each) for each in generation.latents(domain, SEARCHED, seed).latents]
    both = Both(*two, space.features(np.stack([summary(each) for each in draws])))
    made = composed = 0
    for latents in best_for_both(*two, space, draws, 2 * CLIPS_A_JOB):  # some for those that are thrown away
        if made == CLIPS_A_JOB:
            break
        request = GenerateRequest(
            id=uuid.uuid4().hex,
            domain=cast("Domain", domain),
            content=Source(latents=latents.to_json()),
            seed=(seed + composed) % 2**63,
            deadline_ms=DEADLINE_MS,
        )
        result = generation.generate(request)
        composed += 1
        if reason := why_broken(Piece.from_json(result.notes), fingerprint(style_folder)):
            log.info("piece_thrown duet=%s reason=%s", duet_id, reason)
            continue
        values = _values(space, both, domain, result)
        if not database.transaction(partial(_store, journal=journal, duet_id=duet_id, values=values)):
            break
        made += 1
        tell({"stage": "composing", "pieces": made, "of": CLIPS_A_JOB})
    log.info("composed_for_both duet=%s pieces=%d composed=%d", duet_id, made, composed)
    return {"pieces": made, "composed": composed}


def _heads(session: Session, *, space: TasteSpace, duet_id: uuid.UUID) -> tuple[Head, Head] | None:
    duet = session.get(Duet, duet_id)
    if duet is None or duet.guest_id is None:
        return None
    host, guest = (heads.load(session, who, space) for who in (duet.host_id, duet.guest_id))
    return host, guest


def _values(space: TasteSpace, both: Both, domain: str, result: GenerateResult) -> dict[str, Any]:
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
    duet = session.get(Duet, duet_id, with_for_update={"read": True, "key_share": True})
    if duet is None:
        return False
    rows.add_piece(session, duet, **values)
    journal.keep_duet(session, duet_id)
    return True

"""The pool: enough playable clips of each domain that nobody waits for a pair, and more as listeners use them up."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from db.queries import clips as rows
from db.queries import jobs
from db.queries.offers import FOUR_SIDES
from db.tables import Clip, Four, Listener, Offer
from models.music.notes import DOMAINS
from models.taste.space import TasteSpace
from webapp.composing.clips import Thrown, compose_clips, new_seed
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal
from webapp.runtime.settings import Settings

log = logging.getLogger(__name__)

KIND = "fill_pool"
FIRST = 2  # a pair can be played
FEW = 12  # of the domain that everybody begins with, before the others get any
FRESH = 16  # clips that a listener of the last hour has not met yet
MOST = 2_000
CLIPS_A_JOB = 4


@dataclass(frozen=True)
class Need:
    """The domain that needs clips most, how many in the next job, and whether somebody waits for a first pair."""

    domain: str
    clips: int
    hurry: bool = False


def need(session: Session, version: str, base: int) -> Need | None:
    """What to compose next, or None where the pool is full enough.

    That is ``base`` clips of each domain and, of those that somebody listens to, some unheard ones. The ``base`` is of
    this model's own making: what another one composed stays until then.
    """
    playable = {domain: rows.count_pool(session, domain=domain, model_version=version) for domain in DOMAINS}
    first = DOMAINS[0]
    if playable[first] < FIRST:
        return Need(first, FIRST - playable[first], hurry=True)
    if playable[first] < FEW:
        return Need(first, min(CLIPS_A_JOB, FEW - playable[first]))
    missing = {}
    for domain in DOMAINS:
        own = rows.count_composed_by(session, domain=domain, model_version=version)
        met = most_met(session, domain)
        unheard = min(MOST, FRESH + met) - playable[domain] if met else 0
        missing[domain] = max(base - own, unheard)
    domain = min(DOMAINS, key=lambda name: playable[name] / max(1, playable[name] + missing[name]))
    return Need(domain, min(CLIPS_A_JOB, missing[domain])) if missing[domain] > 0 else None


def most_met(session: Session, domain: str) -> int:
    """The largest number of the pool's clips that any listener of the last hour has met."""
    recent = func.now() - timedelta(hours=1)
    active = union(
        *(
            select(Listener.id)
            .join(table, table.listener_id == Listener.id)
            .where(Listener.domain == domain, table.created_at > recent)
            for table in (Offer, Four)
        )
    )
    shown = union(
        *(
            select(side.class_.listener_id.label("listener_id"), side.label("clip_id")).where(
                side.class_.listener_id.in_(active)
            )
            for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
        )
    ).subquery()
    met = (
        select(func.count().label("met"))
        .select_from(shown)
        .join(Clip, Clip.id == shown.c.clip_id)
        .where(Clip.domain == domain, Clip.composed_for.is_(None))
        .group_by(shown.c.listener_id)
        .subquery()
    )
    return session.scalar(select(func.max(met.c.met))) or 0


def leave_job(session: Session, space: TasteSpace, settings: Settings) -> bool:
    """Leave a job for what the pool needs, where none waits yet; whether one was left."""
    wanted = need(session, space.version, settings.pool)
    if wanted is None:
        return False
    payload = {"domain": wanted.domain, "clips": wanted.clips, "seed": new_seed(), "hurry": wanted.hurry}
    return jobs.enqueue(session, KIND, payload, dedupe_key=KIND) is not None


def fill(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    settings: Settings,
    payload: dict[str, Any],
) -> dict[str, Any]:
    """The worker's part of such a job; done again it composes the same clips, which are then stored once."""
    domain, clips, seed = str(payload["domain"]), int(payload["clips"]), int(payload["seed"])
    thrown = Thrown()
    hurry = bool(payload.get("hurry"))
    made = compose_clips(
        database,
        journal,
        clip_store,
        generation,
        space,
        style_folder,
        domain,
        seeds=range(seed, seed + clips),
        thrown=thrown,
        hurry=hurry,
    )
    database.transaction(lambda session: _retire_older(session, space, settings, domain))
    log.info("pool_filled domain=%s clips=%d thrown=%s", domain, len(made), thrown.reasons or "none")
    return {"clips": len(made), "composed": thrown.composed, "thrown": thrown.reasons}


def _retire_older(session: Session, space: TasteSpace, settings: Settings, domain: str) -> None:
    """Offer what an earlier model composed no more, once the pool is full of what this one did."""
    version = space.version
    if rows.count_composed_by(session, domain=domain, model_version=version) >= settings.pool:
        retired = rows.retire_composed_by_others(session, domain=domain, model_version=version)
        if retired:
            log.info("pool_renewed domain=%s retired=%d version=%s", domain, retired, version)

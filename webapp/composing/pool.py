"""The pool: enough playable clips of each domain that nobody waits for a pair, and more as listeners use them up."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as rows
from db.queries import jobs
from db.queries.composed import most_met
from db.tables import PICTURES
from models.music.notes import DOMAINS
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.learning.playable_clips import AnyDomain, domain_named

log = logging.getLogger(__name__)

KIND = "fill_pool"
FIRST = 2  # a pair can be played
FEW = 12  # of the domain that everybody begins with, before the others get any
FRESH = 16  # clips that a listener of the last hour has not met yet
MOST = 2_000
CLIPS_A_JOB = 4
PICTURES_A_JOB = 48
HURRIED, SHORT = 30, 7  # priorities: before everything; before what is composed for a listener who has some


@dataclass(frozen=True)
class Need:
    """The domain that needs clips most, how many in the next job, and whether somebody waits for a first pair.

    ``short``: somebody has heard nearly all.
    """

    domain: str
    clips: int
    hurry: bool = False
    short: bool = False

    @property
    def priority(self) -> int:
        """Of a job in the queue."""
        return HURRIED if self.hurry else SHORT if self.short else 0


def need(session: Session, version: str, base: int, *, pictures: str = "") -> Need | None:
    """What to compose next, or None where the pool is full enough.

    That is ``base`` clips of each domain and, of those that somebody listens to, some unheard ones. The ``base`` is of
    this model's own making: what another one composed stays until then. ``pictures``: the picture model's version,
    where there are to be pictures: these take a second, and come once there is a little music.
    """
    playable = {domain: rows.count_pool(session, domain=domain, model_version=version) for domain in DOMAINS}
    first = DOMAINS[0]
    if playable[first] < FIRST:
        return Need(first, FIRST - playable[first], hurry=True)
    if playable[first] < FEW:
        return Need(first, min(CLIPS_A_JOB, FEW - playable[first]))
    drawn = _pictures(session, pictures, base)
    if drawn is not None:
        return drawn
    missing, short = {}, {}
    for domain in DOMAINS:
        own = rows.count_composed_by(session, domain=domain, model_version=version)
        met = most_met(session, domain)
        unheard = min(MOST, FRESH + met) - playable[domain] if met else 0
        short[domain] = unheard > FRESH // 2
        missing[domain] = max(base - own, unheard)
    domain = min(DOMAINS, key=lambda name: playable[name] / max(1, playable[name] + missing[name]))
    if missing[domain] <= 0:
        return None
    return Need(domain, min(CLIPS_A_JOB, missing[domain]), short=short[domain])


def _pictures(session: Session, version: str, base: int) -> Need | None:
    if not version:
        return None
    there = rows.count_pool(session, domain=PICTURES, model_version=version)
    met = most_met(session, PICTURES)
    missing = max(base, min(MOST, FRESH + met) if met else 0) - there
    return Need(PICTURES, min(PICTURES_A_JOB, missing), short=there < FIRST) if missing > 0 else None


def leave_job(session: Session, version: str, base: int, *, pictures: str = "") -> bool:
    """Leave a job for what the pool needs, where none waits yet; whether one was left."""
    wanted = need(session, version, base, pictures=pictures)
    if wanted is None:
        return False
    payload = {"domain": wanted.domain, "clips": wanted.clips, "seed": new_seed(), "hurry": wanted.hurry}
    return jobs.enqueue(session, KIND, payload, dedupe_key=KIND, priority=wanted.priority) is not None


def fill(maker: ClipMaker, payload: Mapping[str, Any], base: int) -> dict[str, Any]:
    """The worker's part of such a job; done again it composes the same clips, which are then stored once."""
    is_picture = payload["domain"] == PICTURES
    domain: AnyDomain = "pictures" if is_picture else domain_named(payload["domain"])
    clips, seed = int(payload["clips"]), int(payload["seed"])
    orders = [Order(domain, each) for each in range(seed, seed + clips)]
    made = maker.make(orders, hurry=bool(payload.get("hurry")))
    maker.database.transaction(lambda session: _retire_older(session, maker.style.version, domain, base))
    log.info("pool_filled domain=%s clips=%d faults=%s", domain, len(made.clip_ids), made.faults or "none")
    return {"clips": len(made.clip_ids), "composed": made.composed, "thrown": made.faults}


def new_seed() -> int:
    """A seed for clips that nobody has composed yet."""
    return int.from_bytes(os.urandom(7), "big")


def _retire_older(session: Session, version: str, domain: str, base: int) -> None:
    """Offer what an earlier model composed no more, once the pool is full of what this one did."""
    if rows.count_composed_by(session, domain=domain, model_version=version) >= base:
        retired = rows.retire_composed_by_others(session, domain=domain, model_version=version)
        if retired:
            log.info("pool_renewed domain=%s retired=%d version=%s", domain, retired, version)

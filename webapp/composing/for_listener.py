"""A listener's wish made true: search latents for their head, compose the best few that differ, store them as theirs.

Beside a gift the baselines are composed that it is to beat, blind.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.music.notes import Domain
from models.taste.search import SEARCHED, best_latents
from webapp.composing import baselines
from webapp.composing.clip_maker import ClipMaker, Made, Order
from webapp.composing.jobs import JobInHand
from webapp.composing.search import KAPPAS, Draws
from webapp.composing.wishes import KIND_OF, Progress, Wish, brings_baselines, wish_of
from webapp.learning import heads

log = logging.getLogger(__name__)

CLIPS_A_JOB = 3
GIFT = Wish()
SPARE = 2  # times as many are found, for those that may not be offered


@dataclass(frozen=True)
class Commission:
    """What is to be composed for whom; the same ``seed`` gives the same clips."""

    listener_id: uuid.UUID
    domain: Domain
    seed: int
    wish: Wish = GIFT
    with_baselines: bool = False

    @classmethod
    def of(cls, job: JobInHand) -> Commission:
        """What a job asks for."""
        payload = job.payload
        return cls(job.listener_id, job.domain, job.seed, wish_of(payload), brings_baselines(payload))


@dataclass(frozen=True)
class Delivered:
    """How many ``own`` clips and ``baselines`` a commission came to, and what was ``made`` for it in all."""

    own: int
    baselines: int
    made: Made

    def to_json(self) -> dict[str, Any]:
        """As the job's result is stored."""
        return {
            "clips": self.own,
            "rivals": self.baselines,
            "composed": self.made.composed,
            "thrown": self.made.faults,
        }


class ListenerComposer:
    """Composes for one listener at a time."""

    def __init__(self, maker: ClipMaker, draws: Draws) -> None:
        self._maker, self._draws = maker, draws

    def compose(
        self, commission: Commission, report: Callable[[Mapping[str, Any]], None] = lambda _: None
    ) -> Delivered:
        """Compose and store; ``report`` hears how far it is. Done again, the same clips are stored once.

        Raises ``GenerationError``.
        """
        listener_id, domain, wish = commission.listener_id, commission.domain, commission.wish
        progress = _Progress(report)
        space = self._maker.style.space
        head = self._maker.database.transaction(lambda session: heads.load(session, listener_id, space))
        candidates = self._draws.fresh(domain, commission.seed, wish, lambda drawn: progress.change(drawn=drawn))
        found = best_latents(head, space, candidates, SPARE * CLIPS_A_JOB, kappa=KAPPAS[wish.mode])
        progress.change(scored=len(candidates))
        made, waiting = Made(), [each.latents for each in found]
        while waiting and (missing := CLIPS_A_JOB - len(made.clip_ids)) > 0:
            now, waiting = waiting[:missing], waiting[missing:]
            orders = [
                Order(domain, commission.seed + made.composed + place, latents, listener_id, KIND_OF[wish.mode])
                for place, latents in enumerate(now)
            ]
            made.add(self._maker.make(orders, on_stored=progress.one_more_rendered))
        own = len(made.clip_ids)
        if commission.with_baselines and own:
            first = commission.seed + made.composed
            made.add(baselines.compose_missing(self._maker, listener_id, domain, candidates, first_seed=first))
        beside = len(made.clip_ids) - own
        log.info(
            "composed_for_listener wish=%s clips=%d baselines=%d votes=%d", wish.mode, own, beside, head.votes_seen
        )
        return Delivered(own, beside, made)


class _Progress:
    """Reports every step."""

    def __init__(self, report: Callable[[Mapping[str, Any]], None]) -> None:
        self._report = report
        self._now = Progress(ideas=SEARCHED, pieces=CLIPS_A_JOB)

    def change(self, **values: int) -> None:
        self._now = self._now.model_copy(update=values)
        self._report(self._now.model_dump())

    def one_more_rendered(self) -> None:
        self.change(rendered=self._now.rendered + 1)

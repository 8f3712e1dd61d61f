"""A listener's wish made true: search latents for their head, compose the best few that differ, store them as theirs.

Beside a gift the baselines are composed that it is to beat, blind: one for the average listener, one just as it came.
So is what tests the tension model: of some drafts of one seed the one that it rewards most, the first of them, and one
by the writer that was trained for that reward. They are composed for nobody's taste and heard by one listener alone,
blind, against one another (policy ``tension``). The reward is the lesser of an open future and a known past, as it was
measured in ``models.tension.guided``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries.clips import rival_clips
from db.queries.listeners import lock_listener
from db.queries.offers import met_among
from db.tables import BY_TENSION, PICTURES
from models.music.notes import Domain
from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import SEARCHED, ideas
from webapp.composing import wishes
from webapp.composing.clip_maker import LISTENER_GONE, ClipMaker, Made, Order
from webapp.composing.dials import TENSION
from webapp.composing.search import Search
from webapp.composing.wishes import GIFT, JobInHand, Wish
from webapp.generation.protocol import GenerationError
from webapp.learning import heads
from webapp.learning.playable_clips import AnyDomain, domain_named
from webapp.runtime.waiting import require_wanted

log = logging.getLogger(__name__)

CLIPS_A_JOB = 3
SPARE = 3  # more are found, for those that may not be offered
Report = Callable[[Mapping[str, Any]], None]
TRIED = 3  # drafts for a baseline, the next one where a piece may not be offered
AMONG = 8  # drafts of which one is chosen, as where it was measured


@dataclass(frozen=True)
class Commission:
    """What is to be composed for whom.

    The same ``seed`` and ``found`` drafts give the same clips; drafts that were not found yet are searched for.
    In a ``hurry`` others wait for their first clip, and one, in its shortest length, is enough for now.
    ``to_lengthen`` are clips that were made in a hurry.
    """

    listener_id: uuid.UUID
    domain: AnyDomain
    seed: int
    wish: Wish = GIFT
    with_baselines: bool = False
    clips: int = CLIPS_A_JOB
    found: Sequence[Draft] = ()
    hurry: bool = False
    to_lengthen: Sequence[uuid.UUID] = ()

    @classmethod
    def of(cls, job: JobInHand) -> Commission:
        """What a job asks for."""
        payload, rest = job.payload, wishes.Rest.of(job.payload)
        return cls(
            job.listener_id,
            job.any_domain,
            job.seed,
            wishes.wish_of(payload),
            wishes.brings_baselines(payload),
            rest.clips if rest else CLIPS_A_JOB,
            [Draft.from_json(each) for each in job.found],
            hurry=rest is None and _is_crowded(job),
            to_lengthen=rest.to_lengthen if rest else (),
        )


def _is_crowded(job: JobInHand) -> bool:
    """Whether this is somebody's first clip and others wait for theirs."""

    def look(session: Session) -> bool:
        least = wishes.FIRST_PRIORITY
        others = jobs.count_under_way(session, wishes.KIND, least_priority=least, but=job.listener_id)
        return others > 0 and wishes.count(session, job.listener_id) == 0

    return job.database.transaction(look)


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
    """Composes for one listener at a time; may be used from many threads."""

    def __init__(self, maker: ClipMaker, search: Search) -> None:
        self._maker, self._search = maker, search

    def do(self, job: JobInHand) -> Delivered:
        """Do a job; what it finds is kept with it, so that, done again, it composes the same clips."""
        commission = Commission.of(job)
        delivered = self.compose(commission, job.report, job.remember)
        if commission.hurry:
            rest = wishes.Rest(CLIPS_A_JOB - delivered.own, tuple(delivered.made.clip_ids))

            def leave(session: Session) -> None:
                lock_listener(session, commission.listener_id)  # nobody takes the wish back meanwhile
                require_wanted(session)
                wishes.enqueue_rest(session, commission.listener_id, job.payload, rest)

            job.database.transaction(leave)
        return delivered

    def compose(
        self,
        commission: Commission,
        report: Report = lambda _: None,
        remember: Callable[[Sequence[dict[str, Any]]], None] = lambda _: None,
    ) -> Delivered:
        """Search, compose and store; ``report`` hears how far it is, ``remember`` what was found.

        Raises ``GenerationError``.
        """
        wanted = 1 if commission.hurry else commission.clips
        progress = _Progress(report, wanted)
        for clip_id in commission.to_lengthen:
            self._maker.lengthen(clip_id)
        head = self._maker.database.transaction(
            lambda session: heads.head_for_composing(
                session, commission.listener_id, self._maker.style.space, commission.domain
            )
        )
        found = list(commission.found)
        if not found:
            found = self._find(commission, head, wanted + SPARE, progress)
            remember([draft.to_json() for draft in found])
        made = self._make(commission, found, wanted, progress)
        own = len(made.clip_ids)
        if unused := found[made.composed :]:
            remember([draft.to_json() for draft in found[: made.composed]])  # done again, it needs no others
            self._search.put_back(commission.domain, unused)
        if commission.with_baselines and own and not commission.hurry:
            first = commission.seed + made.composed
            whose = (self._maker, self._search, commission.listener_id, commission.domain)
            made.add(compose_baselines(*whose, first_seed=first, among=ideas(head.votes_seen)))
            made.add(compose_by_tension(*whose, first_seed=commission.seed + made.composed))
        beside, mode = len(made.clip_ids) - own, commission.wish.mode
        log.info("composed_for_listener wish=%s clips=%d baselines=%d votes=%d", mode, own, beside, head.votes_seen)
        return Delivered(own, beside, made)

    def _find(self, commission: Commission, head: Head, count: int, progress: _Progress) -> list[Draft]:
        found = self._search.best(
            head,
            commission.domain,
            count,
            wish=commission.wish,
            seed=commission.seed,
            on_drawn=lambda drawn, ideas: progress.change(drawn=drawn, ideas=ideas),
        )
        progress.all_scored()
        # What was stored and is read again is rounded: compose from the same numbers at once.
        return [Draft.from_json(draft.to_json()) for draft in found]

    def _make(self, commission: Commission, found: Sequence[Draft], wanted: int, progress: _Progress) -> Made:
        """The best first, and for each that may not be offered the next one; no more for who is gone meanwhile."""
        made, kind = Made(), commission.wish.kind
        while (waiting := found[made.composed :]) and (missing := wanted - len(made.clip_ids)) > 0:
            orders = [
                Order(commission.domain, commission.seed + made.composed + place, draft, commission.listener_id, kind)
                for place, draft in enumerate(waiting[:missing])
            ]
            made.add(self._maker.make(orders, shortest=commission.hurry, on_stored=progress.one_more_rendered))
            if LISTENER_GONE in made.faults:
                break
        return made


class _Progress:
    """Reports every step."""

    def __init__(self, report: Report, pieces: int) -> None:
        self._report = report
        self._now = wishes.Progress(ideas=SEARCHED, pieces=pieces)

    def change(self, **values: int) -> None:
        self._now = self._now.model_copy(update=values)
        self._report(self._now.model_dump())

    def all_scored(self) -> None:
        self.change(scored=self._now.drawn)

    def one_more_rendered(self) -> None:
        self.change(rendered=self._now.rendered + 1)


def compose_baselines(
    maker: ClipMaker, search: Search, listener_id: uuid.UUID, domain: AnyDomain, *, first_seed: int, among: int
) -> Made:
    """One clip of each kind of baseline of which none waits to be met.

    That for the average listener of the study is searched for as the listener's own are, ``among`` as many drafts, so
    that taste alone tells them apart. Raises ``GenerationError``.
    """
    space = maker.style.space

    def look(session: Session) -> tuple[Head | None, set[str]]:
        there = rival_clips(session, listener_id, domain=domain, model_version=space.version)
        met = met_among(session, listener_id, [clip.id for clip in there])
        return heads.average_of_others(session, listener_id, space), {c.kind for c in there if c.id not in met}

    average, waiting = maker.database.transaction(look)
    kinds = {"drawn"} if average is None else {"average", "drawn"}
    made = Made()
    for kind in sorted(kinds - waiting):
        if kind == "drawn" or average is None:
            found = search.drawn(domain, TRIED, first_seed)
        else:
            found = search.best(average, domain, TRIED, wish=GIFT, seed=first_seed, among=among)
            # As whichever of the listener's own clips meets it, this is any of the best, and not the very best.
            np.random.default_rng(first_seed).shuffle(found)
        for place, draft in enumerate(found, 1):  # the next one where a piece may not be offered
            one = maker.make([Order(domain, first_seed + made.composed, draft, listener_id, kind)])
            made.add(one)
            if one.clip_ids:
                search.put_back(domain, found[place:])
                break
    return made


def compose_by_tension(
    maker: ClipMaker, search: Search, listener_id: uuid.UUID, domain: AnyDomain, *, first_seed: int
) -> Made:
    """One clip of each kind of ``BY_TENSION`` of which none waits to be met, where two can be compared then.

    No guided one where the first is the best itself, where the model writes no drafts, or where nothing hears them;
    none by a trained writer where the domain has none. Raises ``GenerationError`` where no drafts are written.
    """

    def waits(session: Session) -> set[str]:
        there = rival_clips(session, listener_id, domain=domain, model_version=maker.style.version, kinds=BY_TENSION)
        met = met_among(session, listener_id, [clip.id for clip in there])
        return {clip.kind for clip in there if clip.id not in met}

    made = Made()
    if domain == PICTURES:  # nothing hears them
        return made
    waiting, (plain, guided, trained) = maker.database.transaction(waits), BY_TENSION
    found: dict[str, Draft] = {}
    if drafts := _drafts(search, domain, first_seed) if {plain, guided} - waiting else []:
        found[plain] = _noted(drafts[0], len(drafts))
        best = None if guided in waiting else _best(maker, drafts, domain_named(domain))
        if best is not None and (best is not drafts[0] or plain in waiting):
            found[guided] = _noted(best, len(drafts))
    if trained not in waiting and (draft := _trained(maker, domain_named(domain), first_seed)):
        found[trained] = draft
    new = {kind: draft for kind, draft in found.items() if kind not in waiting}
    if len(waiting | new.keys()) < 2:
        log.info("nothing_by_tension domain=%s drafts=%d", domain, len(drafts))
        return made
    for kind, draft in new.items():
        made.add(maker.make([Order(domain, first_seed + made.composed, draft, listener_id, kind)]))
    return made


def _drafts(search: Search, domain: AnyDomain, seed: int) -> list[Draft]:
    return [draft for draft in search.drawn(domain, AMONG, seed) if draft.notes is not None]


def _trained(maker: ClipMaker, domain: Domain, seed: int) -> Draft | None:
    """A draft by the writer that was trained for the reward; None where the domain has none."""
    try:
        (draft,) = maker.generation.drafts(domain, 1, seed, trained=True).drafts
    except GenerationError as error:  # gifts go on without it
        log.info("nothing_trained domain=%s error=%s", domain, error)
        return None
    return Draft.from_json(draft)


def _best(maker: ClipMaker, drafts: list[Draft], domain: Domain) -> Draft | None:
    """The one with the highest reward, the first of several; None where none can be heard."""
    try:
        rewards = maker.generation.rewards([draft.notes.to_json() for draft in drafts if draft.notes], domain).rewards
    except GenerationError as error:  # gifts go on without it
        log.warning("nothing_guided domain=%s error=%s", domain, error)
        return None
    heard = [
        (min(reward.future, reward.past), draft)
        for reward, draft in zip(rewards, drafts, strict=True)
        if reward is not None
    ]
    return max(heard, key=lambda each: each[0])[1] if heard else None


def _noted(draft: Draft, among: int) -> Draft:
    piece = {**draft.latents.piece, TENSION: {"among": among}}
    return replace(draft, latents=replace(draft.latents, piece=piece))

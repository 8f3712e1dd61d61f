"""New against old, blind: a studio piece becomes a clip of the listener's and waits among their next pairs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from db.queries.statistics import CHANGED, CLAIM
from db.tables import PICTURES, Offer
from webapp.composing.sources import CLIPS, PIECES, Source, find
from webapp.generation.protocol import GenerateResult
from webapp.runtime.database import locked_listener
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany
from webapp.studio.studio import slow_slot

if TYPE_CHECKING:
    from webapp.composing.clip_maker import ClipMaker  # the piano, only where it is needed

POLICY = "studio"
WAITING_AT_MOST = 6
BROKEN = {  # what screening and rendering find, to whoever made it
    "silent": "it is silent",
    "few_notes": "it has too few notes",
    "one_note": "it stays on one or two notes",
    "gap": "it is silent for bars in between",
    "too_dense": "it has more notes than can be heard apart",
    "copy": "more than two bars of it are as in a piece that the composer learned from",
    "empty": "it shows nothing",
    "too_short": "it is shorter than the clips of a pair",
}


MakerOf = Callable[[str], "ClipMaker"]  # of a domain: pictures are made otherwise than music


def as_clip(maker_of: MakerOf, listener_id: uuid.UUID, piece_id: uuid.UUID) -> uuid.UUID:
    """Keep a piece as a clip of the listener's own; raises ``NotYours``, ``NotAllowed`` where it can't be one."""
    source = _source(maker_of, listener_id, piece_id)
    if not source.recipe:
        raise NotAllowed("what you brought is kept in your studio; only what was composed from it can become a clip")
    return _clip(maker_of(source.domain), source, listener_id)


def offer(maker_of: MakerOf, listener_id: uuid.UUID, piece_id: uuid.UUID, *, claim: bool = False) -> None:
    """Offer the piece against the clip that it was made from, after the two pairs that are open now.

    The pair is certain (probability 1) under the policy ``studio``, its order random; as a ``claim`` that the piece is
    liked better it has a policy of its own, and its condition tells where the piece stands. Raises ``NotAllowed`` where
    one of the two can't be a clip, ``Contradiction`` where they have met before, ``TooMany`` where enough pairs wait.
    """
    source = _source(maker_of, listener_id, piece_id)
    maker = maker_of(source.domain)
    kind, _, number = str(source.recipe.get("content", "")).partition("/")
    if kind != CLIPS:
        raise NotAllowed(
            "only a piece made from one of our clips can be offered against it: your own file or a tune of a "
            "collection is no blind partner, since you may know it"
        )
    old, new = uuid.UUID(number), _clip(maker, source, listener_id)

    def work(session: Session) -> None:
        listener = locked_listener(session, listener_id)
        waiting = offer_rows.open_ones(session, Offer, listener_id)
        if sum(each.policy in {POLICY, CLAIM} for each in waiting) >= WAITING_AT_MOST:
            raise TooMany(f"{WAITING_AT_MOST} pairs from your studio wait already; listen to some of them first")
        lengths = set(clip_rows.audio_lengths(session, old)) & set(clip_rows.audio_lengths(session, new))
        if not lengths:
            raise NotAllowed("the two can't be played equally long, so they can't be a blind pair")
        left, right = np.random.default_rng().permutation([0, 1])
        changed = CHANGED["left" if left else "right"]
        made = offer_rows.create_offer(
            session,
            listener=listener,
            left_clip=(old, new)[left],
            right_clip=(old, new)[right],
            seconds=max(lengths),
            policy=CLAIM if claim else POLICY,
            pair_probability=1.0,
            condition=changed if claim else None,
        )
        if made is None:
            raise Contradiction("you have had these two as a pair already")
        maker.journal.append(session, listener_id, offers=[made.id])

    try:
        maker.database.transaction(work)
    except offer_rows.NotForThisListenerError as error:
        raise NotYours("the clip that this was made from is not yours to hear") from error


def fault_of(maker_of: MakerOf, source: Source) -> str:
    """Why a piece of a studio can't be a clip, such as "it is silent"; empty where it can."""
    fault = maker_of(source.domain).fault(_as_result(source))
    return _broken(fault) if fault else ""


def _source(maker_of: MakerOf, listener_id: uuid.UUID, piece_id: uuid.UUID) -> Source:
    database = maker_of(PICTURES).database
    return database.transaction(lambda session: find(session, f"{PIECES}/{piece_id}", listener_id, pictures=True))


def _clip(maker: ClipMaker, source: Source, listener_id: uuid.UUID) -> uuid.UUID:
    """What was composed as a clip of the listener's; raises ``NotAllowed`` where it can't be one."""
    if source.model_version != maker.style.version:
        raise NotAllowed("this piece was composed with an older model; compose it again, then offer it")
    with slow_slot():
        clip, fault = maker.keep(_as_result(source), source.domain, listener_id, "studio")
    if clip is None:
        raise NotAllowed(f"this piece can't be offered: {_broken(fault)}; change it a little or take a variation")
    return clip


def _broken(fault: str | None) -> str:
    return BROKEN.get(fault or "", "it can't be played")


def _as_result(source: Source) -> GenerateResult:
    return GenerateResult(
        id=source.name,
        notes=source.notes,
        latents=source.latents,
        recipe=dict(source.recipe),
        model_version=source.model_version,
        queue_ms=0,
        decode_ms=0,
    )

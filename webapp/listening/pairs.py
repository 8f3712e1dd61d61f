"""Offers: a listener always has two open ones, the pair on the page and the one to decode ahead.

Most are new pairs drawn to learn from. Some are mirrored repeats, which tell how consistent the person is, and some
blind proofs: a clip for this listener's taste against one for the average listener's or one just as the prior drew it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as rows
from db.queries import votes as vote_rows
from db.tables import Listener, Offer
from models.taste.head import Head
from models.taste.policy import (
    REPEAT_AFTER,
    REPEAT_GAP,
    REPEAT_WINDOW,
    Mixture,
    NoPairLeftError,
    choose,
    choose_named,
)
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool
from webapp.listening.voting import open_now
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

OPEN = 2
SHORT_SECONDS, LONG_SECONDS = 7.0, 14.0
SHORT_PAIRS = 6  # the first pairs are short
ENOUGH_LONG = 12  # clips of a domain that can be played long before pairs get long
CANDIDATES = 120  # among which a pair is looked for: 7,140 pairs take a few milliseconds
PROOFS = {"average": "for_me_vs_average", "drawn": "for_me_vs_prior"}  # what a rival's proof is called
NEVER_REPEATED = ("proof", "studio", "claim")
NEWEST_OWN = 60  # of the clips composed for a listener, which are always among the candidates
UNHEARD_COMPOSED = 0.75  # share of pairs with an own clip while one waits that the listener never met


def open_offers(
    database: Database, journal: Journal, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID
) -> list[dict[str, Any]]:
    """The two open offers, oldest first, made where missing; raises ``NotReady`` where there is not even one."""
    return open_now(database, journal, space, playable, listener_id, fill_up, shown)


def fill_up(
    session: Session,
    journal: Journal,
    space: TasteSpace,
    playable: PlayablePool,
    listener: Listener,
    head: Head | None = None,
    picks: int | None = None,
    *,
    voted: uuid.UUID | None = None,
) -> list[Offer]:
    """The open offers of a listener whose row is locked, drawn up to two (fewer where no pair is left).

    ``head`` and ``picks`` are read where the caller does not know them. New offers are written in the journal together
    with the one ``voted`` on in this transaction.
    """
    offers = rows.open_ones(session, Offer, listener.id)
    changed = [voted] if voted else []
    if len(offers) < OPEN:
        head = head or heads.load(session, listener.id, space)
        picks = vote_rows.count_picks(session, listener.id) if picks is None else picks
        while len(offers) < OPEN:
            offer = _draw(session, space, playable, listener, head, picks + len(offers))
            if offer is None:
                break
            offers.append(offer)
            changed.append(offer.id)
    if changed:
        journal.append(session, listener.id, offers=changed)
    return offers[:OPEN]  # what was asked for in the studio waits behind these


def shown(offer: Offer) -> dict[str, Any]:
    """An offer as the page sees it."""

    left, right = (shown_clip(clip, offer.seconds) for clip in (offer.left_clip, offer.right_clip))
    return {"offer_id": offer.id, "left": left, "right": right}


def shown_clip(clip_id: uuid.UUID, seconds: float) -> dict[str, Any]:
    """A clip to play for so long as the page sees it."""
    at = f"/api/clips/{clip_id}/{{}}/{seconds:g}"
    return {
        "clip_id": clip_id,
        "audio_url": at.format("audio"),
        "notes_url": at.format("notes"),
        "seconds": seconds,
    }


@dataclass(frozen=True)
class _Pair:
    """What is drawn: two clips in their order, how long both play, and with which probability."""

    left: uuid.UUID
    right: uuid.UUID
    seconds: float
    policy: str
    pair_probability: float
    order_probability: float = 0.5
    condition: str | None = None
    repeats: uuid.UUID | None = None


def _draw(
    session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener, head: Head, pairs_before: int
) -> Offer | None:
    """Draw and store one more offer from the listener's domain; None where no pair is left."""
    pool, version = playable.clips(session, listener.domain), space.version
    found = clip_rows.composed_clips(
        session, listener.id, domain=listener.domain, model_version=version, newest=NEWEST_OWN
    )
    own = PlayableClips.of(found, space)
    seconds = SHORT_SECONDS
    if pairs_before >= SHORT_PAIRS and len(pool.playing(LONG_SECONDS).ids) >= ENOUGH_LONG:
        seconds = LONG_SECONDS
    generator = np.random.default_rng()
    repeats = _repeats(session, listener, version) if pairs_before >= REPEAT_AFTER else []
    rivals = clip_rows.rival_clips(session, listener.id, domain=listener.domain, model_version=version)
    met = rows.met_among(session, listener.id, {*pool.ids, *own.ids, *(clip.id for clip in (*found, *rivals))})
    proofs = _proofs(found, rivals, met, seconds)
    named, share = choose_named(len(repeats), len(proofs), generator)
    pair: _Pair | None = None
    if named is not None and named.policy == "repeat":
        before = repeats[named.index]
        pair = _Pair(
            before.right_clip, before.left_clip, before.seconds, named.policy, named.pair_probability, 1.0,
            repeats=before.id,
        )  # fmt: skip
    elif named is not None:
        mine, rival, length = proofs[named.index]
        left, right = (mine.id, rival.id) if generator.random() < 0.5 else (rival.id, mine.id)
        condition = PROOFS[rival.kind]
        pair = _Pair(left, right, length, named.policy, named.pair_probability, condition=condition)
    for length in dict.fromkeys((seconds, SHORT_SECONDS)):
        pair = pair or _choose(
            session,
            space,
            pool.playing(length),
            own.playing(length),
            met=met,
            head=head,
            listener_id=listener.id,
            pairs_before=pairs_before,
            seconds=length,
            share=share,
        )
    if pair is None:
        return None
    return rows.create_offer(
        session,
        listener=listener,
        left_clip=pair.left,
        right_clip=pair.right,
        seconds=pair.seconds,
        policy=pair.policy,
        pair_probability=pair.pair_probability,
        order_probability=pair.order_probability,
        condition=pair.condition,
        repeats=pair.repeats,
    )


def _repeats(session: Session, listener: Listener, version: str) -> list[Offer]:
    return rows.repeatable(
        session,
        listener,
        model_version=version,
        kept_out=NEVER_REPEATED,
        gap=REPEAT_GAP,
        window=REPEAT_WINDOW,
    )


def _proofs(
    own: list[clip_rows.PoolClip], rivals: list[clip_rows.PoolClip], met: set[uuid.UUID], seconds: float
) -> list[tuple[clip_rows.PoolClip, clip_rows.PoolClip, float]]:
    """Every clip composed for the listener against every rival, neither met yet, with how long both can play."""
    found = []
    for mine in own:
        for rival in rivals if mine.kind == "composed" and mine.id not in met else ():
            lengths = [one for one in mine.seconds if one in rival.seconds and one <= seconds]
            if rival.id not in met and lengths:
                found.append((mine, rival, max(lengths)))
    return found


@dataclass(frozen=True)
class Candidates:
    """Clips to choose among; bool ``heard`` and ``composed`` ``(clips,)``: known already, and made for the listener."""

    clips: PlayableClips
    heard: npt.NDArray[np.bool_]
    composed: npt.NDArray[np.bool_]
    mixture: Mixture


def candidates(
    pool: PlayableClips, own: PlayableClips, met: Collection[uuid.UUID], listener_id: uuid.UUID
) -> Candidates:
    """A share of the pool, unheard clips first in an order of this listener's, and their own clips."""
    order = np.random.default_rng(listener_id.int).permutation(len(pool.ids))
    pool = pool.chosen(sorted(order, key=lambda i: pool.ids[i] in met)[:CANDIDATES])
    clips = pool.joined(own)
    composed = np.arange(len(clips.ids)) >= len(pool.ids)
    heard = np.array([clip in met for clip in clips.ids], dtype=np.bool_)
    mixture = Mixture(composed=UNHEARD_COMPOSED) if (composed & ~heard).any() else Mixture()
    return Candidates(clips, heard, composed, mixture)


def _choose(
    session: Session,
    space: TasteSpace,
    pool: PlayableClips,
    own: PlayableClips,
    *,
    met: set[uuid.UUID],
    head: Head,
    listener_id: uuid.UUID,
    pairs_before: int,
    seconds: float,
    share: float,
) -> _Pair | None:
    """A new pair to learn from; ``share`` of all draws are such."""
    among = candidates(pool, own, met, listener_id)
    clips = among.clips
    if len(clips.ids) < 2:
        return None
    try:
        choice = choose(
            clips.features,
            head,
            offered=set(rows.pairs_among(session, listener_id, clips.ids)),
            picks=pairs_before,
            generator=np.random.default_rng(),
            heard=among.heard,
            composed=among.composed,
            mixture=among.mixture,
            styles=space.together,
            seed=listener_id.int % 2**32,
        )
    except NoPairLeftError:
        return None
    return _Pair(
        clips.ids[choice.left],
        clips.ids[choice.right],
        seconds,
        choice.policy,
        choice.pair_probability * share,
        choice.order_probability,
    )

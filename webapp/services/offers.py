"""Offers: a listener always has two open ones, the pair on the page and the one to decode ahead."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers as rows
from db.queries import votes as vote_rows
from db.tables import Listener, Offer
from models.taste.bradley_terry import Head
from models.taste.policy import Mixture, NoPairLeftError, choose
from webapp.services import heads
from webapp.services.house import House
from webapp.services.pool_cache import PlayableClips
from webapp.services.problems import NotReady, UnknownListenerError

OPEN = 2
SHORT_SECONDS, LONG_SECONDS = 7.0, 14.0
SHORT_PAIRS = 6  # the first pairs are short
ENOUGH_LONG = 12  # clips of a domain that can be played long before pairs get long
CANDIDATES = 120  # among which a pair is looked for: 7,140 pairs take a few milliseconds
UNHEARD_COMPOSED = 0.75  # share of pairs with an own clip while one waits that the listener never met


def open_offers(house: House, listener_id: uuid.UUID) -> list[dict[str, Any]]:
    """The two open offers, oldest first, made where missing; raises ``NotReady`` where there is not even one."""

    def work(session: Session) -> list[dict[str, Any]]:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError("this listener is not known; GET /api/listener gives a new one")
        return [shown(offer) for offer in fill_up(session, house, listener)]

    offers = house.database.transaction(work)
    if not offers:
        raise NotReady("the first pieces are being composed; ask again in a second")
    return offers


def fill_up(
    session: Session,
    house: House,
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
    offers = rows.open_offers(session, listener.id)
    changed = [voted] if voted else []
    if len(offers) < OPEN:
        head = head or heads.load(session, listener.id, house.space)
        picks = vote_rows.count_picks(session, listener.id) if picks is None else picks
        while len(offers) < OPEN:
            offer = _draw(session, house, listener, head, picks + len(offers))
            if offer is None:
                break
            offers.append(offer)
            changed.append(offer.id)
    if changed:
        house.journal.append(session, listener.id, offers=changed)
    return offers[:OPEN]  # what was asked for in the studio waits behind these


def shown(offer: Offer) -> dict[str, Any]:
    """An offer as the page sees it."""

    def clip(clip_id: uuid.UUID) -> dict[str, Any]:
        at = f"{clip_id}/{{}}/{offer.seconds:g}"
        return {
            "clip_id": clip_id,
            "audio_url": "/api/clips/" + at.format("audio"),
            "notes_url": "/api/clips/" + at.format("notes"),
            "seconds": offer.seconds,
        }

    return {"offer_id": offer.id, "left": clip(offer.left_clip), "right": clip(offer.right_clip)}


def _draw(session: Session, house: House, listener: Listener, head: Head, pairs_before: int) -> Offer | None:
    """Draw and store one more offer from the listener's domain; None where no pair is left."""
    pool = house.pool.clips(session, listener.domain)
    found = clip_rows.composed_clips(session, listener.id, domain=listener.domain, model_version=house.space.version)
    own = PlayableClips.of(found, house.space)
    offered = rows.offered_pairs(session, listener.id)
    seconds = SHORT_SECONDS
    if pairs_before >= SHORT_PAIRS and len(pool.playing(LONG_SECONDS).ids) >= ENOUGH_LONG:
        seconds = LONG_SECONDS
    for length in dict.fromkeys((seconds, SHORT_SECONDS)):
        drawn = _choose(
            pool.playing(length),
            own.playing(length),
            offered,
            head=head,
            listener_id=listener.id,
            pairs_before=pairs_before,
        )
        if drawn is None:
            continue
        left, right, policy, pair_probability, order_probability = drawn
        return rows.create_offer(
            session,
            listener=listener,
            left_clip=left,
            right_clip=right,
            seconds=length,
            policy=policy,
            pair_probability=pair_probability,
            order_probability=order_probability,
        )
    return None


def _choose(
    pool: PlayableClips,
    own: PlayableClips,
    offered: list[tuple[uuid.UUID, uuid.UUID]],
    *,
    head: Head,
    listener_id: uuid.UUID,
    pairs_before: int,
) -> tuple[uuid.UUID, uuid.UUID, str, float, float] | None:
    met = {clip for pair in offered for clip in pair}
    # a share of the pool that is this listener's own until they have heard it: unheard clips first, in their own order
    order = np.random.default_rng(listener_id.int).permutation(len(pool.ids))
    pool = pool.chosen(sorted(order, key=lambda i: pool.ids[i] in met)[:CANDIDATES])
    clips = pool.joined(own)
    if len(clips.ids) < 2:
        return None
    place = {clip: i for i, clip in enumerate(clips.ids)}
    closed = {(place[a], place[b]) for a, b in offered if a in place and b in place}
    composed = np.arange(len(clips.ids)) >= len(pool.ids)
    heard = np.array([clip in met for clip in clips.ids])
    mixture = Mixture(composed=UNHEARD_COMPOSED) if (composed & ~heard).any() else Mixture()
    try:
        choice = choose(
            clips.features,
            head,
            offered=closed,
            picks=pairs_before,
            generator=np.random.default_rng(),
            heard=heard,
            composed=composed,
            mixture=mixture,
            styles=house.space.together,
            seed=listener_id.int % 2**32,
        )
    except NoPairLeftError:
        return None
    return (
        clips.ids[choice.left],
        clips.ids[choice.right],
        choice.policy,
        choice.pair_probability,
        choice.order_probability,
    )

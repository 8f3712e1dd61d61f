"""The taste card: a picture to keep, and a link to share it by, which exists only from the listener's asking on.

A shared card says what was known when it was shared; withdrawing the link deletes it.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.queries import cards as rows
from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from models.taste.attribution import POLES
from models.taste.explain import explain
from webapp.services import heads, sound, taste
from webapp.services.house import House
from webapp.services.problems import NotAllowed, NotYours, TooMany, UnknownListenerError

log = logging.getLogger(__name__)

LINES = 3
MOST_LINKS = 20
WORTH_TELLING = 5  # votes before it is said how many were foreseen


@dataclass(frozen=True)
class Card:
    """What a card says (as ``plots.card`` draws it), and the clip that it plays."""

    about: dict[str, Any]
    clip_id: uuid.UUID
    seconds: float


@dataclass(frozen=True)
class Shared:
    """A card behind a link."""

    id: uuid.UUID
    key: str
    created_at: datetime


def picture(house: House, listener_id: uuid.UUID) -> bytes:
    """The card as it would be shared now, PNG; nothing is kept. Raises ``NotAllowed`` where there is nothing to say."""
    return _drawn(house, house.database.transaction(lambda session: _card(session, house, listener_id)))


def share(house: House, listener_id: uuid.UUID) -> Shared:
    """Keep the card as it is now under a new link; raises ``NotAllowed``, and ``TooMany`` beyond ``MOST_LINKS``."""

    def work(session: Session) -> Shared:
        listener_rows.lock_listener(session, listener_id)
        card = _card(session, house, listener_id)
        if rows.count_cards(session, listener_id) >= MOST_LINKS:
            raise TooMany(f"{MOST_LINKS} links to your card are open; withdraw one of them first")
        row = rows.add_card(session, listener_id, clip_id=card.clip_id, seconds=card.seconds, about=card.about)
        house.journal.append(session, listener_id, cards=True)
        return Shared(row.id, row.link_key, row.created_at)

    shared = house.database.transaction(work)
    log.info("card_shared listener=%s", listener_id)
    return shared


def shared(house: House, listener_id: uuid.UUID) -> list[Shared]:
    """The links that the listener has given out, newest first."""

    def work(session: Session) -> list[Shared]:
        return [Shared(row.id, row.link_key, row.created_at) for row in rows.cards_of(session, listener_id)]

    return house.database.transaction(work)


def withdraw(house: House, listener_id: uuid.UUID, card_id: uuid.UUID) -> None:
    """The link leads nowhere from now on; raises ``NotYours``."""

    def work(session: Session) -> None:
        if not rows.withdraw_card(session, listener_id, card_id):
            raise NotYours(f"you share no card {card_id} (any more)")
        house.journal.append(session, listener_id, cards=True)

    house.database.transaction(work)
    log.info("card_withdrawn listener=%s", listener_id)


def opened(house: House, key: str) -> Card:
    """The card that a link leads to, for whoever has it; raises ``NotYours``."""

    def work(session: Session) -> Card:
        row = rows.linked_card(session, key)
        if row is None:
            raise NotYours("this link leads to no card (any more)")
        return Card(row.about, row.clip_id, row.seconds)

    return house.database.transaction(work)


def linked_picture(house: House, key: str) -> bytes:
    """The picture of a shared card, PNG; raises ``NotYours``."""
    return _drawn(house, opened(house, key))


def linked_sound(house: House, key: str) -> bytes:
    """The clip of a shared card, MP3; raises ``NotYours``."""
    card = opened(house, key)
    return sound.audio(house, card.clip_id, card.seconds)


def _drawn(house: House, card: Card) -> bytes:
    from webapp.plots.card import draw_card  # noqa: PLC0415 (Pillow, which few requests need)

    return draw_card(card.about, sound.notes(house, card.clip_id, card.seconds)["notes"], card.seconds)


def _card(session: Session, house: House, listener_id: uuid.UUID) -> Card:
    listener = listener_rows.get_listener(session, listener_id)
    if listener is None:
        raise UnknownListenerError("this listener is not known; GET /api/listener gives a new one")
    head = heads.load(session, listener_id, house.space)
    best = taste.best_clips(session, house, listener_id, head)["best"]
    if not best:
        raise NotAllowed("there is nothing to put on a card yet; pick a few pairs first")
    around = house.pool.clips(session, listener.domain).features
    effects = sorted(explain(head, house.space, around=around), key=lambda effect: -effect.confidence)
    lines = [
        {
            "words": effect.words,
            "less": POLES[effect.attribute][0],
            "more": POLES[effect.attribute][1],
            "effect": effect.effect,
            "sd": effect.sd,
        }
        for effect in effects
        if effect.words.startswith("clearly")  # a card is shared: it says what the votes decide, and nothing else
    ]
    foreseen = taste.foreseen(session, listener_id)
    about = {
        "picks": vote_rows.count_picks(session, listener_id),
        "lines": lines[:LINES],
        "accuracy": foreseen if foreseen["n"] >= WORTH_TELLING else None,
    }
    clip = clip_rows.get_clip(session, best[0]["clip_id"])
    assert clip is not None
    return Card(about, clip.id, best[0]["seconds"])

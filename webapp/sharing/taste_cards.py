"""The taste card: a picture to keep, and a link to share it by, which exists only from the listener's asking on.

A shared card says what was known when it was shared; withdrawing the link deletes it. Its page is plain HTML with
picture and clip: no cookie, no script, no other host.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from db.tables import Listener
from models.taste.explain import POLES, SEEMING
from models.taste.head import Head
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool
from webapp.listening import sound
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database, in_transaction, known_listener
from webapp.runtime.errors import NotAllowed, NotYours, TooMany
from webapp.runtime.journal import Journal
from webapp.runtime.recent import Recent
from webapp.runtime.waiting import Waits, always
from webapp.taste import overview
from webapp.taste.overview import StyleLiking

log = logging.getLogger(__name__)
_pictures: Recent[bytes, bytes] = Recent(32)  # of some 40 kB
_drawing = threading.Lock()  # one at a time: votes come first

LINES = 3
CALLED = {"content": "melody"}  # what a listener calls a style
MOST_LINKS = 20
MOST_LETTERS = 120  # of each text of a line
WORTH_TELLING = 5  # votes before it is said how many were foreseen
STYLE = """
:root { color-scheme: light dark; --paper: #f4f5f2; --ink: #15191a; --quiet: #515857; --felt: #a3243b; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1212; --ink: #eceee9; --quiet: #a7aeab; --felt: #f0798b; } }
@font-face { font-family: "Hanken Grotesk"; src: url("../static/kallos/fonts/hanken-grotesk-latin-wght-normal.woff2"); }
@font-face { font-family: "Old Standard TT";
  src: url("../static/kallos/fonts/old-standard-tt-latin-400-normal.woff2"); }
body { margin: 0 auto; max-width: 900px; padding: 28px 20px 60px; background: var(--paper); color: var(--ink);
  font: 17px/1.5 "Hanken Grotesk", system-ui, sans-serif; }
h1 { font: 400 34px/1.2 "Old Standard TT", "Times New Roman", serif; margin: 0 0 18px; }
img { display: block; width: 100%; height: auto; border-radius: 14px; }
audio { display: block; width: 100%; margin: 18px 0; }
p, li { color: var(--quiet); max-width: 62ch; } ul { padding-left: 1.2em; } a { color: var(--felt); }
"""


@dataclass(frozen=True)
class Card:
    """What a card says (as ``card_picture`` draws it), and the clip that it plays."""

    about: dict[str, Any]
    clip_id: uuid.UUID
    seconds: float


@dataclass(frozen=True)
class Shared:
    """A card behind a link."""

    id: uuid.UUID
    key: str
    created_at: datetime


@in_transaction
def has_something_to_say(session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID) -> bool:
    """Whether a card tells more of this listener's taste than a piece that they like."""
    listener = known_listener(session, listener_id)
    return bool(_leans(session, space, playable, listener, heads.load(session, listener_id, space)))


def picture(database: Database, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID) -> bytes:
    """The card as it would be shared now, PNG; nothing is kept. Raises ``NotAllowed`` where there is nothing to say."""
    return _drawn(database, database.transaction(lambda session: _card(session, space, playable, listener_id)))


def share(
    database: Database, journal: Journal, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID
) -> Shared:
    """Keep the card as it is now under a new link; raises ``NotAllowed``, and ``TooMany`` beyond ``MOST_LINKS``."""

    def work(session: Session) -> Shared:
        listener_rows.lock_listener(session, listener_id)
        card = _card(session, space, playable, listener_id)
        if listener_rows.count_cards(session, listener_id) >= MOST_LINKS:
            raise TooMany(f"{MOST_LINKS} links to your card are open; withdraw one of them first")
        row = listener_rows.add_card(session, listener_id, clip_id=card.clip_id, seconds=card.seconds, about=card.about)
        journal.append(session, listener_id, cards=True)
        return Shared(row.id, row.link_key, row.created_at)

    shared = database.transaction(work)
    log.info("card_shared listener=%s", listener_id)
    return shared


@in_transaction
def shared(session: Session, listener_id: uuid.UUID) -> list[Shared]:
    """The links that the listener has given out, newest first."""
    return [Shared(row.id, row.link_key, row.created_at) for row in listener_rows.cards_of(session, listener_id)]


def withdraw(database: Database, journal: Journal, listener_id: uuid.UUID, card_id: uuid.UUID) -> None:
    """The link leads nowhere from now on; raises ``NotYours``."""

    def work(session: Session) -> None:
        if not listener_rows.withdraw_card(session, listener_id, card_id):
            raise NotYours(f"you share no card {card_id} (any more)")
        journal.append(session, listener_id, cards=True)

    database.transaction(work)
    log.info("card_withdrawn listener=%s", listener_id)


@in_transaction
def opened(session: Session, key: str) -> Card:
    """The card that a link leads to, for whoever has it; raises ``NotYours``."""
    row = listener_rows.linked_card(session, key)
    if row is None:
        raise NotYours("this link leads to no card (any more)")
    return Card(_shown(row.about), row.clip_id, row.seconds)


def linked_picture(database: Database, key: str) -> bytes:
    """The picture of a shared card, PNG; raises ``NotYours``."""
    return _drawn(database, opened(database, key))


def linked_sound(database: Database, clip_store: ClipStore, key: str, waits: Waits = always) -> bytes:
    """The clip of a shared card, MP3; raises ``NotYours``."""
    card = opened(database, key)
    return sound.audio(database, clip_store, card.clip_id, card.seconds, waits)


def _drawn(database: Database, card: Card) -> bytes:
    """The picture, which is drawn once as long as it is asked for: a card never changes."""
    from webapp.sharing.card_picture import draw_card  # noqa: PLC0415 (Pillow, which few requests need)

    key = hashlib.sha256(json.dumps([card.about, str(card.clip_id), card.seconds], sort_keys=True).encode()).digest()
    with _drawing:
        if (known := _pictures.get(key)) is None:
            known = draw_card(card.about, sound.notes(database, card.clip_id, card.seconds)["notes"], card.seconds)
            _pictures.keep(key, known)
    return known


def _shown(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says, no more of it than a card of ours does: a row may have come with somebody's file."""
    short = [
        {**line, **{name: str(line[name])[:MOST_LETTERS] for name in ("words", "less", "more")}}
        for line in about["lines"][:LINES]
    ]
    return {**about, "lines": short}


def _leans(
    session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener, head: Head
) -> list[StyleLiking]:
    """What a card says, the surest first: what is probable at least, and is not only guessed from others."""
    told = [
        style
        for style in overview.styles_of(session, space, playable, listener, head)
        if style.lean and style.odds >= SEEMING and not (style.others and style.others.guessed)
    ]
    return sorted(told, key=lambda style: -style.odds)[:LINES]


def _card(session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID) -> Card:
    listener = known_listener(session, listener_id)
    head = heads.load(session, listener_id, space)
    best = overview.best_clips(session, space, listener_id, head)
    if not best:
        raise NotAllowed("there is nothing to put on a card yet; pick a few pairs first")
    lines = [
        {
            "words": f"{CALLED.get(each.style, each.style)}: {each.lean}",
            "less": POLES[each.attribute][0],
            "more": POLES[each.attribute][1],
            "effect": each.effect,
            "sd": each.sd,
        }
        for each in _leans(session, space, playable, listener, head)
    ]
    foreseen = overview.foreseen(session, listener_id, space)
    about = {
        "picks": vote_rows.count_picks_of(session, listener_id, pictures=False),
        "lines": lines,
        "accuracy": asdict(foreseen) if foreseen.n >= WORTH_TELLING else None,
    }
    clip = clip_rows.get_clip(session, best[0].clip_id)
    assert clip is not None
    return Card(about, clip.id, best[0].seconds)


def card_page(about: Mapping[str, Any], *, key: str, address: str) -> str:
    """The whole page; ``address`` is where this installation is seen from, for those who preview links."""
    lines = [line["words"] for line in about["lines"]]
    told = "; ".join(lines) or "still finding out"
    items = "".join(f"<li>{escape(line[0].upper() + line[1:])}.</li>" for line in lines)
    picture = f"{address}/card/{key}/card.png"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A taste in music, by Kallos</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta property="og:title" content="A taste in music"><meta property="og:description" content="{escape(told)}">
<meta property="og:image" content="{escape(picture)}"><meta property="og:image:width" content="1200">
<meta property="og:image:height" content="630"><meta name="twitter:card" content="summary_large_image">
<style>{STYLE}</style></head><body><main>
<h1>What somebody seems to love</h1>
<img src="{escape(key)}/card.png" width="1200" height="630" alt="After {int(about["picks"])} picks: {escape(told)}">
<audio controls preload="none" src="{escape(key)}/sound.mp3" aria-label="A piece that they like"></audio>
<ul>{items}</ul>
<p>Kallos plays two short pieces, asks which is more beautiful, and learns one person's taste from the picks. Whoever
made this card can withdraw it at any time. <a href="../">Find out what you love</a></p>
</main></body></html>"""

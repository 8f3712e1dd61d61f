"""What a listener's answers have taught: their tie, in words, and how often it foresaw them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import offers
from db.tables import FIT_PICKS, Fit
from models.metrics.intervals import Figure, wilson
from models.picture.fit.head import (
    HEARD,
    VERSION,
    Link,
    features,
    learned,
    links,
    most_hear,
    new_head,
    told,
    unlike_most,
)
from models.taste.head import Head
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, UnknownListenerError

SIDES = ("left", "right")
FEWEST = 5  # picks before a film can be set to music by them
MOST_SAID = 6


@dataclass(frozen=True)
class SaidLink:
    """A link in ``words``, with the ``odds`` (0.5 to 1) that it is so, and whether most people hear the opposite."""

    words: str
    odds: float
    unlike_most: bool


@dataclass(frozen=True)
class Overview:
    """``picks``: answers that compare. ``foreseen``: share of the picks whose side was thought likelier before.

    ``own``: what the picks tell, the strongest first; ``guessed``: what most people hear and these picks hardly tell.
    ``links``: what a film is set to music by.
    """

    picks: int
    foreseen: Figure
    own: list[SaidLink]
    guessed: list[SaidLink]
    links: list[list[float]]


def head_of(answered: Sequence[Fit]) -> Head:
    """What answers teach, in their order: learned anew each time, a fraction of a millisecond an answer."""
    head = new_head()
    for fit in answered:
        if fit.outcome in FIT_PICKS and fit.measured_by == VERSION:
            left, right = compared(fit)
            head = learned(head, left, right, fit.outcome)  # type: ignore[arg-type]  # one of FIT_PICKS
    return head


def compared(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Features of the left and of the right pair of piece and picture, ``(SIZE,)`` each."""
    both = np.array([fit.left_measures, fit.right_measures])
    left, right = features(both[:, : len(HEARD)], both[:, len(HEARD) :])
    return left, right


def overview(database: Database, listener_id: uuid.UUID, *, new: bool = False) -> Overview:
    """What is known of a listener's tie; raises ``UnknownListenerError``; somebody ``new`` need not be stored yet."""
    answered = _answered(database, listener_id, new=new)
    head = head_of(answered)
    own = [_said(link) for link in told(head)]
    picks = sum(fit.outcome in FIT_PICKS for fit in answered)
    return Overview(
        picks, foreseen(answered), own[:MOST_SAID], [_said(link) for link in most_hear(head)], own_links(answered)
    )


def foreseen(answered: Sequence[Fit]) -> Figure:
    """How often the side that was picked was thought likelier before; picks alone, and where one side was."""
    right = [
        fit.chances[2 * SIDES.index(fit.outcome)] == max(fit.chances[0], fit.chances[2])
        for fit in answered
        if fit.outcome in SIDES and fit.chances and abs(fit.chances[0] - fit.chances[2]) > 1e-9
    ]
    return wilson(sum(right), len(right))


def own_links(answered: Sequence[Fit]) -> list[list[float]]:
    """What a film is set to music by, ``(5, 5)``, as ``models.picture.fit.head.links`` says."""
    found: list[list[float]] = links(head_of(answered)).round(4).tolist()
    return found


def links_for(database: Database, listener_id: uuid.UUID, method: str) -> list[list[float]] | None:
    """The listener's links if ``method`` of the tie is "learned", else None; raises as ``links_of``."""
    return links_of(database, listener_id) if method == "learned" else None


def links_of(database: Database, listener_id: uuid.UUID) -> list[list[float]]:
    """``own_links`` of a listener who has picked enough.

    Raises ``NotAllowed`` where they have picked too little, and ``UnknownListenerError``.
    """
    answered = _answered(database, listener_id)
    picks = sum(fit.outcome in FIT_PICKS for fit in answered)
    if picks < FEWEST:
        raise NotAllowed(
            f"{picks} picks of what fits better were given; {FEWEST} are needed, on the page “Which fits?”"
        )
    return own_links(answered)


def _answered(database: Database, listener_id: uuid.UUID, *, new: bool = False) -> list[Fit]:
    def work(session: Session) -> list[Fit]:
        if not new and listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        return offers.answered_fits(session, listener_id)

    return database.transaction(work)


def _said(link: Link) -> SaidLink:
    return SaidLink(link.words, round(link.odds, 3), unlike_most(link))

"""That a changed clip is liked better is a claim: it is offered as a blind pair, and counted."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import statistics
from db.tables import PICTURES
from models.metrics.comparisons import win_rate
from webapp.composing.sources import PIECES, find
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, UnknownListenerError
from webapp.studio import blind_pairs

if TYPE_CHECKING:
    from webapp.studio.blind_pairs import MakerOf


@dataclass(frozen=True)
class Claims:
    """What became of the claims offered as pairs; ``value`` (None without votes) counts a tie half.

    Its interval holds at any time.
    """

    right: int
    equal: int
    wrong: int
    waiting: int
    value: float | None
    low: float
    high: float


def offer(database: Database, maker_of: MakerOf, listener_id: uuid.UUID, piece_id: uuid.UUID) -> Claims:
    """Offer a changed piece against its original to see whether the claim is right; the claims so far.

    Raises ``NotAllowed`` for a piece that is not one style's swap, and as ``blind_pairs.offer`` does.
    """
    name = f"{PIECES}/{piece_id}"
    recipe = database.transaction(lambda session: find(session, name, listener_id, pictures=True)).recipe
    whole = recipe and recipe.get("keep", 1.0) == 1.0 and not (recipe.get("toward") or recipe.get("turned"))
    if not whole or len(recipe["styles"]) != 1:
        raise NotAllowed("only a piece that took one style from another clip, and nothing else, checks such a claim")
    blind_pairs.offer(maker_of, listener_id, piece_id, claim=True)
    return of_listener(database, listener_id)


def of_listener(database: Database, listener_id: uuid.UUID) -> Claims:
    """What became of this listener's claims, about pictures or music as they have chosen.

    Raises ``UnknownListenerError``.
    """

    def work(session: Session) -> list[statistics.Claim]:
        listener = listener_rows.get_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        return statistics.claims(session, listener_id, pictures=listener.domain == PICTURES)

    found = database.transaction(work)
    right, equal, wrong = (sum(claim.right == each for claim in found) for each in (1.0, 0.5, 0.0))
    figure = win_rate(right, equal, wrong)
    return Claims(
        right=right,
        equal=equal,
        wrong=wrong,
        waiting=sum(claim.outcome is None for claim in found),
        value=None if math.isnan(figure.value) else figure.value,
        low=figure.low,
        high=figure.high,
    )

"""Is it personal? How often a listener picked what was composed for them over its rivals, in blind pairs.

Beside these, whether what the tension model chose, or what a writer trained for its reward wrote, is picked over what
came first. That a changed clip is liked better is a claim: it is offered as a blind pair too, and counted.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.queries import heads as head_rows
from db.queries import statistics
from db.tables import PICTURES
from models.metrics.intervals import win_rate
from webapp.composing.sources import PIECES, find
from webapp.learning.heads import FEWEST_OTHERS, VOTES_OF_OTHERS
from webapp.learning.playable_clips import PlayablePool
from webapp.listening.pairs import BLIND_TESTS, TENSION_TESTS
from webapp.runtime.database import Database, in_transaction, known_listener
from webapp.runtime.errors import NotAllowed
from webapp.studio import blind_pairs

Counts = tuple[int, int, int]


@dataclass(frozen=True)
class WinRate:
    """Picks of the pieces that are tested over their rivals; ``value`` (None without votes) counts a tie half.

    The interval holds whenever one looks.
    """

    won: int
    equal: int
    lost: int
    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class BlindTests:
    """Win rates over pieces for the ``average`` listener and over pieces as they were ``drawn`` from the prior.

    Nothing personal: ``guided``, of the pieces that the tension model chose among some, over the first of them;
    ``trained``, of those by the writer that was trained for its reward, over the first, and ``trained_vs_guided``.
    The average listener can be told of where ``others``, who have voted here, are ``others_needed`` at least.
    """

    average: WinRate
    drawn: WinRate
    guided: WinRate
    trained: WinRate
    trained_vs_guided: WinRate
    others: int
    others_needed: int


def counted(proofs: Iterable[statistics.Proof], conditions: Iterable[str]) -> dict[str, Counts]:
    """Wins, ties and losses by the condition under which they were offered."""
    found = Counter((each.condition, each.won) for each in proofs)
    return {name: (found[name, 1.0], found[name, 0.5], found[name, 0.0]) for name in conditions}


@in_transaction
def of_listener(session: Session, playable: PlayablePool, listener_id: uuid.UUID) -> BlindTests:
    """The listener's own win rates, of pictures or of music as they have chosen; raises ``UnknownListenerError``."""
    listener = known_listener(session, listener_id)
    seen, space = listener.domain == PICTURES, playable.space_of(listener.domain)
    found = counted(statistics.proofs(session, listener_id, pictures=seen), BLIND_TESTS.values())
    by_tension = counted(statistics.by_tension(session, listener_id, pictures=seen), TENSION_TESTS)
    guided, trained, trained_vs_guided = (_rate(by_tension[test]) for test in TENSION_TESTS)
    others = head_rows.count_heads(session, listener.study_id, space.version, votes=VOTES_OF_OTHERS, but=listener_id)
    average, drawn = (_rate(found[BLIND_TESTS[rival]]) for rival in ("average", "drawn"))
    return BlindTests(average, drawn, guided, trained, trained_vs_guided, others, FEWEST_OTHERS)


def _rate(counts: Counts) -> WinRate:
    figure = win_rate(*counts)
    return WinRate(*counts, None if math.isnan(figure.value) else figure.value, figure.low, figure.high)


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


def offer_claim(
    database: Database, maker_of: blind_pairs.MakerOf, listener_id: uuid.UUID, piece_id: uuid.UUID
) -> Claims:
    """Offer a changed piece against its original to see whether the claim is right; the claims so far.

    Raises ``NotAllowed`` for a piece that is not one style's swap, and as ``blind_pairs.offer`` does.
    """
    name = f"{PIECES}/{piece_id}"
    recipe = database.transaction(lambda session: find(session, name, listener_id, pictures=True)).recipe
    whole = recipe and recipe.get("keep", 1.0) == 1.0 and not (recipe.get("toward") or recipe.get("turned"))
    if not whole or len(recipe["styles"]) != 1:
        raise NotAllowed("only a piece that took one style from another clip, and nothing else, checks such a claim")
    blind_pairs.offer(maker_of, listener_id, piece_id, claim=True)
    return claims_of(database, listener_id)


def claims_of(database: Database, listener_id: uuid.UUID) -> Claims:
    """What became of this listener's claims, about pictures or music as they have chosen.

    Raises ``UnknownListenerError``.
    """

    def work(session: Session) -> list[statistics.Claim]:
        listener = known_listener(session, listener_id)
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

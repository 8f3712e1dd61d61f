"""A vote, from what arrived to the next comparison; it counts once, however often it is sent.

``Voting._record`` is the whole story: lock, predict, learn, store, draw the next, write it down, answer. Once a pick is
stored, its answer says whether it was guessed and what had been compared.

What became of a whole piece (begun, heard out, skipped after a while, kept) is stored apart from votes. What it tells
when music is composed is read in ``webapp.learning.heads``; the head of the votes stays as it is.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import Any, Generic, Literal

import numpy as np
from sqlalchemy.orm import Session

from db.queries import composed, votes
from db.queries import listeners as listener_rows
from db.queries import votes as rows
from db.queries.offers import OfferRow
from db.queries.statistics import CHANGED, CLAIM
from db.tables import FOUR_PICKS, Listener
from models.taste.head import Head, after
from models.taste.space import TasteSpace
from webapp.composing import wishes
from webapp.learning import heads
from webapp.listening.comparison import OPEN, CandidatePool, Comparison, Shown, VoteRequest, features_of_all, shown
from webapp.listening.newcomers import Newcomers, shown_first
from webapp.runtime.database import Database, in_transaction, locked_listener
from webapp.runtime.errors import Contradiction, NotReady, NotYours, UnknownListenerError
from webapp.runtime.identity import Claim
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)
SIDES = ("left", "right")
PlayOutcome = Literal["begun", "heard_out", "skipped", "kept"]


@dataclass(frozen=True)
class Recorded:
    """What a vote led to: ``picks`` counts with it, ``open`` is what comes next; ``new`` unless it was sent again.

    ``picks_of_pictures``: how many of the picks compare pictures.
    """

    id: uuid.UUID
    outcome: str
    picks: int
    picks_of_pictures: int
    open: tuple[Shown, ...]
    new: bool = field(compare=False)


class Voting(Generic[OfferRow]):
    """A listener's comparisons of one kind: the open ones, and the votes on them."""

    def __init__(
        self, database: Database, journal: Journal, comparison: Comparison[OfferRow], newcomers: Newcomers
    ) -> None:
        self._database = database
        self._journal = journal
        self._kind: Comparison[OfferRow] = comparison
        self._newcomers = newcomers

    def open(self, listener_id: uuid.UUID, claim: Claim | None = None) -> tuple[Shown, ...]:
        """The two that are open, oldest first, made where missing; raises ``NotReady`` where there is not even one.

        Of somebody of whom nothing is stored yet, by the ``claim`` of their token, those that were drawn when they
        came.
        """

        def work(session: Session) -> tuple[Shown, ...]:
            listener = listener_rows.lock_listener(session, listener_id)
            if listener is None and claim is not None:
                return tuple(starmap(shown_first, self._newcomers.drawn(claim, self._kind.journal_name)))
            if listener is None:
                raise UnknownListenerError
            return self._open(session, listener, claim)

        found = self._database.transaction(work)
        if not found:
            raise NotReady("the first pieces are being composed; ask again in a second")
        return found

    def record_vote(
        self,
        listener_id: uuid.UUID,
        which: uuid.UUID,
        outcome: str,
        heard_ms: Sequence[int],
        claim: Claim | None = None,
    ) -> Recorded:
        """Store a vote and draw what comes next; the same vote again answers the same.

        The first vote of somebody stores them as well, and what was drawn for them, by the ``claim`` of their token.

        Raises ``NotYours`` for what was not offered to this listener, ``Contradiction`` where it has another outcome.
        """
        vote = VoteRequest(which, outcome, heard_ms)
        recorded = self._database.transaction(partial(self._record, listener_id=listener_id, vote=vote, claim=claim))
        status = "new" if recorded.new else "duplicate"
        log.info("vote %s=%s listener=%s outcome=%s status=%s", self._kind.name, which, listener_id, outcome, status)
        return recorded

    def _record(self, session: Session, *, listener_id: uuid.UUID, vote: VoteRequest, claim: Claim | None) -> Recorded:
        kind: Comparison[OfferRow] = self._kind
        tables = (kind.offer_table, kind.vote_table)
        lock = partial(rows.lock_offer, session, *tables, vote.which, listener_id=listener_id, outcome=vote.outcome)
        locked: rows.LockedOffer[OfferRow, Any] = lock()
        first = claim if locked.offer is None and claim is not None and claim.arrival is not None else None
        if first is not None:
            self._newcomers.store(session, first, kind.journal_name)
            locked = lock()
        offer, listener = locked.offer, locked.listener
        if offer is None or listener is None:
            raise NotYours(f"you have no {kind.name} {vote.which}; GET /api/{kind.name}s gives your open ones")
        if locked.vote is not None:
            return self._again(session, listener, vote, locked.vote)

        space = kind.playable.space_of(locked.domain)
        before = rows.before_vote(
            session,
            kind.offer_table,
            listener_id,
            model_version=space.version,
            pictures=space.of_pictures,
            which=vote.which,
        )
        head = _head_before(session, listener, space, before) or heads.before_first_vote(session, listener, space)
        known = heads.features_from(before.summaries, space)
        features = features_of_all(offer.clips, known)
        unknown = np.zeros((len(offer.clips), space.size))
        effects = heads.NO_EFFECTS if features is None else heads.effects_for(session, listener, space)
        own = heads.effects_on(effects, offer.clips)
        predicted = kind.predict(head, unknown if features is None else features, own)
        learned = after(head, heads.heard(head, known, offer.clips, vote.outcome, effects))
        columns = None if features is None else heads.columns_of(learned)
        stored = kind.store(session, offer, vote, predicted, head, learned=columns)

        picks = before.picks + (vote.outcome in kind.picks)
        alike = before.picks_alike + (vote.outcome in kind.picks)
        of_pictures = alike if space.of_pictures else picks - alike
        if kind.playable.space_of(listener.domain) is not space:  # an answer to what is not chosen any more
            learned = heads.load(session, listener_id, kind.playable.space_of(listener.domain))
        elif vote.outcome in kind.picks and wishes.is_due(alike):
            wishes.enqueue(session, listener, alike)
        waiting: list[OfferRow] = [each for each in before.open if each.id != offer.id]
        drawn: list[OfferRow] = self._fill_up(session, listener, learned, picks, waiting)
        unwritten: list[OfferRow] = list(drawn)
        if first is not None:
            unwritten += waiting  # stored just now
        self._journal.append(session, listener_id, known={kind.journal_name: [stored, *map(kind.row, unwritten)]})
        return Recorded(vote.which, vote.outcome, picks, of_pictures, _shown(listener, [*waiting, *drawn]), new=True)

    def _again(self, session: Session, listener: Listener, vote: VoteRequest, stored: rows.AnyVote) -> Recorded:
        """The answer to a vote that is stored already."""
        if stored.outcome != vote.outcome:
            raise Contradiction(
                f"this {self._kind.name} was answered with {stored.outcome!r} already; it can't become {vote.outcome!r}"
            )
        picks = rows.count_picks(session, listener.id, until=stored.created_at)
        of_pictures = rows.count_picks_of(session, listener.id, pictures=True, until=stored.created_at)
        return Recorded(vote.which, vote.outcome, picks, of_pictures, self._open(session, listener), new=False)

    def _open(self, session: Session, listener: Listener, claim: Claim | None = None) -> tuple[Shown, ...]:
        """What is open for a locked listener, made and written down where it is missing."""
        kind: Comparison[OfferRow] = self._kind
        space = kind.playable.space_of(listener.domain)
        before = partial(
            rows.before_vote,
            session,
            kind.offer_table,
            listener.id,
            model_version=space.version,
            pictures=space.of_pictures,
        )
        now: rows.BeforeVote[OfferRow] = before()
        unwritten: list[OfferRow] = []
        missing = now.picks == 0 or not now.open  # perhaps: what they saw before anything was stored of them
        if missing and claim is not None and self._newcomers.store(session, claim, kind.journal_name):
            now = before()
            unwritten += now.open
        drawn: list[OfferRow] = []
        if len(now.open) < OPEN:
            head = _head_before(session, listener, space, now) or heads.newcomer(session, listener.study_id, space)
            drawn = self._fill_up(session, listener, head, now.picks, now.open)
        unwritten += drawn
        if unwritten:
            self._journal.append(
                session, listener.id, known={kind.journal_name: [*map(kind.row, unwritten)]}, visit=True
            )
        return _shown(listener, [*now.open, *drawn])

    def _fill_up(
        self, session: Session, listener: Listener, head: Head, picks: int, waiting: Sequence[OfferRow]
    ) -> list[OfferRow]:
        """New ones, drawn and stored until ``OPEN`` are open; fewer where none is left."""
        kind: Comparison[OfferRow] = self._kind
        drawn: list[OfferRow] = []
        if len(waiting) >= OPEN:
            return drawn
        available = CandidatePool.of(session, kind.playable, listener)
        while (open_now := len(waiting) + len(drawn)) < OPEN:
            choice = kind.draw(session, listener, head, picks + open_now, available)
            one = kind.offer(session, listener, choice) if choice else None
            if one is None:
                break
            drawn.append(one)
            available.show(one.clips)
        return drawn


def _head_before(
    session: Session, listener: Listener, space: TasteSpace, before: rows.BeforeVote[OfferRow]
) -> Head | None:
    """The stored head, or the one that the votes lead to; None before the first."""
    if before.head is not None:
        return heads.from_row(before.head, space)
    return heads.learned(session, listener, space) if before.voted else None


def _shown(listener: Listener, offers: Sequence[OfferRow]) -> tuple[Shown, ...]:
    """The first two of what the listener has chosen; what was asked for in the studio waits behind these."""
    return tuple(shown(each, listener.domain) for each in offers[:OPEN])


@dataclass(frozen=True)
class Answer:
    """What there is to tell of a vote; None where there is nothing.

    ``guessed``: whether the side thought likeliest was picked. ``composed``: whether what was picked had been composed
    for this listener, where anything there was. ``claim``: whether a claim that was offered as this pair was right.
    ``place``: what was picked, counted from 0; None where nothing was.
    """

    place: int | None
    guessed: bool | None
    composed: bool | None
    claim: bool | None


@in_transaction
def of_vote(session: Session, listener_id: uuid.UUID, which: uuid.UUID) -> Answer | None:
    """What the listener's vote on this offer or four was; None where there is no such vote."""
    found = votes.answered(session, listener_id, which)
    return None if found is None else _answer(found)


def _answer(found: votes.Answered) -> Answer:
    names: Sequence[str] = SIDES if found.outcome in SIDES else FOUR_PICKS
    place = names.index(found.outcome) if found.outcome in names else None
    if place is None:
        return Answer(None, None, None, None)
    return Answer(
        place=place,
        guessed=_guessed(found.chances, place),
        composed=place in found.own if found.own and found.policy != CLAIM else None,
        claim=found.condition == CHANGED[found.outcome] if found.policy == CLAIM else None,
    )


def _guessed(chances: Sequence[float] | None, place: int) -> bool | None:
    """Whether the likeliest was picked; None where none was likelier than the others."""
    if chances is None or max(chances) - min(chances) < 1e-9:
        return None
    return chances[place] == max(chances)


@in_transaction
def record_play(
    session: Session,
    journal: Journal,
    listener_id: uuid.UUID,
    clip_id: uuid.UUID,
    *,
    outcome: PlayOutcome,
    heard_ms: int,
) -> None:
    """Store what became of a piece that sounded for ``heard_ms``; what is begun or kept again is stored once.

    Raises ``UnknownListenerError``, and ``NotYours`` for what is no whole piece of theirs.
    """
    locked_listener(session, listener_id)
    if not composed.is_whole_piece_of(session, clip_id, listener_id):
        raise NotYours(f"there is no whole piece {clip_id} of yours; the page “Whole pieces” lists them")
    play = composed.add_play(session, listener_id=listener_id, clip_id=clip_id, outcome=outcome, heard_ms=heard_ms)
    if play is not None:
        journal.append(session, listener_id, plays=[play])

"""A question about what fits better, from what arrived to the next one; an answer counts once, however often sent.

Two questions are open at a time: the one on the page and one to decode ahead. They have tables of their own, since an
offer of two clips teaches a taste and is counted, repeated and explained as such; an answer here teaches the tie alone.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import offers
from db.tables import FIT_PICKS, Fit, Listener
from models.picture.fit.head import Kind
from models.taste.head import Head, predict
from webapp.fit.drawings import shipped
from webapp.fit.drawn_questions import Drawn, DrawnQuestions
from webapp.fit.learned import compared, head_of
from webapp.learning.playable_clips import music_of
from webapp.listening.comparison import LEAST_MS, OPEN, ShownClip
from webapp.listening.newcomers import Newcomers
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, NotYours, UnknownListenerError
from webapp.runtime.identity import Claim
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

FitOutcome = Literal["left", "right", "equal", "skipped"]


@dataclass(frozen=True)
class ShownFit:
    """A question as the page sees it: of the ``kind`` "pictures" one clip and two pictures, else the reverse."""

    fit_id: uuid.UUID
    kind: Kind
    clips: tuple[ShownClip, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """What an answer led to: ``picks`` counts with it, ``open`` is what comes next; ``new`` unless it was sent again.

    ``foreseen``: whether the side that was picked had been thought likelier; None where nothing was picked.
    """

    fit_id: uuid.UUID
    outcome: str
    picks: int
    foreseen: bool | None
    open: tuple[ShownFit, ...]
    new: bool = field(compare=False)


class Questions:
    """A listener's questions about what fits: the open ones, and the answers."""

    def __init__(self, database: Database, journal: Journal, drawing: DrawnQuestions, newcomers: Newcomers) -> None:
        self._database = database
        self._journal = journal
        self._drawing = drawing
        self._newcomers = newcomers

    def open(self, listener_id: uuid.UUID, claim: Claim | None = None) -> tuple[int, tuple[ShownFit, ...]]:
        """How many picks there are, and the open questions, oldest first, made where missing.

        Of somebody of whom nothing is stored yet, by the ``claim`` of their token, those that were drawn when they
        came. Raises ``NotReady`` where there is none, and ``UnknownListenerError``.
        """

        def work(session: Session) -> tuple[int, tuple[ShownFit, ...]]:
            listener = listener_rows.lock_listener(session, listener_id)
            if listener is None and claim is not None:
                first = self._newcomers.drawn(claim, self._drawing.journal_name)
                return 0, tuple(_one_shown(which, Drawn.unpacked(each)) for which, each in first)
            if listener is None:
                raise UnknownListenerError
            questions, new = self._stored(session, listener_id, claim)
            waiting, drawn = self._filled(session, listener, questions)
            if new or drawn:
                self._journal.append(session, listener_id, fits=[fit.id for fit in (*new, *drawn)], visit=True)
            return offers.count_fit_picks(session, listener_id), _shown([*waiting, *drawn])

        picks, found = self._database.transaction(work)
        if not found:
            raise NotReady("the first pieces are being composed; ask again in a second")
        return picks, found

    def answer(
        self,
        listener_id: uuid.UUID,
        fit_id: uuid.UUID,
        outcome: FitOutcome,
        heard_ms: Sequence[int],
        claim: Claim | None = None,
    ) -> Answered:
        """Store an answer and draw what comes next; the same answer again gives the same.

        The first answer of somebody stores them as well, and what was drawn for them, by the ``claim`` of their token.

        Raises ``NotYours`` for what this listener was not asked, ``Contradiction`` where it has another answer, and
        ``NotAllowed`` where the music was not heard.
        """

        def work(session: Session) -> Answered:
            if claim is not None and claim.arrival is not None:
                self._newcomers.store(session, claim)
            listener = listener_rows.lock_listener(session, listener_id)
            if listener is None:
                raise UnknownListenerError
            questions, new = self._stored(session, listener_id, claim)
            fit = next((each for each in questions if each.id == fit_id), None)
            if fit is None:
                raise NotYours(f"you were not asked {fit_id}; GET /api/fits gives your open questions")
            answered = fit.outcome is None
            if fit.outcome is None:
                _require_heard(fit, outcome, heard_ms)
                self._store(session, fit, questions, outcome, heard_ms)
            elif fit.outcome != outcome:
                raise Contradiction(f"this was answered with {fit.outcome!r} already; it can't become {outcome!r}")
            waiting, drawn = self._filled(session, listener, questions)
            unwritten = {each.id for each in (*new, *drawn, *([fit] if answered else []))}
            if unwritten:
                self._journal.append(session, listener_id, fits=unwritten)
            picks = offers.count_fit_picks(session, listener_id)
            return Answered(fit_id, outcome, picks, _foreseen(fit), _shown([*waiting, *drawn]), new=answered)

        found = self._database.transaction(work)
        log.info("fit %s listener=%s outcome=%s new=%s", fit_id, listener_id, outcome, found.new)
        return found

    def _store(
        self, session: Session, fit: Fit, questions: Sequence[Fit], outcome: FitOutcome, heard_ms: Sequence[int]
    ) -> None:
        head = _head(questions)
        left, right = compared(fit)
        expected = predict(head, left - right)
        chances = np.array([expected.left[0], expected.equal[0], expected.right[0]])
        offers.answer_fit(
            session, fit, outcome=outcome, chances=(chances / chances.sum()).tolist(), votes_seen=head.votes_seen,
            heard_ms=heard_ms,
        )  # fmt: skip

    def _stored(self, session: Session, listener_id: uuid.UUID, claim: Claim | None) -> tuple[list[Fit], list[Fit]]:
        """All questions of a stored listener, and those stored just now: what they saw before their first answer."""
        questions = offers.fits_of(session, listener_id)
        if not questions and claim is not None and self._newcomers.store(session, claim, self._drawing.journal_name):
            questions = offers.fits_of(session, listener_id)
            return questions, questions
        return questions, []

    def _filled(self, session: Session, listener: Listener, questions: Sequence[Fit]) -> tuple[list[Fit], list[Fit]]:
        """The open questions of the listener's kind of music whose clips are there, and those drawn beside them."""
        waiting = [
            fit for fit in questions if fit.outcome is None and fit.domain == music_of(listener.domain) and _whole(fit)
        ][:OPEN]
        drawn: list[Fit] = []
        while len(waiting) + len(drawn) < OPEN:
            one = self._drawing.draw(session, listener, _head(questions), [*questions, *drawn])
            if one is None:
                break
            drawn.append(self._drawing.offer(session, listener, one))
        return waiting, drawn


def _head(questions: Sequence[Fit]) -> Head:
    answered = [fit for fit in questions if fit.outcome is not None]
    return head_of(sorted(answered, key=lambda fit: (fit.answered_at or datetime.now(UTC), fit.id)))


def _whole(fit: Fit) -> bool:
    """Whether its clips and its pictures are still there."""
    names = shipped().names
    return None not in (fit.left_clip, fit.right_clip) and {fit.left_picture, fit.right_picture} <= {*names}


def _require_heard(fit: Fit, outcome: FitOutcome, heard_ms: Sequence[int]) -> None:
    """Raises ``NotAllowed`` where a piece that is compared was not heard, or as many times as there are not pieces."""
    pieces = 1 if fit.kind == "pictures" else 2
    if len(heard_ms) != pieces:
        raise NotAllowed(f"heard_ms has {len(heard_ms)} numbers; give {pieces}, one for each piece of the question")
    if outcome != "skipped" and min(heard_ms) < LEAST_MS:
        raise NotAllowed(
            f"heard_ms tells that a piece was not heard; listen to {LEAST_MS / 1000:g} second of it at least, or send "
            'the outcome "skipped"'
        )


def _foreseen(fit: Fit) -> bool | None:
    if fit.outcome not in FIT_PICKS or fit.outcome == "equal" or not fit.chances:
        return None
    left, _, right = fit.chances
    return None if left == right else (left > right) == (fit.outcome == "left")


def _shown(fits: Sequence[Fit]) -> tuple[ShownFit, ...]:
    return tuple(_one_shown(fit.id, fit) for fit in fits)


def _one_shown(which: uuid.UUID, fit: Fit | Drawn) -> ShownFit:
    kind: Kind = "pictures" if fit.kind == "pictures" else "pieces"
    clips = [clip for clip in (fit.left_clip, fit.right_clip) if clip is not None]
    pictures = (fit.left_picture, fit.right_picture)
    some = clips[:1] if kind == "pictures" else clips
    return ShownFit(
        which, kind, tuple(ShownClip.of(clip, fit.seconds) for clip in some),
        pictures if kind == "pictures" else pictures[:1],
    )  # fmt: skip

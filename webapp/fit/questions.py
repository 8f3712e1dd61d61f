"""Questions about what fits better, drawn from the pool for one listener; an answer counts once, however often sent.

Two questions are open at a time: the one on the page and one to decode ahead. They have tables of their own, since an
offer of two clips teaches a taste and is counted, repeated and explained as such; an answer here teaches the tie alone.
Somebody new has questions before they are stored. What is measured of the pieces of a question is cached: each clip of
the pool is measured once.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers
from db.queries.offers import NotForThisListenerError
from db.tables import FIT_PICKS, Fit, Listener
from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.picture.fit.head import HEARD, VERSION, Kind, NoQuestionLeftError, Shown, choose, new_head, of_music
from models.taste.head import Head, predict
from webapp.fit.drawings import Drawings, shipped
from webapp.fit.learned import compared, head_of
from webapp.learning.playable_clips import PlayablePool, domain_named, music_of
from webapp.listening.comparison import LEAST_MS, OPEN, SHORT_SECONDS, ShownClip
from webapp.listening.newcomers import Newcomers
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, NotYours, UnknownListenerError
from webapp.runtime.identity import Claim
from webapp.runtime.journal import Journal

Floats = npt.NDArray[np.float64]
MOST_KEPT = 4000
PIECES = 60  # of the pool, among which a listener is asked

log = logging.getLogger(__name__)

FitOutcome = Literal["left", "right", "equal", "skipped"]


class MeasuredPieces:
    """Measures ``(5,)`` of clips by id; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[uuid.UUID, Floats] = {}

    def of(self, session: Session, clips: Sequence[uuid.UUID], domain: str) -> Floats:
        """Of these clips of a domain, in their order: ``(clips, 5)``."""
        lacking = [clip for clip in clips if clip not in self._kept]
        found = {
            music.id: of_music(attributes(Piece.from_json(music.notes)), domain_named(domain))
            for music in (clip_rows.music_of(session, lacking) if lacking else [])
        }
        with self._lock:
            if len(self._kept) > MOST_KEPT:
                self._kept.clear()
            self._kept.update(found)
            known = {**self._kept, **found}
        return np.stack([known[clip] for clip in clips]) if clips else np.zeros((0, len(HEARD)))


@dataclass(frozen=True)
class Drawn:
    """A question that is not stored yet; of the ``kind`` "pictures" both clips are the same, else both pictures."""

    domain: str
    kind: Kind
    left_clip: uuid.UUID
    left_picture: str
    right_clip: uuid.UUID
    right_picture: str
    seconds: float
    policy: str
    probability: float

    def packed(self) -> list[Any]:
        """In plain data, as a token holds it."""
        return [each.hex if isinstance(each, uuid.UUID) else each for each in astuple(self)]

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> Drawn:
        """What ``packed`` gave."""
        domain, kind, left_clip, left_picture, right_clip, *rest = packed
        return cls(domain, kind, uuid.UUID(left_clip), left_picture, uuid.UUID(right_clip), *rest)


class DrawnQuestions:
    """Draws and stores questions; of somebody new as ``FirstDraws`` says."""

    journal_name = "fits"

    def __init__(self, playable: PlayablePool) -> None:
        self._playable = playable
        self._measured = MeasuredPieces()

    def draw(self, session: Session, listener: Listener, head: Head, before: Sequence[Fit | Drawn]) -> Drawn | None:
        """A new question for a listener with this ``head`` who had those ``before``; None where none is left."""
        pictures, domain = shipped(), music_of(listener.domain)
        there = self._playable.clips(session, domain).playing(SHORT_SECONDS).ids
        order = np.random.default_rng(listener.id.int).permutation(len(there))[:PIECES]
        clips = [there[place] for place in order]
        music = self._measured.of(session, clips, domain)
        shown = _shown_so_far(before, clips, pictures)
        try:
            question = choose(
                head, music, pictures.measures, shown=shown, generator=np.random.default_rng(),
                seed=listener.id.int % 2**32,
            )  # fmt: skip
        except NoQuestionLeftError:
            return None
        (left, left_picture), (right, right_picture) = question.left, question.right
        return Drawn(
            domain, question.kind, clips[left], pictures.names[left_picture], clips[right],
            pictures.names[right_picture], SHORT_SECONDS, question.policy, min(question.probability, 1.0),
        )  # fmt: skip

    def offer(self, session: Session, listener: Listener, drawn: Drawn, **fixed: Any) -> Fit:
        """Store one with what is measured of its pieces and pictures, and columns that are ``fixed`` beforehand."""
        pictures = shipped()
        music = self._measured.of(session, [drawn.left_clip, drawn.right_clip], drawn.domain)
        left, right = (
            [*heard.tolist(), *pictures.measures[pictures.names.index(name)].tolist()]
            for heard, name in zip(music, (drawn.left_picture, drawn.right_picture), strict=True)
        )
        return offers.add_fit(
            session, listener_id=listener.id, domain=drawn.domain, kind=drawn.kind, left_clip=drawn.left_clip,
            right_clip=drawn.right_clip, left_picture=drawn.left_picture, right_picture=drawn.right_picture,
            left_measures=left, right_measures=right, measured_by=VERSION, seconds=drawn.seconds,
            policy=drawn.policy, probability=drawn.probability, **fixed,
        )  # fmt: skip

    def first(self, session: Session, listener: Listener) -> list[list[Any]]:
        """Draw those that are to be open first; fewer where none is left."""
        drawn: list[Drawn] = []
        while len(drawn) < OPEN and (one := self.draw(session, listener, new_head(), drawn)):
            drawn.append(one)
        return [each.packed() for each in drawn]

    def offer_first(self, session: Session, listener: Listener, drawn: Sequence[Any], **fixed: Any) -> bool:
        """Store one; not where it is stored already."""
        found = Drawn.unpacked(drawn)
        if offers.get_fit(session, listener.id, fixed["id"]) is not None:
            return False
        clips = {found.left_clip, found.right_clip}
        here = {music.id for music in clip_rows.music_of(session, [*clips])}
        if clips - here or {found.left_picture, found.right_picture} - {*shipped().names}:
            raise NotForThisListenerError(f"a clip or picture of question {fixed['id']} has gone")
        self.offer(session, listener, found, **fixed)
        return True


def _shown_so_far(before: Sequence[Fit | Drawn], clips: Sequence[uuid.UUID], pictures: Drawings) -> Shown:
    pieces, places = ({name: place for place, name in enumerate(names)} for names in (clips, pictures.names))
    heard = Counter(clip for fit in before for clip in {fit.left_clip, fit.right_clip})
    seen = Counter(name for fit in before for name in {fit.left_picture, fit.right_picture})
    compared_before = {
        frozenset(
            ((pieces[fit.left_clip], places[fit.left_picture]), (pieces[fit.right_clip], places[fit.right_picture]))
        )
        for fit in before
        if {fit.left_clip, fit.right_clip} <= pieces.keys() and {fit.left_picture, fit.right_picture} <= places.keys()
    }
    times = np.array([heard[clip] for clip in clips], dtype=np.int64)
    return Shown(times, np.array([seen[name] for name in pictures.names], dtype=np.int64), compared_before)


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

"""What all kinds of comparison have in common: one protocol, the clips that are drawn among, and what was heard.

Drawn among are a share of the pool, unheard clips first, and the listener's own. Whether somebody has listened before
they voted is known as far as the server can tell: a page counts what sounds, a program may say what it likes. So little
is refused, and what can't be true is marked.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries.heads import HeadColumns
from db.queries.offers import OfferRow, met_among, shown_among
from db.tables import BY_TENSION, OWN, PICTURE_SECONDS, PICTURES, RIVALS, Four, Listener, Offer
from models.taste.head import Head
from models.taste.policy import Mixture
from webapp.composing import media
from webapp.learning import heads
from webapp.learning.heads import Effects
from webapp.learning.playable_clips import PlayableClips, PlayablePool
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import VOTES_A_SECOND, VOTES_AT_ONCE, Buckets

SHORT_SECONDS, LONG_SECONDS = 7.0, 14.0
CANDIDATES = 120  # among which a pair is looked for: 7,140 pairs take a few milliseconds
KNOWN = 40  # at most so many of these were heard before: which of their 780 pairs were shown must be read
LOOKED_AT = 480  # clips of a large pool of which it is asked whether they were heard: others with each answer
UNHEARD_COMPOSED = 0.75  # share of pairs with an own clip that the listener never met, while one waits
FloatArray = npt.NDArray[np.float64]
Row = dict[str, Any]
OPEN = 2  # comparisons of a kind that a listener has before them: one on the page and one to decode ahead
LEAST_MS = 1_000
SLACK = timedelta(seconds=2)  # for two clocks
_votes = Buckets(VOTES_A_SECOND, VOTES_AT_ONCE)
Trust = Literal["heard", "suspicious", "unavailable"]


@dataclass(frozen=True)
class Candidates:
    """Clips to choose among; bool ``heard`` and ``composed`` ``(clips,)``: known already, and made for the listener.

    While clips that were made for them wait to be met, these alone are ``composed``.

    ``effects`` ``(clips,)``: what others hear in them beyond their features. ``offered``: the pairs, or fours, of them
    that this listener has had, as places in ``clips``.
    """

    clips: PlayableClips
    effects: npt.NDArray[np.float64]
    heard: npt.NDArray[np.bool_]
    composed: npt.NDArray[np.bool_]
    mixture: Mixture
    offered: Sequence[Sequence[int]]


@dataclass(frozen=True)
class CandidatePool:
    """What a listener may be played in their domain; however long their history, a bounded part of it is read.

    ``pool`` are everybody's clips, of many ``LOOKED_AT``, in an order of this listener; ``own`` are the playable
    clips composed for their taste, ``made_for`` the same as they are stored, ``rivals`` what stands beside these in
    blind tests, ``by_tension`` what tests the tension model; ``met`` are those of all these
    that they were ever offered, ``drawn`` the sets of clips that were drawn since; ``effects`` are those of clips.
    """

    listener_id: uuid.UUID
    domain: str
    pool: PlayableClips
    own: PlayableClips
    made_for: list[clip_rows.PoolClip]
    rivals: list[clip_rows.PoolClip]
    by_tension: list[clip_rows.PoolClip]
    met: set[uuid.UUID]
    effects: Effects
    drawn: list[tuple[uuid.UUID, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, session: Session, playable: PlayablePool, listener: Listener) -> CandidatePool:
        """Read it; the newest of the clips that were composed for the listener."""
        space = playable.space_of(listener.domain)
        pool = _in_order_of(listener, playable.clips(session, listener.domain))
        made = clip_rows.clips_for(session, listener.id, domain=listener.domain, model_version=space.version)
        made_for = [clip for clip in made if clip.kind in OWN]
        return cls(
            listener.id,
            listener.domain,
            pool,
            PlayableClips.of(made_for, space),
            made_for,
            [clip for clip in made if clip.kind in RIVALS],
            [clip for clip in made if clip.kind in BY_TENSION],
            met_among(session, listener.id, [*pool.ids, *(clip.id for clip in made)]),
            heads.effects_for(session, listener, space),
        )

    @property
    def waiting(self) -> list[clip_rows.PoolClip]:
        """Clips made for the listener that they never met, in a pair or as an opened gift."""
        return [clip for clip in self.made_for if clip.kind != "opened" and clip.id not in self.met]

    @property
    def shortest(self) -> float:
        """How long the first of what they hear plays; or how long each picture is to be seen."""
        return PICTURE_SECONDS if self.domain == PICTURES else SHORT_SECONDS

    def show(self, clips: tuple[uuid.UUID, ...]) -> None:
        """These have been drawn."""
        self.drawn.append(clips)
        self.met.update(clips)

    def candidates(self, session: Session, table: type[Offer | Four], seconds: float) -> Candidates:
        """Unheard clips of the pool first, and their own, that play for so long, for a pair or a four."""
        pool, own = self.pool.playing(seconds), self.own.playing(seconds)
        unheard = [i for i, clip in enumerate(pool.ids) if clip not in self.met][:CANDIDATES]
        again = [i for i, clip in enumerate(pool.ids) if clip in self.met][: min(KNOWN, CANDIDATES - len(unheard))]
        clips = pool.chosen(unheard + again).joined(own)
        known = [clip for clip in clips.ids if clip in self.met]
        place = {clip: index for index, clip in enumerate(clips.ids)}
        offered = set(shown_among(session, table, self.listener_id, known))
        offered.update(each for each in self.drawn if place.keys() >= {*each})
        composed = np.arange(len(clips.ids)) >= len(unheard) + len(again)
        heard = np.array([clip in self.met for clip in clips.ids], dtype=np.bool_)
        mixture = Mixture()
        waiting = {clip.id for clip in self.waiting}
        unmet = np.array([clip in waiting for clip in clips.ids], dtype=np.bool_)
        if unmet.any():
            mixture, composed = Mixture(composed=UNHEARD_COMPOSED), unmet
        places = [tuple(place[clip] for clip in ids) for ids in offered]
        return Candidates(clips, heads.effects_on(self.effects, clips.ids), heard, composed, mixture, places)


def _in_order_of(listener: Listener, pool: PlayableClips) -> PlayableClips:
    """``LOOKED_AT`` of these at most, in an order of this listener's that begins further on after each answer."""
    order = np.random.default_rng(listener.id.int).permutation(len(pool.ids))
    return pool.chosen(np.roll(order, -OPEN * (listener.journal_entries or 0))[:LOOKED_AT].tolist())


@dataclass(frozen=True)
class ShownClip:
    """A clip to play for so long, or a picture to be seen so long; nothing here tells where it comes from.

    A picture has an ``image_url`` in place of the other two.
    """

    clip_id: uuid.UUID
    audio_url: str | None
    notes_url: str | None
    seconds: float
    image_url: str | None = None

    @classmethod
    def of(cls, clip_id: uuid.UUID, seconds: float, *, picture: bool = False) -> ShownClip:
        """The clip with the addresses of its sound and its notes, or of the ``picture`` that it is."""
        if picture:
            return cls(clip_id, None, None, seconds, media.of_picture(clip_id))
        path = media.of_clip(clip_id, seconds)
        return cls(clip_id, path.format("audio"), path.format("notes"), seconds)


@dataclass(frozen=True)
class Shown:
    """A pair (the left clip first) or four clips in the order of their places, as the page sees them."""

    id: uuid.UUID
    clips: tuple[ShownClip, ...]


@dataclass(frozen=True)
class Draw:
    """What was drawn and is to be offered: ``clips`` in their order, how long each plays, and with which probability.

    ``probability``: of these clips in any order; ``condition`` where it is not the listener's own; ``repeats``: the
    earlier pair that this one mirrors.
    """

    clips: tuple[uuid.UUID, ...]
    seconds: float
    policy: str
    probability: float
    order_probability: float
    condition: str | None = None
    repeats: uuid.UUID | None = None


@dataclass(frozen=True)
class VoteRequest:
    """A vote as it arrives: on ``which`` offer, and how long each of its clips was heard."""

    which: uuid.UUID
    outcome: str
    heard_ms: Sequence[int]


class Comparison(Protocol[OfferRow]):
    """A way to compare clips; ``name`` stands in addresses and messages, ``picks`` are the outcomes that choose.

    ``offer_table`` and ``vote_table`` are its tables; the journal calls their rows ``journal_name``.
    """

    name: str
    journal_name: str
    offer_table: type[OfferRow]
    vote_table: type[Any]
    picks: Sequence[str]
    playable: PlayablePool

    def predict(self, head: Head, features: FloatArray, effects: FloatArray) -> Sequence[float]:
        """How likely each choice among clips with ``features`` ``(clips, F)`` and ``effects`` ``(clips,)`` is.

        They sum to 1.
        """
        ...

    def store(
        self,
        session: Session,
        offer: OfferRow,
        vote: VoteRequest,
        predicted: Sequence[float],
        head: Head,
        *,
        learned: HeadColumns | None,
    ) -> Row:
        """Store a vote with what ``head`` predicted and the head that it led to; its row for the journal."""
        ...

    def draw(
        self, session: Session, listener: Listener, head: Head, before: int, available: CandidatePool
    ) -> Draw | None:
        """Draw a new one, the listener's after ``before`` others; None where none is left."""
        ...

    def offer(self, session: Session, listener: Listener, drawn: Draw, **fixed: Any) -> OfferRow | None:
        """Store what was drawn, with columns that are ``fixed`` beforehand; None where they have had it before."""
        ...

    def row(self, offer: OfferRow) -> Row:
        """One that waits for its vote, for the journal."""
        ...


def shown(offer: Any, domain: str) -> Shown:
    """A stored comparison of clips of a ``domain`` as the page sees it."""
    clips = (ShownClip.of(clip, offer.seconds, picture=domain == PICTURES) for clip in offer.clips)
    return Shown(offer.id, tuple(clips))


def features_of_all(clips: Sequence[uuid.UUID], known: Mapping[uuid.UUID, FloatArray]) -> FloatArray | None:
    """Features ``(clips, F)``; None where one of them is of another model than the head."""
    return np.stack([known[clip] for clip in clips]) if all(clip in known for clip in clips) else None


def require_heard(outcome: str, heard_ms: Sequence[float]) -> None:
    """Raises ``NotAllowed`` for a vote that compares clips of which not even two were heard; a skip compares none."""
    if outcome != "skipped" and sum(each >= LEAST_MS for each in heard_ms) < 2:
        raise NotAllowed(
            f"heard_ms tells that fewer than two clips were heard; listen to {LEAST_MS / 1000:g} second of each at "
            'least, or send the outcome "skipped"'
        )


def require_pace(listener_id: uuid.UUID) -> None:
    """Raises ``TooMany`` where votes of one listener come faster than even a program needs."""
    if not _votes.take(str(listener_id)):
        raise TooMany("votes come too fast; try again in a few seconds")


def trust_of(vote: VoteRequest, asked_at: datetime) -> Trust:
    """Whether what is said to have been heard can be true, of clips that were offered at ``asked_at``."""
    if vote.outcome == "skipped":
        return "heard"
    passed = datetime.now(UTC) - asked_at
    if passed < -SLACK:
        return "unavailable"  # the database's clock and ours disagree
    longer = timedelta(milliseconds=sum(vote.heard_ms)) > passed + SLACK
    return "suspicious" if longer or min(vote.heard_ms) < LEAST_MS else "heard"

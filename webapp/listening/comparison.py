"""What every way to compare clips has in common: one protocol for pairs and best of four, and how clips are shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries.heads import HeadColumns
from db.queries.offers import Asked
from db.tables import PICTURES, Listener
from models.taste.head import Head
from webapp.composing import media
from webapp.learning.playable_clips import PlayablePool
from webapp.listening.candidates import Repertoire

FloatArray = npt.NDArray[np.float64]
Row = dict[str, Any]
OPEN = 2  # comparisons of a kind that a listener has before them: one on the page and one to decode ahead


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
class Cast:
    """A vote as it arrives: on ``which`` comparison, and how long each of its clips was heard."""

    which: uuid.UUID
    outcome: str
    heard_ms: Sequence[int]


class Comparison(Protocol[Asked]):
    """A way to compare clips; ``name`` stands in addresses and messages, ``picks`` are the outcomes that choose.

    ``asked`` and ``votes`` are its tables, ``rows`` is what the journal calls them.
    """

    name: str
    rows: str
    asked: type[Asked]
    votes: type[Any]
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
        asked: Asked,
        vote: Cast,
        predicted: Sequence[float],
        head: Head,
        *,
        learned: HeadColumns | None,
    ) -> Row:
        """Store a vote with what ``head`` predicted and the head that it led to; its row for the journal."""
        ...

    def draw(
        self, session: Session, listener: Listener, head: Head, before: int, repertoire: Repertoire
    ) -> Draw | None:
        """Draw a new one, the listener's after ``before`` others; None where none is left."""
        ...

    def offer(self, session: Session, listener: Listener, drawn: Draw, **fixed: Any) -> Asked | None:
        """Store what was drawn, with columns that are ``fixed`` beforehand; None where they have had it before."""
        ...

    def row(self, asked: Asked) -> Row:
        """One that waits for its vote, for the journal."""
        ...


def shown(asked: Any, domain: str) -> Shown:
    """A stored comparison of clips of a ``domain`` as the page sees it."""
    clips = (ShownClip.of(clip, asked.seconds, picture=domain == PICTURES) for clip in asked.clips)
    return Shown(asked.id, tuple(clips))


def features_of_all(clips: Sequence[uuid.UUID], known: Mapping[uuid.UUID, FloatArray]) -> FloatArray | None:
    """Features ``(clips, F)``; None where one of them is of another model than the head."""
    return np.stack([known[clip] for clip in clips]) if all(clip in known for clip in clips) else None

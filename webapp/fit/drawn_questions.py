"""Questions about what fits, drawn from the pool for one listener; somebody new has theirs before they are stored.

What is measured of the pieces that may be asked about is kept in memory: each clip of the pool is measured once.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers
from db.queries.offers import NotForThisListenerError
from db.tables import Fit, Listener
from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.picture.fit.head import HEARD, VERSION, Kind, NoQuestionLeftError, Shown, choose, new_head, of_music
from models.taste.head import Head
from webapp.fit.drawings import Drawings, shipped
from webapp.learning.playable_clips import PlayablePool, domain_named, music_of
from webapp.listening.comparison import OPEN, SHORT_SECONDS

Floats = npt.NDArray[np.float64]
MOST_KEPT = 4000
PIECES = 60  # of the pool, among which a listener is asked


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

"""The clips among which a comparison is drawn: a share of the pool, unheard clips first, and the listener's own."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries.offers import shown_sets
from db.tables import GUIDED, OWN, PICTURE_SECONDS, PICTURES, RIVALS, Listener
from models.taste.policy import Mixture
from webapp.learning import heads
from webapp.learning.heads import Effects
from webapp.learning.playable_clips import PlayableClips, PlayablePool

SHORT_SECONDS, LONG_SECONDS = 7.0, 14.0
CANDIDATES = 120  # among which a pair is looked for: 7,140 pairs take a few milliseconds
UNHEARD_COMPOSED = 0.75  # share of pairs with an own clip while one waits that the listener never met


@dataclass(frozen=True)
class Candidates:
    """Clips to choose among; bool ``heard`` and ``composed`` ``(clips,)``: known already, and made for the listener.

    ``effects`` ``(clips,)``: what others hear in them beyond their features.
    """

    clips: PlayableClips
    effects: npt.NDArray[np.float64]
    heard: npt.NDArray[np.bool_]
    composed: npt.NDArray[np.bool_]
    mixture: Mixture

    def places(self, sets: Iterable[Collection[uuid.UUID]], size: int) -> list[tuple[int, ...]]:
        """Those of these sets of so many clips that lie among the candidates, as places in ``clips``."""
        place = {clip: index for index, clip in enumerate(self.clips.ids)}
        return [tuple(place[clip] for clip in each) for each in sets if len(each) == size and place.keys() >= {*each}]


@dataclass(frozen=True)
class Repertoire:
    """All that a listener may be played in their domain, and every set of clips that they were ever ``shown``.

    ``own`` are the playable clips composed for their taste, ``made_for`` the same as they are stored, ``rivals`` what
    stands beside these in blind tests, ``guided`` what the tension model chose and what stands beside that; ``met`` are
    all clips in ``shown``; ``effects`` are those of clips.
    """

    listener_id: uuid.UUID
    domain: str
    pool: PlayableClips
    own: PlayableClips
    made_for: list[clip_rows.PoolClip]
    rivals: list[clip_rows.PoolClip]
    guided: list[clip_rows.PoolClip]
    shown: list[tuple[uuid.UUID, ...]]
    met: set[uuid.UUID]
    effects: Effects

    @classmethod
    def of(cls, session: Session, playable: PlayablePool, listener: Listener) -> Repertoire:
        """Read it; the newest of the clips that were composed for the listener."""
        space = playable.space_of(listener.domain)
        pool = playable.clips(session, listener.domain)
        made = clip_rows.clips_for(session, listener.id, domain=listener.domain, model_version=space.version)
        made_for = [clip for clip in made if clip.kind in OWN]
        shown = shown_sets(session, listener.id)
        return cls(
            listener.id,
            listener.domain,
            pool,
            PlayableClips.of(made_for, space),
            made_for,
            [clip for clip in made if clip.kind in RIVALS],
            [clip for clip in made if clip.kind in GUIDED],
            shown,
            {clip for clips in shown for clip in clips},
            heads.effects_for(session, listener, space),
        )

    @property
    def shortest(self) -> float:
        """How long the first of what they hear plays; or how long each picture is to be seen."""
        return PICTURE_SECONDS if self.domain == PICTURES else SHORT_SECONDS

    def show(self, clips: tuple[uuid.UUID, ...]) -> None:
        """These have been drawn."""
        self.shown.append(clips)
        self.met.update(clips)

    def candidates(self, seconds: float) -> Candidates:
        """Unheard clips of the pool first, in an order of this listener's, and their own, that play for so long."""
        pool, own = self.pool.playing(seconds), self.own.playing(seconds)
        order = np.random.default_rng(self.listener_id.int).permutation(len(pool.ids)).tolist()
        pool = pool.chosen(sorted(order, key=lambda i: pool.ids[i] in self.met)[:CANDIDATES])
        clips = pool.joined(own)
        composed = np.arange(len(clips.ids)) >= len(pool.ids)
        heard = np.array([clip in self.met for clip in clips.ids], dtype=np.bool_)
        mixture = Mixture(composed=UNHEARD_COMPOSED) if (composed & ~heard).any() else Mixture()
        return Candidates(clips, heads.effects_on(self.effects, clips.ids), heard, composed, mixture)

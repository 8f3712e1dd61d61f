"""The playable clips of each domain with their features, kept in memory: choosing a pair reads no clip.

The pool only grows, and a clip that has been retired since may still be offered: looking again once a second is enough.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as rows
from models.taste.space import TasteSpace

FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class PlayableClips:
    """``ids`` of clips, their ``features`` float64 ``(clips, F)``, and the lengths in seconds that each has."""

    ids: tuple[uuid.UUID, ...]
    features: npt.NDArray[np.float64]
    seconds: tuple[tuple[float, ...], ...]
    _playing: dict[float, PlayableClips] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, clips: Sequence[rows.PoolClip], space: TasteSpace) -> PlayableClips:
        """Features of clips as they are stored."""
        summaries = np.stack([clip.summary for clip in clips]) if clips else np.zeros((0, space.dims))
        features = space.features(summaries) if clips else np.zeros((0, space.size))
        return cls(tuple(clip.id for clip in clips), features, tuple(clip.seconds for clip in clips))

    def chosen(self, indices: Sequence[int]) -> PlayableClips:
        """Some of them, in this order."""
        where = list(indices)
        return PlayableClips(
            tuple(self.ids[i] for i in where), self.features[where], tuple(self.seconds[i] for i in where)
        )

    def joined(self, other: PlayableClips) -> PlayableClips:
        """These, then the others."""
        return PlayableClips(
            self.ids + other.ids, np.vstack([self.features, other.features]), self.seconds + other.seconds
        )

    def playing(self, seconds: float) -> PlayableClips:
        """Those that can be played for so long."""
        if seconds not in self._playing:
            self._playing[seconds] = self.chosen([i for i, lengths in enumerate(self.seconds) if seconds in lengths])
        return self._playing[seconds]


class PlayablePool:
    """The pool by domain; safe between threads."""

    def __init__(self, space: TasteSpace) -> None:
        self._space = space
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, int, PlayableClips]] = {}

    def clips(self, session: Session, domain: str) -> PlayableClips:
        """Everybody's playable clips of a domain; read again only where their number has changed."""
        now = time.monotonic()
        kept = self._kept.get(domain)
        if kept and now - kept[0] < FRESH_SECONDS and len(kept[2].ids) >= 2:
            return kept[2]
        count = rows.count_pool(session, domain=domain, model_version=self._space.version)
        with self._lock:
            kept = self._kept.get(domain)
            if kept and kept[1] == count:
                clips = kept[2]
            else:
                found = rows.pool_clips(session, domain=domain, model_version=self._space.version)
                clips = PlayableClips.of(found, self._space)
            self._kept[domain] = (now, count, clips)
        return clips

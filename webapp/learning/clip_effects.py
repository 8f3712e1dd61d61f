"""The effects of clips for one listener: what the other listeners of their study hear in a clip beyond its features.

Effects are stored with the population that a head begins from. Listeners are divided into folds, and for each fold the
effects are learned from all others: what somebody's own votes have taught does not come back to them as others' taste.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import heads
from db.tables import Listener
from models.taste.space import TasteSpace

FOLDS = 5
KEPT = 16  # populations whose effects are kept in memory
DECIMALS = 4

FloatArray = npt.NDArray[np.float64]
Effects = Mapping[uuid.UUID, float]
NONE: Effects = {}


def fold_of(listener_id: uuid.UUID) -> int:
    """The fold of a listener: always the same, and as good as drawn."""
    return listener_id.int % FOLDS


def of_listener(session: Session, listener: Listener, space: TasteSpace) -> Effects:
    """By clip, where the listener's head in this space began at a population that knows some.

    A clip that isn't there has none.
    """
    began = listener.began_at(pictures=space.of_pictures)
    return NONE if began is None else _KEPT.of(session, began)[fold_of(listener.id)]


def of_clips(effects: Effects, clips: Sequence[uuid.UUID]) -> FloatArray:
    """The effects of these clips ``(clips,)``, 0 where there is none."""
    return np.array([effects.get(clip, 0.0) for clip in clips], dtype=np.float64)


def as_stored(effects: Mapping[uuid.UUID, FloatArray]) -> dict[str, list[float]]:
    """Effects ``(folds,)`` by clip as a population's row has them."""
    return {str(clip): np.round(by_fold, DECIMALS).tolist() for clip, by_fold in effects.items()}


class _Kept:
    """The effects of the populations asked for last: their rows never change. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[uuid.UUID, list[Effects]] = OrderedDict()

    def of(self, session: Session, population_id: uuid.UUID) -> list[Effects]:
        """By fold."""
        with self._lock:
            if population_id in self._found:
                self._found.move_to_end(population_id)
                return self._found[population_id]
        stored = heads.effects_of(session, population_id)
        found: list[Effects] = [
            {uuid.UUID(clip): by_fold[fold] for clip, by_fold in stored.items()} for fold in range(FOLDS)
        ]
        with self._lock:
            self._found[population_id] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return found


_KEPT = _Kept()

"""The judges of mood beside the composer: what many pieces express; loaded when they are first asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.mood.judge import MoodBundle, load_mood
from models.mood.labels import LEAST_NOTES
from models.mood.steering import nearest
from models.music.notes import Piece
from webapp.generation.protocol import GeneratorUnavailable, Mood, MoodsResult

log = logging.getLogger(__name__)


class MoodJudges:
    """The shipped judges; may be asked from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle: MoodBundle | None = None

    def moods(self, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
        """What both judges say of pieces (``Piece.to_json``), in their order; None for one with too few notes.

        Raises ``GeneratorUnavailable`` where they can't be loaded.
        """
        found: list[Mood | None] = []
        with self._lock:
            bundle = self._loaded()
        for notes in pieces:
            piece = Piece.from_json(notes)
            if len(piece.notes) < LEAST_NOTES:
                found.append(None)
                continue
            said = bundle.judge([piece])
            found.append(Mood(valence=float(said.valence[0]), arousal=float(said.arousal[0])))
        return MoodsResult(moods=found, model_version=bundle.version)

    def nearest(self, pieces: Sequence[Piece], wished: tuple[float, float]) -> Piece:
        """The one whose valence and arousal both judges together find nearest; the first where they can't be loaded."""
        try:
            with self._lock:
                bundle = self._loaded()
        except GeneratorUnavailable as error:
            log.warning("no_judges_of_mood error=%s", error)
            return pieces[0]
        said = bundle.judge(list(pieces))
        return pieces[nearest(wished, np.stack([said.valence, said.arousal], 1))]

    def _loaded(self) -> MoodBundle:
        if self._bundle is None:
            try:
                self._bundle = load_mood()
            except (OSError, ValueError) as error:
                raise GeneratorUnavailable(f"the judges of mood cannot be used: {error}") from error
        return self._bundle
